package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

// decisionLog implements pb.DecisionLogService. Decisions of a realm that was
// deleted can be erased, and else wait until their time has come: who reads them
// needs the realm.
type decisionLog struct {
	pb.UnimplementedDecisionLogServiceServer
	*Services
}

// ListDecisions lists decisions, newest first.
func (l *decisionLog) ListDecisions(ctx context.Context, req *pb.ListDecisionsRequest) (*pb.ListDecisionsResponse, error) {
	out, err := l.list(ctx, req)
	if err != nil {
		return nil, l.statusOf(err)
	}
	sendETag(ctx, messageTag(out))
	return out, nil
}

func (l *decisionLog) list(ctx context.Context, req *pb.ListDecisionsRequest) (*pb.ListDecisionsResponse, error) {
	snap, err := l.loggedRealm(req.GetRealm())
	if err != nil {
		return nil, err
	}
	n, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	f, err := decisionlog.ParseFilter(req.GetFilter())
	if err != nil {
		return nil, invalidAt("/filter", "%v", err)
	}
	binding := logToken{list: "/decisions", realm: req.GetRealm(), filter: req.GetFilter()}
	at, err := binding.parse(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	out := &pb.ListDecisionsResponse{Revision: snap.meta.Revision}
	out.Decisions, at, err = bounded(n, func(n int) ([]*pb.LoggedDecision, decisionlog.Cursor, error) {
		return l.kept.List(ctx, snap.realm, f, at, n)
	})
	if err != nil {
		return nil, logError(ctx, err)
	}
	total, err := l.kept.Count(ctx, snap.realm)
	if err != nil {
		return nil, logError(ctx, err)
	}
	out.NextPageToken, out.TotalSize = binding.format(at), int32(min(total, math.MaxInt32))
	return out, nil
}

// loggedRealm is a realm whose decisions can be read.
func (s *Services) loggedRealm(name string) (*snapshot, error) {
	if s.kept == nil {
		return nil, logOff()
	}
	if snap := s.realms.get(name); snap != nil {
		return snap, nil
	}
	return nil, realmNotFound(name)
}

func logOff() *refusal {
	return refuse(pb.ErrorReason_ERROR_REASON_DECISION_LOG_OFF,
		"the server keeps none; set decision-log.mode to best-effort or block to have decisions kept")
}

// logError tells what the log could not do.
func logError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, decisionlog.ErrTooMany):
		return refuse(pb.ErrorReason_ERROR_REASON_BUSY, "%v; try again when others have ended", err)
	}
	return refuse(pb.ErrorReason_ERROR_REASON_STORAGE, "the decision log cannot be used: %v", err)
}

// GetDecision returns a decision.
func (l *decisionLog) GetDecision(ctx context.Context, req *pb.GetDecisionRequest) (*pb.GetDecisionResponse, error) {
	d, err := l.get(ctx, req.GetRealm(), req.GetDecisionId())
	if err != nil {
		return nil, l.statusOf(err)
	}
	sendETag(ctx, messageTag(d))
	return &pb.GetDecisionResponse{Document: d}, nil
}

func (l *decisionLog) get(ctx context.Context, realm, id string) (*pb.LoggedDecision, error) {
	snap, err := l.loggedRealm(realm)
	if err != nil {
		return nil, err
	}
	d, err := l.kept.Get(ctx, snap.realm, id)
	if errors.Is(err, decisionlog.ErrNotFound) {
		return nil, refuse(pb.ErrorReason_ERROR_REASON_DECISION_NOT_FOUND,
			"realm %q has no decision %q: it never was, was not kept, or is gone; one that was just made shows in a moment",
			snap.realm, shorten(id))
	}
	if err != nil {
		return nil, logError(ctx, err)
	}
	return d, nil
}

