package service_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/service"
	"github.com/sidegate/sidegate/storage"
)

// told is a record in a form that tests can compare.
func told(r *pb.AuditRecord) string {
	method := r.GetMethod()[strings.LastIndex(r.GetMethod(), "/")+1:]
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s %d %s", r.GetCaller(), r.GetRealm(), method, r.GetCode(), r.GetRevision(), r.GetDetail()))
}

func toldAll(list []*pb.AuditRecord) (lines []string) {
	for _, r := range list {
		lines = append(lines, told(r))
	}
	return lines
}

// Every write is told of, carried out or refused; what only checks or reads is not.
func TestWritesAreAudited(t *testing.T) {
	l := startLogged(t, nil)
	ctx := l.root("traceparent", traceParent)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(err error) {
		t.Helper()
		if err == nil {
			t.Fatal("not refused")
		}
	}
	must(second(l.realms.CreateRealm(ctx, &pb.CreateRealmRequest{Document: &pb.Realm{Name: "master"}})))
	refused(second(l.realms.CreateRealm(ctx, &pb.CreateRealmRequest{Document: &pb.Realm{Name: "master"}})))
	must(second(l.realms.CreateRealm(ctx, &pb.CreateRealmRequest{Document: &pb.Realm{Name: "checked"}, ValidateOnly: true})))
	must(second(l.admin.CreateProfile(ctx, &pb.CreateProfileRequest{Realm: "master", Document: refusing("p", "x")})))
	must(second(l.admin.ReplaceProfile(ctx, &pb.ReplaceProfileRequest{Realm: "master", Profile: "p", Document: refusing("p", "x")}))) // changes nothing
	refused(second(l.admin.ReplaceProfile(ctx, &pb.ReplaceProfileRequest{Realm: "master", Profile: "p", Document: refusing("..", "s3cret")})))
	refused(second(l.admin.CreateProfile(ctx, &pb.CreateProfileRequest{Realm: "master", Document: &pb.Profile{
		Name: "bad", Executors: []*pb.ProfileExecutor{{Executor: "refuse", Configuration: object("code", "x", "count", "s3cret")}},
	}})))
	must(second(l.admin.CreatePolicy(ctx, &pb.CreatePolicyRequest{Realm: "master", Document: policy("one", "p")})))
	refused(second(l.admin.DeleteProfile(ctx, &pb.DeleteProfileRequest{Realm: "master", Profile: "p"})))
	must(second(l.admin.DeletePolicy(ctx, &pb.DeletePolicyRequest{Realm: "master", Policy: "one"})))
	must(second(l.admin.ReplacePolicySet(ctx, &pb.ReplacePolicySetRequest{Realm: "master", Document: strict(), Force: true})))
	must(second(l.realms.UpdateRealm(ctx, &pb.UpdateRealmRequest{Realm: "master", Document: &pb.Realm{Settings: &pb.RealmSettings{ProtectedClients: []string{"app"}}}})))
	must(second(l.realms.DeleteRealm(ctx, &pb.DeleteRealmRequest{Realm: "master", Force: true})))
	must(second(l.realms.ListRealms(ctx, &pb.ListRealmsRequest{})))

	list := l.records("")
	equal(t, toldAll(list), []string{
		"token:root master DeleteRealm OK 7",
		"token:root master UpdateRealm OK 6",
		"token:root master ReplacePolicySet OK 5",
		`token:root master DeletePolicy OK 4 policy "one"`,
		`token:root master DeleteProfile FAILED_PRECONDITION 0 profile "p"; PROFILE_IN_USE: profile "p" cannot be deleted: it is named by "one"; take it out of them first`,
		`token:root master CreatePolicy OK 3 policy "one"`,
		`token:root master CreateProfile INVALID_ARGUMENT 0 profile "bad"; INVALID_DOCUMENT at /executors/0/configuration/count`,
		`token:root master ReplaceProfile INVALID_ARGUMENT 0 profile "p"; INVALID_DOCUMENT at /name`,
		`token:root master ReplaceProfile OK 0 profile "p"`,
		`token:root master CreateProfile OK 2 profile "p"`,
		`token:root master CreateRealm ALREADY_EXISTS 0 ALREADY_EXISTS: realm "master" exists; choose another name`,
		"token:root master CreateRealm OK 1",
	})
	for _, r := range list {
		if r.GetKind() != pb.AuditRecord_KIND_WRITE || r.GetTraceId() != trace || r.GetTime().AsTime().Before(began) || r.GetId() == "" {
			t.Errorf("got %v", r)
		}
		if strings.Contains(r.String(), "s3cret") {
			t.Errorf("a record quotes a document: %v", r)
		}
	}
}

