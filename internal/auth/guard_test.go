package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guarded is a server whose services answer UNIMPLEMENTED to whom the guard lets
// through.
type guarded struct {
	conn *grpc.ClientConn
	logs *observer.ObservedLogs
}

func guard(t *testing.T, tokens auth.Authenticator) *guarded {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	g := auth.NewGuard(tokens, zap.New(core))
	server := grpc.NewServer(grpc.UnaryInterceptor(g.Unary), grpc.StreamInterceptor(g.Stream))
	pb.RegisterPolicyDecisionServiceServer(server, pb.UnimplementedPolicyDecisionServiceServer{})
	pb.RegisterRealmServiceServer(server, pb.UnimplementedRealmServiceServer{})
	pb.RegisterPolicyAdminServiceServer(server, pb.UnimplementedPolicyAdminServiceServer{})
	pb.RegisterServerServiceServer(server, pb.UnimplementedServerServiceServer{})
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	listener := bufconn.Listen(1 << 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(listener)
	}()
	conn, err := grpc.NewClient("passthrough:bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		<-done
	})
	return &guarded{conn, logs}
}

// rpc is one method of the contract.
type rpc struct {
	name   string
	input  protoreflect.MessageType
	output protoreflect.MessageType
}

// allRPCs are those of every service of the package, by its descriptors.
func allRPCs(t *testing.T) []rpc {
	t.Helper()
	var list []rpc
	protoregistry.GlobalFiles.RangeFilesByPackage("clientpolicy.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				m := s.Methods().Get(j)
				list = append(list, rpc{fmt.Sprintf("/%s/%s", s.FullName(), m.Name()), message(t, m.Input()), message(t, m.Output())})
			}
		}
		return true
	})
	if len(list) < 20 {
		t.Fatalf("only %d methods found", len(list))
	}
	return list
}

func message(t *testing.T, d protoreflect.MessageDescriptor) protoreflect.MessageType {
	t.Helper()
	m, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// least is the role that a method needs, told by its name and not by the table.
func (r rpc) least() auth.Role {
	method := r.name[strings.LastIndex(r.name, "/")+1:]
	switch {
	case strings.Contains(method, "Evaluate"):
		return auth.Evaluator
	case strings.HasPrefix(method, "Get"), strings.HasPrefix(method, "List"):
		return auth.Viewer
	case strings.Contains(r.name, ".RealmService/"):
		return auth.Admin
	}
	return auth.Editor
}

// request is one about a realm.
func (r rpc) request(realm string) proto.Message {
	m := r.input.New()
	if create, ok := m.Interface().(*pb.CreateRealmRequest); ok {
		create.Document = &pb.Realm{Name: realm}
	} else if f := r.input.Descriptor().Fields().ByName("realm"); f != nil {
		m.Set(f, protoreflect.ValueOfString(realm))
	}
	return m.Interface()
}

// global tells a method that is about no realm.
func (r rpc) global() bool {
	return strings.HasSuffix(r.name, "/ListRealms") || strings.HasSuffix(r.name, "/GetServer")
}

func (g *guarded) call(t *testing.T, r rpc, realm string, authorization ...string) error {
	t.Helper()
	ctx := t.Context()
	for _, value := range authorization {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", value)
	}
	return g.conn.Invoke(ctx, r.name, r.request(realm), r.output.New().Interface())
}

var roles = []auth.Role{auth.Evaluator, auth.Viewer, auth.Editor, auth.Admin}

// Every RPC × every way to come without credentials, and every role in the realm,
// in another one and in all.
func TestEveryRPC(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	tokens, err := auth.OpenTokens(t.TempDir(), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{}
	for _, role := range roles {
		for _, realm := range []string{"a", "b", auth.AllRealms} {
			name := role.String() + "@" + realm
			secrets[name], _, err = tokens.Create(auth.Token{Name: name, Role: role, Realms: []string{realm}})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	expired, _, err := tokens.Create(auth.Token{Name: "short", Role: auth.Admin, Realms: []string{auth.AllRealms}, Expires: now.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	g := guard(t, tokens)
	admin := secrets["admin@*"]
	for _, r := range allRPCs(t) {
		for name, values := range map[string][]string{
			"none": nil, "empty": {""}, "no scheme": {admin}, "another scheme": {"Basic " + admin}, "no token": {"Bearer "},
			"unknown": {"Bearer sgt_" + strings.Repeat("A", 43)}, "cut": {"Bearer " + admin[:len(admin)-1]},
			"expired": {"Bearer " + expired}, "two": {"Bearer " + admin, "Bearer " + admin},
		} {
			check(t, r.name+" "+name, g.call(t, r, "a", values...), codes.Unauthenticated, "UNAUTHENTICATED")
		}
		for _, role := range roles {
			for _, realm := range []string{"a", "b", auth.AllRealms} {
				code, reason := codes.PermissionDenied, "PERMISSION_DENIED"
				if role >= r.least() && (realm != "b" || r.global()) {
					code, reason = codes.Unimplemented, ""
				}
				err := g.call(t, r, "a", "bearer "+secrets[role.String()+"@"+realm])
				check(t, fmt.Sprintf("%s %v@%s", r.name, role, realm), err, code, reason)
			}
		}
	}
	for _, entry := range g.logs.All() {
		for _, secret := range append([]string{expired}, values(secrets)...) {
			if strings.Contains(fmt.Sprint(entry.Message, entry.ContextMap()), secret[4:]) {
				t.Fatal("a token is in the log")
			}
		}
	}
	if g.logs.FilterMessage("call without valid credentials").Len() == 0 || g.logs.FilterMessage("call refused for lack of the role").Len() == 0 {
		t.Error("refused calls are not logged")
	}
}

func values(m map[string]string) (list []string) {
	for _, v := range m {
		list = append(list, v)
	}
	return list
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

// Methods that the table does not list are closed, also to administrators, and
// streams are judged by their first message.
func TestUnlistedMethods(t *testing.T) {
	g := guard(t, one{p: root})
	client := grpc_health_v1.NewHealthClient(g.conn)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer x")
	_, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	check(t, "unary", err, codes.PermissionDenied, "PERMISSION_DENIED")
	stream, err := client.Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	check(t, "stream", err, codes.PermissionDenied, "PERMISSION_DENIED")
	stream, err = client.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	check(t, "stream without credentials", err, codes.Unauthenticated, "UNAUTHENTICATED")
}

// When nobody can tell who calls, nobody gets in, and the cause stays here.
func TestAuthenticatorFails(t *testing.T) {
	g := guard(t, one{err: errors.New("disk 7 is on fire")})
	for _, r := range allRPCs(t) {
		err := g.call(t, r, "a", "Bearer x")
		check(t, r.name, err, codes.Unavailable, "STORAGE")
		if strings.Contains(err.Error(), "disk") {
			t.Error("the cause is told")
		}
	}
	if g.logs.FilterLevelExact(zap.ErrorLevel).Len() == 0 {
		t.Error("the cause is not logged")
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
