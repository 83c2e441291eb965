package decisionlog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

func everyRealm(string) bool { return true }

// TestFollow tells of decisions of one realm that match, once they are stored.
func TestFollow(t *testing.T) {
	l := open(t, options(t))
	record(t, l, rejected("master", 1))
	f, err := decisionlog.ParseFollowFilter("decision=REJECT AND clientId=client-4")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	follow, err := l.Follow(ctx, "master", f)
	if err != nil {
		t.Fatal(err)
	}
	record(t, l, rejected("other", 4), entry("master", 4), rejected("master", 5), rejected("master", 14))
	d := <-follow
	if d.GetDecisionId() != decisionID(14) || d.GetLostBefore() != 0 {
		t.Errorf("followed %v", d)
	}
	get(t, l, "master", d.GetDecisionId())
	if got := l.Stats().Followers; got != 1 {
		t.Errorf("%d follow, want 1", got)
	}
	cancel()
	if d, more := <-follow; more {
		t.Errorf("followed %v after the end", d)
	}
}

// TestFollowSlow counts what a slow follower misses, on the next that it gets.
func TestFollowSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, options(t))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		follow, err := l.Follow(ctx, "master", decisionlog.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		put := func(from, n int) {
			t.Helper()
			for i := range n {
				if err := l.Record(t.Context(), rejected("master", from+i)); err != nil {
					t.Fatal(err)
				}
			}
			flush(t, l)
			synctest.Wait()
		}
		put(0, 1) // in the hands of the follower's goroutine
		put(1, decisionlog.FollowerBuffer+10)
		for n := range decisionlog.FollowerBuffer + 1 {
			if d := <-follow; d.GetDecisionId() != decisionID(n) || d.GetLostBefore() != 0 {
				t.Fatalf("followed %v, want %d", d, n)
			}
		}
		put(1000, 2)
		first, second := <-follow, <-follow
		if first.GetLostBefore() != 10 || second.GetLostBefore() != 0 {
			t.Errorf("lost before = %d and %d, want 10 and 0", first.GetLostBefore(), second.GetLostBefore())
		}
		if d := get(t, l, "master", first.GetDecisionId()); d.GetLostBefore() != 0 {
			t.Error("what a follower lost is stored")
		}
	})
}

// TestFollowLimit bounds the number of followers.
func TestFollowLimit(t *testing.T) {
	l := open(t, options(t))
	for range decisionlog.MaxFollowers {
		if _, err := l.Follow(t.Context(), "master", decisionlog.Filter{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Follow(t.Context(), "master", decisionlog.Filter{}); !errors.Is(err, decisionlog.ErrTooMany) {
		t.Errorf("one more = %v, want ErrTooMany", err)
	}
	if _, err := l.FollowAudit(t.Context(), everyRealm, decisionlog.AuditFilter{}); err != nil {
		t.Errorf("audit records = %v", err)
	}
}

// TestFollowClose ends followers with the log, whether they read or not.
func TestFollowClose(t *testing.T) {
	l := open(t, options(t))
	reading, err := l.Follow(context.Background(), "master", decisionlog.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.FollowAudit(context.Background(), everyRealm, decisionlog.AuditFilter{}); err != nil {
		t.Fatal(err)
	}
	l.RecordAudit(&pb.AuditRecord{})
	closeLog(t, l)
	if _, more := <-reading; more {
		t.Error("the channel is still open")
	}
	if _, err := l.Follow(t.Context(), "master", decisionlog.Filter{}); !errors.Is(err, decisionlog.ErrClosed) {
		t.Errorf("follow after close = %v", err)
	}
}

// TestFollowAudit tells of records of the realms that may be seen.
func TestFollowAudit(t *testing.T) {
	l := open(t, options(t))
	f, err := decisionlog.ParseAuditFollowFilter("kind=WRITE")
	if err != nil {
		t.Fatal(err)
	}
	follow, err := l.FollowAudit(t.Context(), func(realm string) bool { return realm == "master" }, f)
	if err != nil {
		t.Fatal(err)
	}
	for n, realm := range []string{"other", "", "master", "master"} {
		kind := pb.AuditRecord_KIND_WRITE
		if n == 2 {
			kind = pb.AuditRecord_KIND_ERASURE
		}
		l.RecordAudit(&pb.AuditRecord{Realm: realm, Kind: kind})
	}
	if r := <-follow; r.GetId() != fmt.Sprintf("%016x", 4) {
		t.Errorf("followed %v", r)
	}
}

// TestFollowAuditSlow cuts a follower off that would miss a record.
func TestFollowAuditSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, options(t))
		follow, err := l.FollowAudit(t.Context(), everyRealm, decisionlog.AuditFilter{})
		if err != nil {
			t.Fatal(err)
		}
		const n = decisionlog.FollowerBuffer + 2
		for range n {
			l.RecordAudit(&pb.AuditRecord{Kind: pb.AuditRecord_KIND_WRITE})
		}
		flush(t, l)
		got := 0
		for range follow {
			got++
		}
		if got < decisionlog.FollowerBuffer || got >= n {
			t.Errorf("got %d of %d before the end", got, n)
		}
	})
}
