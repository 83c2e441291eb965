package auth_test

import (
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	grpc_testing "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guarded is a server whose services answer UNIMPLEMENTED to whom the guard lets
// through.
type guarded struct {
	logs     *observer.ObservedLogs
	listener *bufconn.Listener
	ca       *authority
}

// interceptors are those of a guard, or of a part of one.
type interceptors interface {
	Unary(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error)
	Stream(any, grpc.ServerStream, *grpc.StreamServerInfo, grpc.StreamHandler) error
}

// guard runs a server that judges by one authenticator, and a connection to it.
func guard(t *testing.T, tokens auth.Authenticator) (*guarded, *grpc.ClientConn) {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	g := serve(t, nil, auth.NewGuard(tokens, zap.New(core)), logs)
	return g, g.dial(t, nil)
}

// serve runs a server; with an authority it speaks TLS and takes certificates.
func serve(t *testing.T, ca *authority, g interceptors, logs *observer.ObservedLogs) *guarded {
	t.Helper()
	options := []grpc.ServerOption{grpc.UnaryInterceptor(g.Unary), grpc.StreamInterceptor(g.Stream)}
	if ca != nil {
		config, err := auth.TakeCertificates(&tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{ca.issue(t, pkix.Name{CommonName: "server"}, nil)}}, ca.file(t), false)
		if err != nil {
			t.Fatal(err)
		}
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	server := grpc.NewServer(options...)
	register(server)
	s := &guarded{logs: logs, listener: bufconn.Listen(1 << 16), ca: ca}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(s.listener)
	}()
	t.Cleanup(func() {
		server.Stop()
		<-done
	})
	return s
}

func register(server *grpc.Server) {
	pb.RegisterPolicyDecisionServiceServer(server, pb.UnimplementedPolicyDecisionServiceServer{})
	pb.RegisterRealmServiceServer(server, pb.UnimplementedRealmServiceServer{})
	pb.RegisterPolicyAdminServiceServer(server, pb.UnimplementedPolicyAdminServiceServer{})
	pb.RegisterRevisionServiceServer(server, pb.UnimplementedRevisionServiceServer{})
	pb.RegisterCatalogueServiceServer(server, pb.UnimplementedCatalogueServiceServer{})
	pb.RegisterDecisionLogServiceServer(server, pb.UnimplementedDecisionLogServiceServer{})
	pb.RegisterAuditLogServiceServer(server, pb.UnimplementedAuditLogServiceServer{})
	pb.RegisterServerServiceServer(server, pb.UnimplementedServerServiceServer{})
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	grpc_testing.RegisterTestServiceServer(server, grpc_testing.UnimplementedTestServiceServer{})
	reflection.Register(server)
}

// dial connects, with a client certificate if there is one.
func (g *guarded) dial(t *testing.T, cert *tls.Certificate) *grpc.ClientConn {
	t.Helper()
	secure := insecure.NewCredentials()
	if g.ca != nil {
		config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: g.ca.pool(), ServerName: "127.0.0.1"}
		if cert != nil {
			config.Certificates = []tls.Certificate{*cert}
		}
		secure = credentials.NewTLS(config)
	}
	conn, err := grpc.NewClient("passthrough:bufconn", grpc.WithTransportCredentials(secure),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return g.listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// withAuthorization adds values of the header.
func withAuthorization(ctx context.Context, values ...string) context.Context {
	for _, value := range values {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", value)
	}
	return ctx
}

func check(t *testing.T, what string, err error, code codes.Code, reason string) {
	t.Helper()
	s := status.Convert(err)
	got := ""
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == "sidegate.dev" {
			got = info.GetReason()
		}
	}
	if s.Code() != code || got != reason {
		t.Errorf("%s: got %v %s (%v), want %v %s", what, s.Code(), got, err, code, reason)
	}
}

// one is an Authenticator that knows one principal, or one error.
type one struct {
	p   *auth.Principal
	err error
}

func (o one) Authenticate(context.Context, string) (*auth.Principal, error) { return o.p, o.err }

var root = &auth.Principal{Name: "root", Kind: auth.KindToken, Roles: map[string]auth.Role{auth.AllRealms: auth.Admin}}