// FollowDecisions tells of decisions as they are kept.
func (l *decisionLog) FollowDecisions(req *pb.FollowDecisionsRequest, stream grpc.ServerStreamingServer[pb.FollowDecisionsResponse]) error {
	ctx, done := l.untilStop(stream.Context())
	defer done()
	return l.streamStatus(relay(ctx, stream, func() (<-chan *pb.LoggedDecision, error) { return l.follow(ctx, req) },
		func(d *pb.LoggedDecision) *pb.FollowDecisionsResponse {
			return &pb.FollowDecisionsResponse{Document: d}
		}))
}

func (l *decisionLog) follow(ctx context.Context, req *pb.FollowDecisionsRequest) (<-chan *pb.LoggedDecision, error) {
	snap, err := l.loggedRealm(req.GetRealm())
	if err != nil {
		return nil, err
	}
	f, err := decisionlog.ParseFollowFilter(req.GetFilter())
	if err != nil {
		return nil, invalidAt("/filter", "%v", err)
	}
	return l.kept.Follow(ctx, snap.realm, f)
}

// ExportDecisions returns all decisions, oldest first. The log reads on as fast as
// the caller takes them.
func (l *decisionLog) ExportDecisions(req *pb.ExportDecisionsRequest, stream grpc.ServerStreamingServer[pb.ExportDecisionsResponse]) error {
	return l.streamStatus(l.export(req, stream))
}

func (l *decisionLog) export(req *pb.ExportDecisionsRequest, stream grpc.ServerStreamingServer[pb.ExportDecisionsResponse]) error {
	snap, err := l.loggedRealm(req.GetRealm())
	if err != nil {
		return err
	}
	f, err := decisionlog.ParseFilter(req.GetFilter())
	if err != nil {
		return invalidAt("/filter", "%v", err)
	}
	ctx := stream.Context()
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	var sending error
	err = l.kept.Each(ctx, snap.realm, f, func(d *pb.LoggedDecision) error {
		if sending = ctx.Err(); sending == nil {
			sending = stream.Send(&pb.ExportDecisionsResponse{Document: d})
		}
		return sending
	})
	if sending != nil {
		return sending
	}
	if err != nil {
		return logError(ctx, err)
	}
	return nil
}

// EraseDecisions erases the decisions of a client or a user.
func (l *decisionLog) EraseDecisions(ctx context.Context, req *pb.EraseDecisionsRequest) (*pb.EraseDecisionsResponse, error) {
	n, err := l.erase(ctx, req)
	if err != nil {
		return nil, l.statusOf(err)
	}
	return &pb.EraseDecisionsResponse{Erased: n}, nil
}

func (l *decisionLog) erase(ctx context.Context, req *pb.EraseDecisionsRequest) (int64, error) {
	_, err := l.loggedRealm(req.GetRealm())
	if l.kept == nil {
		return 0, err
	}
	if problems := l.checkErase(req); len(problems) > 0 {
		return 0, invalid(problems...)
	}
	n, failed := l.kept.Erase(ctx, req.GetRealm(), req.GetClientId(), req.GetUser())
	switch {
	case failed != nil:
		return 0, logError(ctx, failed)
	case n == 0 && err != nil:
		return 0, err // nor was there ever such a realm, as far as anybody knows
	}
	return n, nil
}

// checkErase lists what is wrong with a request to erase.
func (l *decisionLog) checkErase(req *pb.EraseDecisionsRequest) []violation {
	if req.GetClientId() == "" && req.GetUser() == "" {
		return []violation{
			{"/clientId", "neither clientId nor user is sent; send one of them, or both to erase what concerns both"},
			{"/user", "neither clientId nor user is sent"},
		}
	}
	var list []violation
	for field, value := range map[string]string{"/clientId": req.GetClientId(), "/user": req.GetUser()} {
		if n := len(value); n > l.limits.StringBytes {
			list = append(list, violation{field, fmt.Sprintf("has %d bytes, at most %d are allowed", n, l.limits.StringBytes)})
		}
	}
	return list
}

// messageTag is the entity tag of an answer that has no revision of its own.
func messageTag(m proto.Message) string {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}
