package service_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/decisionlog"
	"github.com/sidegate/sidegate/internal/service"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage/memory"
)

// began is when worlds with a log begin.
var began = time.Unix(1_800_000_000, 0)

// logged is a world that keeps decisions and audit records.
type logged struct {
	*world
	kept    *decisionlog.Log
	keeper  pb.DecisionLogServiceClient
	auditor pb.AuditLogServiceClient
	history pb.RevisionServiceClient
}

// startLogged makes a world with a log; changes are made to the options of both.
func startLogged(t testing.TB, change func(*decisionlog.Options), changes ...func(*service.Options)) *logged {
	t.Helper()
	options := logOptions(filepath.Join(t.TempDir(), "decisions.db"))
	if change != nil {
		change(&options)
	}
	kept := openLog(t, options)
	store := memory.New()
	t.Cleanup(func() { store.Close() })
	l := &logged{kept: kept}
	l.world = startOn(t, store, pdp.DefaultLimits(), append([]func(*service.Options){func(o *service.Options) {
		o.Decisions, o.Audit = kept, kept.RecordAudit
	}}, changes...)...)
	conn := serveAdmin(t, l.services)
	l.decisions, l.realms = pb.NewPolicyDecisionServiceClient(conn), pb.NewRealmServiceClient(conn)
	l.admin, l.server = pb.NewPolicyAdminServiceClient(conn), pb.NewServerServiceClient(conn)
	l.keeper, l.auditor = pb.NewDecisionLogServiceClient(conn), pb.NewAuditLogServiceClient(conn)
	l.history = pb.NewRevisionServiceClient(conn)
	return l
}

func logOptions(file string) decisionlog.Options {
	return decisionlog.Options{
		File: file, Mode: decisionlog.Block, Sample: 1, NoSync: true, BatchInterval: time.Microsecond,
		Now: func() time.Time { return began }, Logger: zap.NewNop(),
	}
}

func openLog(t testing.TB, o decisionlog.Options) *decisionlog.Log {
	t.Helper()
	kept, err := decisionlog.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kept.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return kept
}

// everyRole are principals of all kinds that matter to the log.
func everyRole() principals {
	p := maps.Clone(everybody)
	p["owner"] = &auth.Principal{Name: "owner", Kind: auth.KindToken, Roles: map[string]auth.Role{"master": auth.Admin}}
	p["idp"] = &auth.Principal{Name: "idp", Kind: auth.KindToken, Roles: map[string]auth.Role{auth.AllRealms: auth.Evaluator}}
	return p
}

// serveAdmin serves as an administration listener does.
func serveAdmin(t testing.TB, s *service.Services) *grpc.ClientConn {
	t.Helper()
	guard := auth.NewGuard(everyRole(), zap.NewNop())
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(guard.Unary, s.AuditUnary), grpc.StreamInterceptor(guard.Stream), grpc.MaxRecvMsgSize(64<<20))
	s.Register(server)
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(listener)
	}()
	// Windows that do not grow: who does not read holds up who sends.
	conn, err := grpc.NewClient("passthrough:bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStaticStreamWindowSize(1<<16), grpc.WithStaticConnWindowSize(1<<16),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
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

// evaluate asks and wants an answer.
func (l *logged) evaluate(req *pb.EvaluateRequest, pairs ...string) *pb.EvaluateResponse {
	l.t.Helper()
	out, err := l.decisions.Evaluate(l.root(pairs...), req)
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

// flush waits until everything is written.
func (l *logged) flush() {
	l.t.Helper()
	if err := l.kept.Flush(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}

// get returns a decision once it is written.
func (l *logged) get(realm, id string) *pb.LoggedDecision {
	l.t.Helper()
	l.flush()
	out, err := l.keeper.GetDecision(l.root(), &pb.GetDecisionRequest{Realm: realm, DecisionId: id})
	if err != nil {
		l.t.Fatal(err)
	}
	return out.GetDocument()
}

// list returns the ids of all decisions that a filter leaves, newest first.
func (l *logged) list(realm, filter string) []string {
	l.t.Helper()
	l.flush()
	out, err := l.keeper.ListDecisions(l.root(), &pb.ListDecisionsRequest{Realm: realm, Filter: filter, PageSize: 500})
	if err != nil {
		l.t.Fatal(err)
	}
	return idsOf(out.GetDecisions())
}

func idsOf(list []*pb.LoggedDecision) []string {
	var ids []string
	for _, d := range list {
		ids = append(ids, d.GetDecisionId())
	}
	return ids
}

// records returns all audit records that a filter leaves, newest first.
func (l *logged) records(filter string) []*pb.AuditRecord {
	l.t.Helper()
	l.flush()
	out, err := l.auditor.ListAuditRecords(l.root(), &pb.ListAuditRecordsRequest{Filter: filter, PageSize: 500})
	if err != nil {
		l.t.Fatal(err)
	}
	return out.GetAuditRecords()
}

// all reads a stream to its end.
func all[M any](t testing.TB, stream grpc.ServerStreamingClient[M], err error) ([]*M, error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var list []*M
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, m)
	}
}

// under puts a policy under warn or audit.
func under(mode pb.Policy_Enforcement, p *pb.Policy) *pb.Policy {
	p = proto.CloneOf(p)
	p.Enforcement = mode
	return p
}
