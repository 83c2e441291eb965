package decisionlog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

// audits lists the details of all audit records that a filter leaves, page by page.
func audits(t *testing.T, l *decisionlog.Log, see func(string) bool, filter string) (list []string) {
	t.Helper()
	f, err := decisionlog.ParseAuditFilter(filter)
	if err != nil {
		t.Fatal(err)
	}
	var page decisionlog.Cursor
	for {
		found, next, err := l.ListAudit(t.Context(), see, f, page, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range found {
			list = append(list, r.GetDetail())
		}
		if page = next; next == (decisionlog.Cursor{}) {
			return list
		}
	}
}

// TestAudit keeps audit records and lists them, newest first, whatever their kind.
func TestAudit(t *testing.T) {
	l := open(t, options(t))
	r := &pb.AuditRecord{
		Kind: pb.AuditRecord_KIND_WRITE, Caller: "token:alice", From: "192.0.2.1", Realm: "master", Method: "/clientpolicy.v1.PolicyAdminService/CreatePolicy",
		Code: "OK", Revision: 8, Detail: "0", TraceId: strings.Repeat("a", 32),
	}
	l.RecordAudit(r)
	want := proto.CloneOf(r)
	want.Id, want.Time = "0000000000000001", timestamppb.New(start)
	r.Detail = "changed"
	flush(t, l)
	list, _, err := l.ListAudit(t.Context(), everyRealm, decisionlog.AuditFilter{}, decisionlog.Cursor{}, 1)
	if err != nil || len(list) != 1 {
		t.Fatalf("listed %v, %v", list, err)
	}
	if diff := cmp.Diff(want, list[0], protocmp.Transform()); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	kinds := []pb.AuditRecord_Kind{pb.AuditRecord_KIND_PERMISSION_DENIED, pb.AuditRecord_KIND_WRITE, pb.AuditRecord_KIND_AUTHENTICATION_FAILED}
	for n := 1; n < 20; n++ {
		l.RecordAudit(&pb.AuditRecord{
			Kind: kinds[n%3], Realm: []string{"master", "other", ""}[n%3], Detail: fmt.Sprint(n), Caller: fmt.Sprintf("token:%d", n%2),
			Code: "OK", Method: "/m", Time: timestamppb.New(start.Add(time.Duration(n) * time.Minute)),
		})
	}
	flush(t, l)
	for _, c := range []struct {
		see    func(string) bool
		filter string
		want   string
	}{
		{everyRealm, "", "19 18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0"},
		{func(r string) bool { return r == "master" }, "", "18 15 12 9 6 3 0"},
		{func(r string) bool { return r == "" }, "", "17 14 11 8 5 2"},
		{func(string) bool { return false }, "", ""},
		{everyRealm, "realm=other", "19 16 13 10 7 4 1"},
		{everyRealm, "kind=KIND_PERMISSION_DENIED AND caller=token:1", "15 9 3"},
		{everyRealm, "method=/m AND code=OK AND since=2026-11-22T10:05:00Z AND until=2026-11-22T10:08:00Z", "7 6 5"},
	} {
		if got := strings.Join(audits(t, l, c.see, c.filter), " "); got != c.want {
			t.Errorf("%q: %s, want %s", c.filter, got, c.want)
		}
	}
	if n, err := l.CountAudit(t.Context(), func(r string) bool { return r == "master" }); n != 7 || err != nil {
		t.Errorf("count = %d, %v, want 7", n, err)
	}
}

// TestAuditBounds cuts texts that are too long or no text.
func TestAuditBounds(t *testing.T) {
	l := open(t, options(t))
	l.RecordAudit(&pb.AuditRecord{Detail: strings.Repeat("ä", 4000), Caller: "\xff"})
	flush(t, l)
	list, _, err := l.ListAudit(t.Context(), everyRealm, decisionlog.AuditFilter{}, decisionlog.Cursor{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if r := list[0]; r.GetDetail() != strings.Repeat("ä", 1024)+"…" || r.GetCaller() != "\uFFFD" {
		t.Errorf("kept %d bytes by %q", len(r.GetDetail()), r.GetCaller())
	}
}

// TestAuditDetail takes credentials out of what is said besides.
func TestAuditDetail(t *testing.T) {
	l := open(t, options(t))
	l.RecordAudit(&pb.AuditRecord{Detail: "token eyJhbGciOiJub25lIn0.eyJzdWIiOjF9. of https://u:p@idp.example/?code=x was refused"})
	flush(t, l)
	if got, want := audits(t, l, everyRealm, ""), "token masked of https://masked:masked@idp.example/?code=masked was refused"; got[0] != want {
		t.Errorf("kept %q, want %q", got[0], want)
	}
}

// TestAuditFull keeps room for others when refusals come faster than can be written.
// What is lost is counted and leaves a gap in the ids.
func TestAuditFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		o.AuditMaxAge, o.MaxAge = 100*366*24*time.Hour, 100*366*24*time.Hour
		l, logs := full(t, o)
		l.RecordAudit(&pb.AuditRecord{Kind: pb.AuditRecord_KIND_WRITE, Detail: "first"})
		if err := l.Record(t.Context(), personal(t, 1, strings.Repeat("large", 200), "alice")); err != nil {
			t.Fatal(err)
		}
		wait(time.Second / 2)
		for range decisionlog.MaxQueueAudits {
			l.RecordAudit(&pb.AuditRecord{Kind: pb.AuditRecord_KIND_AUTHENTICATION_FAILED})
		}
		if got := l.Stats().AuditLost; got != decisionlog.MaxQueueAudits/2 {
			t.Errorf("%d refusals are lost, want half", got)
		}
		last := &pb.AuditRecord{Kind: pb.AuditRecord_KIND_WRITE, Detail: "last"}
		l.RecordAudit(last)
		for range decisionlog.MaxQueueAudits {
			l.RecordAudit(&pb.AuditRecord{Kind: pb.AuditRecord_KIND_WRITE, Detail: "more"})
		}
		if got := l.Stats().AuditLost; got != decisionlog.MaxQueueAudits+1 {
			t.Errorf("%d are lost, want %d", got, decisionlog.MaxQueueAudits+1)
		}
		if logs.FilterMessage("an audit record was lost").Len() == 0 {
			t.Error("nobody was told")
		}
		l.SetMaxSize(0)
		wait(2 * time.Second)
		flush(t, l)
		got := audits(t, l, everyRealm, "kind=WRITE")
		slices.Reverse(got)
		if len(got) != decisionlog.MaxQueueAudits/2+1 || got[0] != "first" || got[1] != "last" {
			t.Errorf("%d are kept: %v", len(got), got[:2])
		}
	})
}

// TestAuditScan bounds what one call reads.
func TestAuditScan(t *testing.T) {
	l := open(t, options(t))
	l.RecordAudit(&pb.AuditRecord{Kind: pb.AuditRecord_KIND_ERASURE, Realm: "rare"})
	for n := range 12_000 {
		l.RecordAudit(&pb.AuditRecord{Kind: pb.AuditRecord_KIND_WRITE, Realm: "master"})
		if n%5000 == 0 {
			flush(t, l)
		}
	}
	flush(t, l)
	rare := func(realm string) bool { return realm == "rare" }
	list, next, err := l.ListAudit(t.Context(), rare, decisionlog.AuditFilter{}, decisionlog.Cursor{}, 10)
	if err != nil || len(list) != 0 || next == (decisionlog.Cursor{}) {
		t.Errorf("the first page has %d, %v, %v; want none and a cursor", len(list), next, err)
	}
	list, next, err = l.ListAudit(t.Context(), rare, decisionlog.AuditFilter{}, next, 10)
	if err != nil || len(list) != 1 || next != (decisionlog.Cursor{}) {
		t.Errorf("the second page has %d, %v, %v; want the one and the end", len(list), next, err)
	}
}
