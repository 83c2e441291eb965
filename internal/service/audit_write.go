package service

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

// writes are the RPCs that change something, and what a record of them is called.
var writes = map[string]pb.AuditRecord_Kind{
	pb.RealmService_CreateRealm_FullMethodName: pb.AuditRecord_KIND_WRITE,
	pb.RealmService_UpdateRealm_FullMethodName: pb.AuditRecord_KIND_WRITE,
	pb.RealmService_DeleteRealm_FullMethodName: pb.AuditRecord_KIND_WRITE,

	pb.PolicyAdminService_ReplacePolicySet_FullMethodName: pb.AuditRecord_KIND_WRITE,
	pb.PolicyAdminService_CreateProfile_FullMethodName:    pb.AuditRecord_KIND_WRITE,
	pb.PolicyAdminService_ReplaceProfile_FullMethodName:   pb.AuditRecord_KIND_WRITE,
	pb.PolicyAdminService_UpdateProfile_FullMethodName:    pb.AuditRecord_KIND_WRITE,
	pb.PolicyAdminService_DeleteProfile_FullMethodName:    pb.AuditRecord_KIND_WRITE,
	pb.PolicyAdminService_CreatePolicy_FullMethodName:     pb.AuditRecord_KIND_WRITE,
	pb.PolicyAdminService_ReplacePolicy_FullMethodName:    pb.AuditRecord_KIND_WRITE,
	pb.PolicyAdminService_UpdatePolicy_FullMethodName:     pb.AuditRecord_KIND_WRITE,
	pb.PolicyAdminService_DeletePolicy_FullMethodName:     pb.AuditRecord_KIND_WRITE,
	pb.PolicyAdminService_MovePolicy_FullMethodName:       pb.AuditRecord_KIND_WRITE,

	pb.RevisionService_RollbackRevision_FullMethodName: pb.AuditRecord_KIND_WRITE,

	pb.DecisionLogService_EraseDecisions_FullMethodName: pb.AuditRecord_KIND_ERASURE,
}

// AuditUnary is a grpc.UnaryServerInterceptor that tells Options.Audit of every
// write, carried out or refused. It belongs behind the one that recognises the
// caller. Writes that only check are not told of, nor are reads.
func (s *Services) AuditUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	kind, isWrite := writes[info.FullMethod]
	if !isWrite || s.audit == nil || onlyChecks(req) {
		return handler(ctx, req)
	}
	made := &commits{}
	// A handler that panics ends here too: the code is that of the answer then.
	result := codes.Internal
	defer func() {
		s.audit(&pb.AuditRecord{
			Time: timestamppb.New(s.now()), Kind: kind, Caller: authorOf(ctx), From: fromOf(ctx), Realm: shortName(realmOf(req)),
			Method: info.FullMethod, Code: code.Code_name[int32(result)], Revision: made.revision,
			Detail: detailOf(req, resp, err), TraceId: traceID(ctx),
		})
	}()
	resp, err = handler(context.WithValue(ctx, commitsKey{}, made), req)
	result = status.Code(err)
	return resp, err
}

func onlyChecks(req any) bool {
	r, ok := req.(interface{ GetValidateOnly() bool })
	return ok && r.GetValidateOnly()
}

func realmOf(req any) string {
	switch r := req.(type) {
	case *pb.CreateRealmRequest:
		return r.GetDocument().GetName()
	case interface{ GetRealm() string }:
		return r.GetRealm()
	}
	return ""
}

// metadataFrom is where the gateway in this process says that a call came from.
const metadataFrom = "x-sidegate-peer-from"

// fromOf is where a call came from: the peer, or that of the gateway in this
// process; empty when the call came from within.
func fromOf(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	switch {
	case !ok || p.Addr == nil:
		return ""
	case p.Addr.Network() != "bufconn":
		return shortName(p.Addr.String())
	}
	if from := one(metadata.ValueFromIncomingContext(ctx, metadataFrom)); from != "" {
		return shortName(from)
	}
	// The gateway appends the address of its own peer.
	forwarded := strings.Join(metadata.ValueFromIncomingContext(ctx, "x-forwarded-for"), ",")
	return shortName(strings.TrimSpace(forwarded[strings.LastIndex(forwarded, ",")+1:]))
}

// maxAuditFields is the greatest number of members that a record names.
const maxAuditFields = 10

// detailOf tells which item a write was of and why it was refused. What was wrong
// with a document is told by place alone: the text of the refusal can quote it.
func detailOf(req, resp any, err error) string {
	var parts []string
	if item := itemOf(req); item != "" {
		parts = append(parts, item)
	}
	if r, ok := resp.(*pb.EraseDecisionsResponse); ok && r != nil {
		parts = append(parts, fmt.Sprintf("decisions of %s erased: %d", subjectOf(req), r.GetErased()))
	}
	if err != nil {
		parts = append(parts, refusalText(status.Convert(err)))
	}
	return strings.Join(parts, "; ")
}

// itemOf names the item of a write.
func itemOf(req any) string {
	switch r := req.(type) {
	case *pb.CreateProfileRequest:
		return quotedName("profile", r.GetDocument().GetName())
	case *pb.CreatePolicyRequest:
		return quotedName("policy", r.GetDocument().GetName())
	case interface{ GetProfile() string }:
		return quotedName("profile", r.GetProfile())
	case interface{ GetPolicy() string }:
		return quotedName("policy", r.GetPolicy())
	case *pb.RollbackRevisionRequest:
		return fmt.Sprint("to revision ", r.GetRevision())
	}
	return ""
}

func quotedName(noun, name string) string { return fmt.Sprintf("%s %q", noun, shortName(name)) }

// subjectOf says what kind of decisions are erased, and not whose.
func subjectOf(req any) string {
	r, _ := req.(*pb.EraseDecisionsRequest)
	switch {
	case r.GetClientId() == "":
		return "a user"
	case r.GetUser() == "":
		return "a client"
	}
	return "a client and a user"
}

// refusalText is the reason of a status and the places that it names, or, where no
// document is concerned, its message.
func refusalText(s *status.Status) string {
	reason, fields := "", []string(nil)
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			reason = d.GetReason()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				fields = append(fields, shortName(v.GetField()))
			}
		}
	}
	switch {
	case reason == "":
		return plain(s.Message(), maxViolationBytes)
	case len(fields) == 0 && reason != reasonName(pb.ErrorReason_ERROR_REASON_INVALID_DOCUMENT):
		return reason + ": " + plain(s.Message(), maxViolationBytes)
	}
	slices.Sort(fields)
	fields = slices.Compact(fields)
	more := ""
	if n := len(fields) - maxAuditFields; n > 0 {
		fields, more = fields[:maxAuditFields], fmt.Sprintf(" and %d more", n)
	}
	return reason + " at " + strings.Join(fields, ", ") + more
}

// maxName is the greatest number of bytes of a name in a record.
const maxName = 255

func shortName(s string) string { return plain(s, maxName) }

// plain makes a text of one line, valid and bounded.
func plain(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > limit {
		return strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

// commits is what the write under way has stored.
type commits struct{ revision int64 }

type commitsKey struct{}

// noting is a store that tells the write under way which revision it has made.
type noting struct{ storage.Store }

// Commit implements storage.Store.
func (n noting) Commit(ctx context.Context, c storage.Change) (storage.Meta, error) {
	meta, err := n.Store.Commit(ctx, c)
	// A change that changes nothing makes no revision.
	if made, ok := ctx.Value(commitsKey{}).(*commits); ok && err == nil && meta.Revision != c.Parent {
		made.revision = meta.Revision
	}
	return meta, err
}