// reads are the beginnings of the names of all RPCs that change nothing.
var reads = []string{"Get", "List", "Watch", "Diff", "Follow", "Export", "Replay", "Evaluate", "BatchEvaluate"}

// Every RPC is a read by its name, or its calls are told of.
func TestEveryWriteIsAudited(t *testing.T) {
	var records []*pb.AuditRecord
	l := startLogged(t, nil, func(o *service.Options) { o.Audit = func(r *pb.AuditRecord) { records = append(records, r) } })
	methods := 0
	for _, d := range []grpc.ServiceDesc{
		pb.PolicyDecisionService_ServiceDesc, pb.RealmService_ServiceDesc, pb.PolicyAdminService_ServiceDesc, pb.RevisionService_ServiceDesc,
		pb.CatalogueService_ServiceDesc, pb.DecisionLogService_ServiceDesc, pb.AuditLogService_ServiceDesc, pb.ServerService_ServiceDesc,
	} {
		for _, m := range d.Methods {
			methods++
			records = nil
			info := &grpc.UnaryServerInfo{FullMethod: "/" + d.ServiceName + "/" + m.MethodName}
			_, err := l.services.AuditUnary(t.Context(), nil, info, func(context.Context, any) (any, error) { return nil, nil })
			if err != nil {
				t.Fatal(err)
			}
			read := false
			for _, begin := range reads {
				read = read || strings.HasPrefix(m.MethodName, begin)
			}
			if (len(records) == 1) == read {
				t.Errorf("%s: got %d records", info.FullMethod, len(records))
			}
		}
	}
	if methods < 25 {
		t.Errorf("got %d methods", methods)
	}
}

// A write that ends in a panic is told of, too, and one that the store refuses.
func TestAuditOfWhatGoesWrong(t *testing.T) {
	var got []*pb.AuditRecord
	l := startLogged(t, nil, func(o *service.Options) {
		o.Audit = func(r *pb.AuditRecord) { got = append(got, r) }
		o.Store = &flaky{Store: o.Store, commit: func(storage.Change, func() (storage.Meta, error)) (storage.Meta, error) {
			return storage.Meta{}, fmt.Errorf("the disk is away")
		}}
	})
	info := &grpc.UnaryServerInfo{FullMethod: pb.PolicyAdminService_MovePolicy_FullMethodName}
	func() {
		defer func() { recover() }()
		l.services.AuditUnary(t.Context(), &pb.MovePolicyRequest{Realm: "r", Policy: "p"}, info,
			func(context.Context, any) (any, error) { panic("facts of a request") })
	}()
	_, err := l.services.AuditUnary(t.Context(), &pb.MovePolicyRequest{Realm: "r", Policy: "p\n" + strings.Repeat("x", 300)}, info,
		func(context.Context, any) (any, error) {
			return nil, status.Error(codes.Internal, "line\nbreak "+strings.Repeat("x", 2000))
		})
	if err == nil {
		t.Error("the error is gone")
	}
	_, err = l.realms.CreateRealm(l.root(), &pb.CreateRealmRequest{Document: &pb.Realm{Name: "r"}})
	want(t, err, codes.Unavailable, "STORAGE")
	equal(t, len(got), 3)
	equal(t, told(got[0]), `r MovePolicy INTERNAL 0 policy "p"`)
	if d := got[1].GetDetail(); strings.ContainsAny(d, "\n") || len(d) > 1400 || !strings.Contains(d, "line break") {
		t.Errorf("got %q", d)
	}
	if got[2].GetCode() != "UNAVAILABLE" || got[2].GetRevision() != 0 || !strings.HasPrefix(got[2].GetDetail(), "STORAGE: ") {
		t.Errorf("got %v", got[2])
	}
}

type address struct{ network, text string }

func (a address) Network() string { return a.network }
func (a address) String() string  { return a.text }