// Methods that the table does not list are closed, also to administrators.
func TestUnlistedMethods(t *testing.T) {
	_, conn := guard(t, one{p: root})
	client := grpc_testing.NewTestServiceClient(conn)
	ctx := withAuthorization(t.Context(), "Bearer x")
	_, err := client.EmptyCall(ctx, &grpc_testing.Empty{})
	check(t, "unary", err, codes.PermissionDenied, "PERMISSION_DENIED")
	stream, err := client.StreamingOutputCall(ctx, &grpc_testing.StreamingOutputCallRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	check(t, "stream", err, codes.PermissionDenied, "PERMISSION_DENIED")
	stream, err = client.StreamingOutputCall(t.Context(), &grpc_testing.StreamingOutputCallRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	check(t, "stream without credentials", err, codes.Unauthenticated, "UNAUTHENTICATED")
}

// The methods of the table that are open answer without credentials, and with bad
// ones.
func TestOpenMethods(t *testing.T) {
	_, conn := guard(t, one{err: auth.ErrUnknownToken})
	for _, ctx := range []context.Context{t.Context(), withAuthorization(t.Context(), "Bearer x")} {
		client := grpc_health_v1.NewHealthClient(conn)
		if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil {
			t.Error(err)
		}
		if _, err := client.List(ctx, &grpc_health_v1.HealthListRequest{}); err != nil {
			t.Error(err)
		}
		watch, err := client.Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
		if err == nil {
			_, err = watch.Recv()
		}
		if err != nil {
			t.Error(err)
		}
		stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
		if err == nil {
			err = stream.Send(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}})
		}
		if err == nil {
			_, err = stream.Recv()
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// When nobody can tell who calls, nobody gets in, and the cause stays here.
func TestAuthenticatorFails(t *testing.T) {
	g, conn := guard(t, one{err: errors.New("disk 7 is on fire")})
	down, elsewhere := guard(t, one{err: fmt.Errorf("%w: the keys are gone", auth.ErrUnavailable)})
	for _, r := range allRPCs(t) {
		err := means{conn: conn, tokens: []string{"Bearer x"}}.call(t.Context(), r)
		check(t, r.name, err, codes.Unavailable, "STORAGE")
		if strings.Contains(err.Error(), "disk") {
			t.Error("the cause is told")
		}
		check(t, r.name, means{conn: elsewhere, tokens: []string{"Bearer x"}}.call(t.Context(), r), codes.Unavailable, "ISSUER_UNAVAILABLE")
	}
	for _, logs := range []*observer.ObservedLogs{g.logs, down.logs} {
		if logs.FilterLevelExact(zap.ErrorLevel).FilterMessage("credentials could not be checked").Len() == 0 {
			t.Error("the cause is not logged")
		}
	}
}

func TestPrincipalReachesHandler(t *testing.T) {
	g := auth.NewGuard(one{p: root}, zap.NewNop())
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("authorization", "Bearer x"))
	info := &grpc.UnaryServerInfo{FullMethod: pb.ServerService_GetServer_FullMethodName}
	var got *auth.Principal
	_, err := g.Unary(ctx, &pb.GetServerRequest{}, info, func(ctx context.Context, _ any) (any, error) {
		got = auth.FromContext(ctx)
		return nil, nil
	})
	if err != nil || got != root {
		t.Fatal(got, err)
	}
	if auth.FromContext(t.Context()) != nil {
		t.Error("an empty context knows a principal")
	}
}

func TestRolesOfPrincipal(t *testing.T) {
	p := &auth.Principal{Name: "n", Kind: "k", Roles: map[string]auth.Role{"a": auth.Editor, auth.AllRealms: auth.Viewer}}
	for realm, want := range map[string]auth.Role{"a": auth.Editor, "b": auth.Viewer, "": auth.Viewer} {
		if got := p.Role(realm); got != want {
			t.Errorf("role in %q is %v, want %v", realm, got, want)
		}
	}
	if p.Highest() != auth.Editor || p.Author() != "k:n" || (&auth.Principal{}).Highest() != auth.NoRole {
		t.Error(p.Highest(), p.Author())
	}
	for _, r := range roles {
		if got, err := auth.ParseRole(r.String()); got != r || err != nil {
			t.Error(r, got, err)
		}
	}
	for _, name := range []string{"", "none", "Admin", "root"} {
		if _, err := auth.ParseRole(name); err == nil {
			t.Errorf("role %q is taken", name)
		}
	}
}
