package auth_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
)

// holder is who holds every token, until it changes.
type holder struct {
	principal *auth.Principal
	err       error
}

func (h *holder) Authenticate(context.Context, string) (*auth.Principal, error) {
	return h.principal, h.err
}

// following is a stream of one request.
type following struct {
	grpc.ServerStream
	ctx context.Context
}

func (f following) Context() context.Context { return f.ctx }
func (f following) SendMsg(any) error        { return nil }
func (f following) RecvMsg(m any) error {
	m.(*pb.WatchRevisionsRequest).Realm = "a"
	return nil
}

// Who loses the credentials or the role gets nothing more of a stream, soon.
func TestStreamsAreJudgedAgain(t *testing.T) {
	viewer := &auth.Principal{Name: "v", Kind: auth.KindToken, Roles: map[string]auth.Role{"a": auth.Viewer}}
	evaluator := &auth.Principal{Name: "v", Kind: auth.KindToken, Roles: map[string]auth.Role{"a": auth.Evaluator}}
	for name, c := range map[string]struct {
		then holder
		want codes.Code
	}{
		"nothing changed": {holder{principal: viewer}, codes.OK},
		"expired":         {holder{err: auth.ErrTokenExpired}, codes.Unauthenticated},
		"revoked":         {holder{err: auth.ErrUnknownToken}, codes.Unauthenticated},
		"role lost":       {holder{principal: evaluator}, codes.PermissionDenied},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1e9, 0)
			h := &holder{principal: viewer}
			g := auth.NewGuard(h, zap.NewNop(), auth.WithClock(func() time.Time { return now }))
			ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("authorization", "Bearer x"))
			info := &grpc.StreamServerInfo{FullMethod: pb.RevisionService_WatchRevisions_FullMethodName}
			err := g.Stream(nil, following{ctx: ctx}, info, func(_ any, s grpc.ServerStream) error {
				if err := s.RecvMsg(&pb.WatchRevisionsRequest{}); err != nil {
					t.Fatal(err)
				}
				*h = c.then
				if now = now.Add(5 * time.Second); s.SendMsg(nil) != nil {
					t.Error("judged again too soon")
				}
				now = now.Add(1)
				err := s.SendMsg(nil)
				if err != nil && s.SendMsg(nil) == nil {
					t.Error("goes on after a refusal")
				}
				return err
			})
			check(t, name, err, c.want, map[codes.Code]string{codes.Unauthenticated: "UNAUTHENTICATED", codes.PermissionDenied: "PERMISSION_DENIED"}[c.want])
		})
	}
}