// Where a call came from is what the peer is; the gateway of this process alone is
// believed about others.
func TestAuditTellsWhereFrom(t *testing.T) {
	var got *pb.AuditRecord
	l := startLogged(t, nil, func(o *service.Options) { o.Audit = func(r *pb.AuditRecord) { got = r } })
	for name, c := range map[string]struct {
		addr  net.Addr
		pairs []string
		want  string
	}{
		"nobody":            {nil, nil, ""},
		"tcp":               {address{"tcp", "10.1.2.3:4567"}, []string{"x-sidegate-peer-from", "6.6.6.6", "x-forwarded-for", "6.6.6.6"}, "10.1.2.3:4567"},
		"within":            {address{"bufconn", "bufconn"}, nil, ""},
		"gateway":           {address{"bufconn", "bufconn"}, []string{"x-sidegate-peer-from", "10.1.2.3:4567", "x-forwarded-for", "6.6.6.6"}, "10.1.2.3:4567"},
		"gateway forwarded": {address{"bufconn", "bufconn"}, []string{"x-forwarded-for", "6.6.6.6, 10.1.2.3"}, "10.1.2.3"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(c.pairs...))
			if c.addr != nil {
				ctx = peer.NewContext(ctx, &peer.Peer{Addr: c.addr})
			}
			_, err := l.services.AuditUnary(ctx, &pb.DeleteRealmRequest{Realm: "r"}, &grpc.UnaryServerInfo{FullMethod: pb.RealmService_DeleteRealm_FullMethodName},
				func(context.Context, any) (any, error) { return nil, nil })
			if err != nil || got.GetFrom() != c.want {
				t.Errorf("got %q, want %q (%v)", got.GetFrom(), c.want, err)
			}
		})
	}
}

// Who administers some realms sees their records; those of no realm are for who
// administers all.
func TestAuditRecordsAreForTheirAdministrators(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	l.createRealm("other", nil)
	l.kept.RecordAudit(&pb.AuditRecord{Kind: pb.AuditRecord_KIND_CONFIGURATION_CHANGED, Code: "OK"})
	l.flush()
	for who, realms := range map[string][]string{"root": {"", "other", "master"}, "owner": {"master"}} {
		out, err := l.auditor.ListAuditRecords(l.as(who), &pb.ListAuditRecordsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range out.GetAuditRecords() {
			got = append(got, r.GetRealm())
		}
		equal(t, got, realms)
		equal(t, out.GetTotalSize(), int32(len(realms)))
	}
	for _, who := range []string{"guest", "idp"} {
		_, err := l.auditor.ListAuditRecords(l.as(who), &pb.ListAuditRecordsRequest{})
		want(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	}
	// The service itself insists on a caller.
	var d auditDirect
	l.services.Register(&d)
	_, err := d.ListAuditRecords(t.Context(), &pb.ListAuditRecordsRequest{})
	want(t, err, codes.Unauthenticated, "UNAUTHENTICATED")
}

type auditDirect struct{ pb.AuditLogServiceServer }

func (d *auditDirect) RegisterService(_ *grpc.ServiceDesc, impl any) {
	if impl, ok := impl.(pb.AuditLogServiceServer); ok {
		d.AuditLogServiceServer = impl
	}
}

func TestFollowAuditRecords(t *testing.T) {
	l := startLogged(t, nil)
	owner, err := l.auditor.FollowAuditRecords(l.as("owner"), &pb.FollowAuditRecordsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	refusals, err := l.auditor.FollowAuditRecords(l.root(), &pb.FollowAuditRecordsRequest{Filter: "code=ALREADY_EXISTS"})
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range []grpc.ClientStream{owner, refusals} {
		if h, err := stream.Header(); err != nil || h == nil {
			t.Fatal(h, err)
		}
	}
	l.createRealm("other", nil)
	l.createRealm("master", nil)
	if _, err := l.realms.CreateRealm(l.root(), &pb.CreateRealmRequest{Document: &pb.Realm{Name: "other"}}); err == nil {
		t.Fatal("not refused")
	}
	for stream, realm := range map[pb.AuditLogService_FollowAuditRecordsClient]string{owner: "master", refusals: "other"} {
		m, err := stream.Recv()
		if err != nil || m.GetDocument().GetRealm() != realm {
			t.Errorf("got %v and %v, want %s", m, err, realm)
		}
	}
	l.services.EndStreams()
	_, err = owner.Recv()
	want(t, err, codes.Unavailable, "BUSY")
}

// Pages of records are the whole list.
func TestPagesOfAuditRecords(t *testing.T) {
	l := startLogged(t, nil)
	for i := range 7 {
		l.createRealm(fmt.Sprint("realm ", i), nil)
	}
	l.flush()
	var got []string
	request := &pb.ListAuditRecordsRequest{PageSize: 3, Filter: "kind=WRITE"}
	for {
		out, err := l.auditor.ListAuditRecords(l.root(), request)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, out.GetTotalSize(), int32(7))
		for _, r := range out.GetAuditRecords() {
			got = append(got, r.GetRealm())
		}
		if request.PageToken = out.GetNextPageToken(); request.PageToken == "" {
			break
		}
	}
	equal(t, got, []string{"realm 6", "realm 5", "realm 4", "realm 3", "realm 2", "realm 1", "realm 0"})
}
