package decisionlog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

// TestRecord keeps a decision with all that belongs to it.
func TestRecord(t *testing.T) {
	e := rejected("master", 1)
	e.Audit = []*pb.Finding{{Policy: "trial", Executor: "secure-session", Error: "invalid_request"}}
	e.Proposed = []*pb.Mutation{{Op: pb.Mutation_OP_SET, Path: "/fullScopeAllowed", Policy: "trial"}}
	got := stored(t, options(t), e)
	want := &pb.LoggedDecision{
		DecisionId: "decision-000001", Time: timestamppb.New(start.Add(time.Second)), Caller: "token:idp", Realm: "master", Revision: 7,
		Event: pb.Event_EVENT_TOKEN_REQUEST, ClientId: "client-1", Decision: pb.EvaluateResponse_DECISION_REJECT,
		Reason: pb.EvaluateResponse_REASON_POLICY, Error: e.Response.Error, WireError: e.Response.WireError,
		Findings:          append(slices.Clone(e.Response.Findings), e.Audit...),
		ProposedMutations: e.Proposed, AppliedPolicies: []string{"fapi"},
		Duration: durationpb.New(3 * time.Microsecond), TraceId: "00000000000000000000000000000002", Request: e.Request, SampleRate: 1,
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

// TestRecordBorrows changes an entry after it was recorded.
func TestRecordBorrows(t *testing.T) {
	l := open(t, options(t))
	e := rejected("master", 1)
	if err := l.Record(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	e.Response.Findings[0].Actual = "changed"
	e.Request.Request.Parameters["grant_type"] = "changed"
	flush(t, l)
	d := get(t, l, "master", decisionID(1))
	if d.GetFindings()[0].GetActual() != "plain" || d.GetRequest().GetRequest().GetParameters()["grant_type"] != "authorization_code" {
		t.Errorf("kept %v", d)
	}
}

// TestList pages through the decisions of one realm, newest first.
func TestList(t *testing.T) {
	l := open(t, options(t))
	var want []string
	for n := range 50 {
		record(t, l, entry("master", n), entry("other", n+1000))
		want = append(want, fmt.Sprintf("%06d", n))
	}
	slices.Reverse(want)
	if got := ids(t, l, "master", ""); !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	if n, err := l.Count(t.Context(), "master"); n != 50 || err != nil {
		t.Errorf("count = %d, %v, want 50", n, err)
	}
	if got := ids(t, l, "nowhere", ""); len(got) != 0 {
		t.Errorf("an unknown realm has %v", got)
	}
}

// TestListUnderWrites reads pages while decisions come and go: one that was there
// all the time is shown once.
func TestListUnderWrites(t *testing.T) {
	o := options(t)
	now := start
	o.Now = func() time.Time { return now }
	o.MaxAge = time.Hour
	l := open(t, o)
	for n := range 40 {
		record(t, l, entry("master", n*60))
	}
	var page decisionlog.Cursor
	seen := map[string]int{}
	for n := 40; ; n++ {
		list, next, err := l.List(t.Context(), "master", decisionlog.Filter{}, page, 5)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			seen[d.GetDecisionId()]++
		}
		if next == (decisionlog.Cursor{}) {
			break
		}
		page, now = next, start.Add(time.Hour+time.Duration(n)*20*time.Second)
		record(t, l, entry("master", n*60))
	}
	for n := 20; n < 40; n++ {
		if seen[decisionID(n*60)] != 1 {
			t.Errorf("decision %d was shown %d times", n, seen[decisionID(n*60)])
		}
	}
}

// TestGet finds decisions by realm and id.
func TestGet(t *testing.T) {
	l := open(t, options(t))
	record(t, l, entry("master", 1))
	for _, c := range []struct{ realm, id string }{{"master", "nothing"}, {"master", ""}, {"other", decisionID(1)}, {"", decisionID(1)}} {
		if _, err := l.Get(t.Context(), c.realm, c.id); !errors.Is(err, decisionlog.ErrNotFound) {
			t.Errorf("get %v = %v, want ErrNotFound", c, err)
		}
	}
}

// TestEach exports everything in order, in more pieces than one.
func TestEach(t *testing.T) {
	l := open(t, options(t))
	for n := range 700 {
		if err := l.Record(t.Context(), entry("master", n)); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, l)
	for _, c := range []struct {
		filter      string
		first, last int
	}{
		{"", 0, 699},
		{"since=2026-11-22T10:05:00Z", 300, 699},
		{"since=2026-11-22T10:05:00Z AND until=2026-11-22T10:10:00Z", 300, 599},
		{"until=2026-11-22T10:00:10Z", 0, 9},
	} {
		f, err := decisionlog.ParseFilter(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		n := c.first
		err = l.Each(t.Context(), "master", f, func(d *pb.LoggedDecision) error {
			if d.GetDecisionId() != decisionID(n) {
				return fmt.Errorf("got %s, want %s", d.GetDecisionId(), decisionID(n))
			}
			n++
			// What comes during an export is not part of it.
			return l.Record(context.Background(), entry("other", n))
		})
		if err != nil || n != c.last+1 {
			t.Errorf("%q: stopped before %d: %v, want %d", c.filter, n, err, c.last+1)
		}
	}
}

// TestEachStops ends an export early.
func TestEachStops(t *testing.T) {
	l := open(t, options(t))
	record(t, l, entry("master", 1), entry("master", 2))
	stop := errors.New("enough")
	n := 0
	err := l.Each(t.Context(), "master", decisionlog.Filter{}, func(*pb.LoggedDecision) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("each = %v after %d, want to stop after 1", err, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Each(ctx, "master", decisionlog.Filter{}, func(*pb.LoggedDecision) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("each with a context that has ended = %v", err)
	}
}

// TestReopen finds everything again.
func TestReopen(t *testing.T) {
	o := options(t)
	l := open(t, o)
	record(t, l, entry("master", 1), rejected("master", 2))
	l.RecordAudit(&pb.AuditRecord{Kind: pb.AuditRecord_KIND_WRITE, Realm: "master"})
	closeLog(t, l)
	if err := l.Record(t.Context(), entry("master", 3)); err != nil {
		t.Errorf("record after close = %v, best effort has no errors", err)
	}
	if _, err := l.Count(t.Context(), "master"); !errors.Is(err, decisionlog.ErrClosed) {
		t.Errorf("count after close = %v", err)
	}
	if got := l.Stats().Lost; got != 1 {
		t.Errorf("%d are lost, want the one that came after the end", got)
	}

	l = open(t, o)
	record(t, l, entry("master", 4))
	if got, want := ids(t, l, "master", ""), []string{"000004", "000002", "000001"}; !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	if n, err := l.Count(t.Context(), "master"); n != 3 || err != nil {
		t.Errorf("count = %d, %v, want 3", n, err)
	}
	r := &pb.AuditRecord{Kind: pb.AuditRecord_KIND_WRITE}
	l.RecordAudit(r)
	if r.GetId() != "0000000000000002" {
		t.Errorf("the second audit record has id %q", r.GetId())
	}
}

// TestBounds holds what one record may hold to its bounds.
func TestBounds(t *testing.T) {
	e := rejected("master", 1)
	for range 200 {
		e.Response.Findings = append(e.Response.Findings, e.Response.Findings[0])
	}
	d := stored(t, options(t), e)
	if len(d.GetFindings()) != 128 || !slices.Equal(d.GetMasked(), []string{"/findings"}) || d.GetRequest() == nil {
		t.Errorf("%d findings are kept, masked: %v", len(d.GetFindings()), d.GetMasked())
	}

	e = rejected("master", 2)
	for n := range 1000 {
		e.Request.Client.RedirectUris = append(e.Request.Client.RedirectUris, fmt.Sprintf("https://client.example/%0300d", n))
	}
	d = stored(t, options(t), e)
	if d.GetRequest() != nil || !slices.Equal(d.GetMasked(), []string{""}) || len(d.GetFindings()) != 1 {
		t.Errorf("of a request that is too large is kept %v, masked: %v", d.GetRequest() != nil, d.GetMasked())
	}

	e = rejected("master", 3)
	for n := range 1000 {
		e.Request.Request.Parameters[fmt.Sprintf("x-%d", n)] = "value"
	}
	d = stored(t, options(t), e)
	if d.GetRequest() != nil || !slices.Equal(d.GetMasked(), []string{""}) {
		t.Errorf("of a request with too much to mask is kept %v, masked: %v", d.GetRequest() != nil, d.GetMasked())
	}
}

// TestRecordLimit cuts the lists of a record that is too large without its request.
func TestRecordLimit(t *testing.T) {
	e := rejected("master", 1)
	for n := range 127 {
		f := proto.CloneOf(e.Response.Findings[0])
		f.Actual, f.Expected, f.Remedy = strings.Repeat("a", 5000), strings.Repeat("b", 2048), fmt.Sprint(n)
		e.Response.Findings = append(e.Response.Findings, f)
	}
	d := stored(t, options(t), e)
	if n := len(d.GetFindings()); n != 32 || d.SizeVT() > 256<<10 || d.SizeVT() < 128<<10 {
		t.Errorf("%d findings are kept, %d bytes, masked: %v", n, d.SizeVT(), d.GetMasked())
	}
	if d.GetRequest() != nil || !slices.Contains(d.GetMasked(), "") || !slices.Contains(d.GetMasked(), "/findings") {
		t.Errorf("masked: %v", d.GetMasked())
	}
	if got := d.GetFindings()[1].GetActual(); got != strings.Repeat("a", 2048)+"…" {
		t.Errorf("a text of 5000 bytes became one of %d", len(got))
	}
}

// TestReopenUnderWay opens the file anew while it is read and written.
func TestReopenUnderWay(t *testing.T) {
	l := open(t, options(t))
	for n := range 20 {
		if err := l.Record(t.Context(), rejected("master", n)); err != nil {
			t.Fatal(err)
		}
		if err := l.Reopen(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := l.List(t.Context(), "master", decisionlog.Filter{}, decisionlog.Cursor{}, 50); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, l)
	if n, err := l.Count(t.Context(), "master"); n != 20 || err != nil {
		t.Errorf("%d are stored, %v, want 20", n, err)
	}
}

// TestConcurrent does everything at once.
func TestConcurrent(t *testing.T) {
	o := options(t)
	o.Mode = decisionlog.Block
	l := open(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	follow, err := l.Follow(ctx, "master", decisionlog.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	followed := make(chan int)
	go func() {
		n := 0
		for d := range follow {
			n += 1 + int(d.GetLostBefore())
		}
		followed <- n
	}()
	var work sync.WaitGroup
	for w := range 4 {
		work.Go(func() {
			for n := range 300 {
				if err := l.Record(ctx, rejected("master", w*1000+n)); err != nil {
					t.Error(err)
				}
				l.RecordAudit(&pb.AuditRecord{Realm: "master"})
			}
		})
	}
	work.Go(func() {
		for n := range 5 {
			if _, err := l.Erase(ctx, "master", fmt.Sprintf("client-%d", n), ""); err != nil {
				t.Error(err)
			}
		}
	})
	work.Go(func() {
		for range 50 {
			if _, _, err := l.List(ctx, "master", decisionlog.Filter{}, decisionlog.Cursor{}, 50); err != nil {
				t.Error(err)
			}
			l.Stats()
		}
	})
	work.Wait()
	for n := range 5 {
		if _, err := l.Erase(ctx, "master", fmt.Sprintf("client-%d", n), ""); err != nil {
			t.Error(err)
		}
	}
	if n, err := l.Count(ctx, "master"); n != 600 || err != nil {
		t.Errorf("%d are left, %v, want the half that was not erased", n, err)
	}
	if s := l.Stats(); s.Kept != 1200 || s.Lost != 0 || s.AuditLost != 0 {
		t.Errorf("stats = %+v", s)
	}
	cancel()
	if n := <-followed; n > 1200 {
		t.Errorf("followed %d", n)
	}
}
