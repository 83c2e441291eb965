package auth_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
)

// audited collects audit records.
func audited(t *testing.T) (*auth.Reporter, func() []*pb.AuditRecord) {
	t.Helper()
	records := make(chan *pb.AuditRecord, 10_000)
	r := auth.NewReporter(zap.NewNop(), func(a *pb.AuditRecord) { records <- a })
	t.Cleanup(r.Close)
	return r, func() (list []*pb.AuditRecord) {
		for {
			select {
			case a := <-records:
				list = append(list, a)
			default:
				return list
			}
		}
	}
}

func failed(from string) auth.Event {
	return auth.Event{Kind: pb.AuditRecord_KIND_AUTHENTICATION_FAILED, From: from, Code: codes.Unauthenticated, Detail: "wrong", Method: "/s/m", TraceID: "t"}
}

// However often a source is refused, it is told of twice a minute.
func TestRefusalsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, records := audited(t)
		for i := range 500 {
			r.Refused(failed(fmt.Sprintf("192.0.2.1:%d", i)))
		}
		r.Refused(failed("192.0.2.2:1"))
		list := records()
		if len(list) != 2 || list[0].GetCode() != "UNAUTHENTICATED" || list[0].GetMethod() != "/s/m" || list[0].GetTraceId() != "t" {
			t.Fatal(list)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if list = records(); len(list) != 1 || !strings.HasPrefix(list[0].GetDetail(), "499 more within 1m0s") {
			t.Fatal(list)
		}
		// Then it begins anew.
		r.Refused(failed("192.0.2.1:1"))
		if list = records(); len(list) != 1 || list[0].GetDetail() != "wrong" {
			t.Fatal(list)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if list = records(); len(list) != 0 {
			t.Fatal(list)
		}
	})
}

// Refusals from too many sources are counted together, and those of each kind apart.
func TestRefusalsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, records := audited(t)
		const more = 1000
		for i := range auth.MaxReported + more {
			r.Refused(failed(fmt.Sprintf("10.0.%d.%d:1", i/256, i%256)))
		}
		// One more for the first of those who share.
		if n := len(records()); n != auth.MaxReported+1 {
			t.Fatal(n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		list := records()
		if len(list) != 1 || list[0].GetFrom() != "" || !strings.HasPrefix(list[0].GetDetail(), fmt.Sprintf("%d more", more-1)) {
			t.Fatal(list)
		}
	})
}

// What was counted when the server stops is not lost, and nothing comes after it.
func TestReporterCloses(t *testing.T) {
	r, records := audited(t)
	r.Refused(failed("a"))
	r.Refused(failed("a"))
	r.Close()
	if list := records(); len(list) != 2 || !strings.HasPrefix(list[1].GetDetail(), "1 more") {
		t.Fatal(list)
	}
	r.Refused(failed("a"))
	r.Close()
	if list := records(); len(list) != 0 {
		t.Fatal(list)
	}
}

// Refused calls reach the audit stream, with where they came from, and without the
// token.
func TestGuardAudits(t *testing.T) {
	r, records := audited(t)
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	md := metadata.Pairs("authorization", "Bearer sgt_very-secret", "traceparent", parent)
	stranger := auth.NewGuard(one{err: auth.ErrUnknownToken}, zap.NewNop(), auth.WithReporter(r))
	if _, err := who(stranger, over(t, nil, md)); err == nil {
		t.Fatal("let in")
	}
	viewer := &auth.Principal{Name: "v", Kind: auth.KindToken, Roles: map[string]auth.Role{"a": auth.Viewer}}
	g := auth.NewGuard(one{p: viewer}, zap.NewNop(), auth.WithReporter(r))
	_, err := g.Unary(over(t, nil, md), &pb.DeleteRealmRequest{Realm: "a"}, &grpc.UnaryServerInfo{FullMethod: pb.RealmService_DeleteRealm_FullMethodName}, nil)
	check(t, "delete", err, codes.PermissionDenied, "PERMISSION_DENIED")
	list := records()
	if len(list) != 2 || strings.Contains(fmt.Sprint(list), "very-secret") {
		t.Fatal(list)
	}
	if a := list[0]; a.GetKind() != pb.AuditRecord_KIND_AUTHENTICATION_FAILED || a.GetFrom() != "192.0.2.1:5" || a.GetCode() != "UNAUTHENTICATED" ||
		a.GetMethod() != pb.ServerService_GetServer_FullMethodName || a.GetTraceId() != parent[3:35] || a.GetTime() == nil {
		t.Error(a)
	}
	if a := list[1]; a.GetKind() != pb.AuditRecord_KIND_PERMISSION_DENIED || a.GetCaller() != "token:v" || a.GetRealm() != "a" || a.GetCode() != "PERMISSION_DENIED" {
		t.Error(a)
	}
}

// Tokens that another process made or revoked are told of when they are noticed.
func TestChangedTokensAreTold(t *testing.T) {
	r, records := audited(t)
	dir := t.TempDir()
	here, elsewhere := open(t, dir), open(t, dir)
	create(t, elsewhere, "before", auth.Viewer, "*")
	here.Report(r)
	_, made := create(t, elsewhere, "after", auth.Admin, "a", "b")
	if _, err := here.Authenticate(t.Context(), "x"); err == nil {
		t.Fatal("let in")
	}
	list := records()
	if len(list) != 1 || list[0].GetKind() != pb.AuditRecord_KIND_CREDENTIALS_CHANGED || list[0].GetDetail() != `API tokens: made "after" (admin in a, b)` {
		t.Fatal(list)
	}
	if err := elsewhere.Revoke(made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := here.List(); err != nil {
		t.Fatal(err)
	}
	if list = records(); len(list) != 1 || list[0].GetDetail() != `API tokens: revoked "after" (admin in a, b)` {
		t.Fatal(list)
	}
	for i := range 30 {
		create(t, elsewhere, fmt.Sprint(i), auth.Viewer, "*")
	}
	if _, err := here.List(); err != nil {
		t.Fatal(err)
	}
	if list = records(); len(list) != 1 || !strings.Contains(list[0].GetDetail(), "and 10 more") {
		t.Fatal(list)
	}
}

// Wrong passwords are told of although something else was refused from there before.
func TestRefusalsOfDifferentThingsAreToldApart(t *testing.T) {
	r, records := audited(t)
	for _, what := range []string{"", "user:alice", "", "user:alice", "user:bob"} {
		e := failed("192.0.2.1:1")
		e.What, e.Detail = what, "refused "+what
		r.Refused(e)
	}
	var got []string
	for _, record := range records() {
		got = append(got, record.GetDetail())
	}
	if want := []string{"refused ", "refused user:alice", "refused user:bob"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
