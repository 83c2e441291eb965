package service_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/service"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/memory"
)

var limits = pdp.DefaultLimits()

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// always votes YES.
type always struct{}

func (always) Vote(*pdp.Request) (pdp.Vote, error) { return pdp.Yes, nil }

// anything takes every value.
type anything struct{}

// UnmarshalConfig implements pdp.Value.
func (*anything) UnmarshalConfig(*structpb.Value) error { return nil }

type refuseSettings struct {
	Code  string   `config:"code" doc:"Code to reject with." required:"true"`
	Count int64    `config:"count" doc:"Nothing." default:"0"`
	Data  anything `config:"data" doc:"Anything."`
}

type refuser struct{ code string }

func (r refuser) Execute(_ *pdp.Request, v *pdp.Verdict) error {
	v.Reject(pdp.Finding{Code: r.code})
	return nil
}

type nothing struct{}

func (nothing) Execute(*pdp.Request, *pdp.Verdict) error { return nil }

func security() *profiles.SecurityProfile {
	return &profiles.SecurityProfile{
		Name: "test",
		Profiles: []*pb.Profile{
			{Name: "built-in", Executors: []*pb.ProfileExecutor{{Executor: "pass"}}},
			{Name: "lacking", Executors: []*pb.ProfileExecutor{{Executor: "not-there"}}},
		},
		Policies: []*pb.Policy{{
			Name: "server-wide", Enabled: proto.Bool(true), Profiles: []string{"built-in"},
			Conditions: []*pb.PolicyCondition{{Condition: "always"}},
		}},
	}
}

func compiler(t testing.TB) *pdp.Compiler {
	t.Helper()
	registry, err := pdp.NewRegistry(
		[]pdp.ConditionInfo{{
			ID: "always", Doc: "Votes YES.", Events: pdp.AllEvents,
			New: pdp.Configure(func(pdp.NoConfig) (pdp.Condition, error) { return always{}, nil }),
		}},
		[]pdp.ExecutorInfo{{
			ID: "refuse", Doc: "Rejects.", Events: pdp.AllEvents,
			New: pdp.Configure(func(c refuseSettings) (pdp.Executor, error) { return refuser{c.Code}, nil }),
		}, {
			ID: "pass", Doc: "Passes.", Events: pdp.AllEvents,
			New: pdp.Configure(func(pdp.NoConfig) (pdp.Executor, error) { return nothing{}, nil }),
		}},
	)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pdp.NewCompiler(registry, security().Profiles, security().Policies)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// principals by token.
type principals map[string]*auth.Principal

func (p principals) Authenticate(_ context.Context, token string) (*auth.Principal, error) {
	if who := p[token]; who != nil {
		return who, nil
	}
	return nil, auth.ErrUnknownToken
}

var everybody = principals{
	"root":  {Name: "root", Kind: auth.KindToken, Roles: map[string]auth.Role{auth.AllRealms: auth.Admin}},
	"guest": {Name: "guest", Kind: auth.KindToken, Roles: map[string]auth.Role{"master": auth.Viewer}},
}

// world is services over a store, behind gRPC.
type world struct {
	t        testing.TB
	store    storage.Store
	services *service.Services
	logs     *observer.ObservedLogs
	clock    atomic.Int64
	ids      atomic.Int64

	conn      *grpc.ClientConn
	decisions pb.PolicyDecisionServiceClient
	realms    pb.RealmServiceClient
	admin     pb.PolicyAdminServiceClient
	server    pb.ServerServiceClient
}

// start makes a world over an empty store in memory.
func start(t testing.TB) *world {
	t.Helper()
	store := memory.New()
	t.Cleanup(func() { store.Close() })
	return startOn(t, store, pdp.DefaultLimits())
}

// startOn makes a world over a store; changes are made to its options.
func startOn(t testing.TB, store storage.Store, limits pdp.Limits, changes ...func(*service.Options)) *world {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	w := &world{t: t, store: store, logs: logs}
	options := service.Options{
		Store: store, Compiler: compiler(t), Security: security(), Limits: limits, Log: zap.New(core),
		Now:     func() time.Time { return time.Unix(1_800_000_000+w.clock.Add(1), 0) },
		NewID:   func() string { return fmt.Sprint("decision-", w.ids.Add(1)) },
		Version: "1.2.3", StorageName: "memory", Features: []string{"extra"},
	}
	for _, change := range changes {
		change(&options)
	}
	var err error
	w.services, err = service.New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.services.Close)
	conn := serve(t, w.services.Register, auth.NewGuard(everybody, zap.NewNop()))
	w.conn = conn
	w.decisions, w.realms = pb.NewPolicyDecisionServiceClient(conn), pb.NewRealmServiceClient(conn)
	w.admin, w.server = pb.NewPolicyAdminServiceClient(conn), pb.NewServerServiceClient(conn)
	return w
}

