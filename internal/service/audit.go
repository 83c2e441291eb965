package service

import (
	"context"
	"math"

	"google.golang.org/grpc"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

// auditLog implements pb.AuditLogServiceServer.
type auditLog struct {
	pb.UnimplementedAuditLogServiceServer
	*Services
}

// seen says which records the caller may see: those of realms that it administers,
// and those of no realm when it administers all.
func (a *auditLog) seen(ctx context.Context) (func(realm string) bool, error) {
	if a.audited == nil {
		return nil, logOff()
	}
	p := auth.FromContext(ctx)
	if p == nil {
		return nil, refuse(pb.ErrorReason_ERROR_REASON_UNAUTHENTICATED, "audit records are for administrators; authenticate")
	}
	return func(realm string) bool {
		if realm == "" {
			realm = auth.AllRealms
		}
		return p.Role(realm) >= auth.Admin
	}, nil
}

// ListAuditRecords lists records, newest first.
func (a *auditLog) ListAuditRecords(ctx context.Context, req *pb.ListAuditRecordsRequest) (*pb.ListAuditRecordsResponse, error) {
	out, err := a.list(ctx, req)
	if err != nil {
		return nil, a.statusOf(err)
	}
	sendETag(ctx, messageTag(out))
	return out, nil
}

func (a *auditLog) list(ctx context.Context, req *pb.ListAuditRecordsRequest) (*pb.ListAuditRecordsResponse, error) {
	see, err := a.seen(ctx)
	if err != nil {
		return nil, err
	}
	n, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	f, err := decisionlog.ParseAuditFilter(req.GetFilter())
	if err != nil {
		return nil, invalidAt("/filter", "%v", err)
	}
	binding := logToken{list: "/auditRecords", filter: req.GetFilter()}
	at, err := binding.parse(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	out := &pb.ListAuditRecordsResponse{}
	out.AuditRecords, at, err = bounded(n, func(n int) ([]*pb.AuditRecord, decisionlog.Cursor, error) {
		return a.audited.ListAudit(ctx, see, f, at, n)
	})
	if err != nil {
		return nil, logError(ctx, err)
	}
	total, err := a.audited.CountAudit(ctx, see)
	if err != nil {
		return nil, logError(ctx, err)
	}
	out.NextPageToken, out.TotalSize = binding.format(at), int32(min(total, math.MaxInt32))
	return out, nil
}

// FollowAuditRecords tells of records as they are kept.
func (a *auditLog) FollowAuditRecords(
	req *pb.FollowAuditRecordsRequest, stream grpc.ServerStreamingServer[pb.FollowAuditRecordsResponse],
) error {
	ctx, done := a.untilStop(stream.Context())
	defer done()
	return a.streamStatus(relay(ctx, stream, func() (<-chan *pb.AuditRecord, error) { return a.follow(ctx, req) },
		func(r *pb.AuditRecord) *pb.FollowAuditRecordsResponse {
			return &pb.FollowAuditRecordsResponse{Document: r}
		}))
}

func (a *auditLog) follow(ctx context.Context, req *pb.FollowAuditRecordsRequest) (<-chan *pb.AuditRecord, error) {
	see, err := a.seen(ctx)
	if err != nil {
		return nil, err
	}
	f, err := decisionlog.ParseAuditFollowFilter(req.GetFilter())
	if err != nil {
		return nil, invalidAt("/filter", "%v", err)
	}
	return a.audited.FollowAudit(ctx, see, f)
}