func serve(t testing.TB, register func(grpc.ServiceRegistrar), guard *auth.Guard) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	var options []grpc.ServerOption
	if guard != nil {
		options = append(options, grpc.UnaryInterceptor(guard.Unary), grpc.MaxRecvMsgSize(64<<20))
	}
	server := grpc.NewServer(options...)
	register(server)
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(listener)
	}()
	conn, err := grpc.NewClient("passthrough:bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		<-done
	})
	return conn
}

// as returns a context of a principal with metadata.
func (w *world) as(token string, pairs ...string) context.Context {
	return metadata.AppendToOutgoingContext(w.t.Context(), append([]string{"authorization", "Bearer " + token}, pairs...)...)
}

// root returns a context of the administrator with metadata.
func (w *world) root(pairs ...string) context.Context { return w.as("root", pairs...) }

func (w *world) createRealm(name string, settings *pb.RealmSettings) {
	w.t.Helper()
	_, err := w.realms.CreateRealm(w.root(), &pb.CreateRealmRequest{Document: &pb.Realm{Name: name, Settings: settings}})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) replaceSet(realm string, set *pb.PolicySet) *pb.PolicySet {
	w.t.Helper()
	r, err := w.admin.ReplacePolicySet(w.root(), &pb.ReplacePolicySetRequest{Realm: realm, Document: set, Force: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.GetDocument()
}

func (w *world) set(realm string) *pb.PolicySet {
	w.t.Helper()
	r, err := w.admin.GetPolicySet(w.root(), &pb.GetPolicySetRequest{Realm: realm})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.GetDocument()
}

func (w *world) revision(realm string) int64 {
	w.t.Helper()
	state, err := w.store.Load(w.t.Context(), realm, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return state.Meta.Revision
}

// refusing is a profile whose executor rejects with a code.
func refusing(name, code string) *pb.Profile {
	return &pb.Profile{Name: name, Executors: []*pb.ProfileExecutor{{Executor: "refuse", Configuration: object("code", code)}}}
}

// policy is one that applies always.
func policy(name string, names ...string) *pb.Policy {
	return &pb.Policy{
		Name: name, Enabled: proto.Bool(true), Profiles: names,
		Conditions: []*pb.PolicyCondition{{Condition: "always"}},
	}
}

// object makes a JSON object of keys and values.
func object(pairs ...any) *structpb.Struct {
	s := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for i := 0; i < len(pairs); i += 2 {
		v, err := structpb.NewValue(pairs[i+1])
		if err != nil {
			panic(err)
		}
		s.Fields[pairs[i].(string)] = v
	}
	return s
}

// view is a request that every realm can judge.
func view(realm string) *pb.EvaluateRequest {
	return &pb.EvaluateRequest{Realm: realm, Event: pb.Event_EVENT_VIEW, Client: &pb.Client{ClientId: proto.String("app")}}
}

// problem is a status in a form that tests can compare.
type problem struct {
	Code   codes.Code
	Reason string
	Fields []string
}

func problemOf(err error) problem {
	s := status.Convert(err)
	p := problem{Code: s.Code()}
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() != "sidegate.dev" {
				p.Reason = "domain " + d.GetDomain() + ": "
			}
			p.Reason += d.GetReason()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				p.Fields = append(p.Fields, v.GetField())
			}
		}
	}
	return p
}

func want(t testing.TB, err error, code codes.Code, reason string) {
	t.Helper()
	if p := problemOf(err); p.Code != code || p.Reason != reason {
		t.Fatalf("got %v %s (%v), want %v %s", p.Code, p.Reason, err, code, reason)
	}
}

func wantText(t testing.TB, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(fmt.Sprint(err), part) {
			t.Errorf("error %v does not say %q", err, part)
		}
	}
}

func equal(t testing.TB, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, protocmp.Transform(), cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("-want +got\n%s", d)
	}
}
