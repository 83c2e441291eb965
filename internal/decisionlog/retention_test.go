package decisionlog_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

// TestMaxAge removes decisions of all realms that are too old: while others are
// written, when nothing is, and when the log is opened.
func TestMaxAge(t *testing.T) {
	o := options(t)
	now := start
	o.Now = func() time.Time { return now }
	o.MaxAge = time.Hour
	l := open(t, o)
	minutes := func(realm string, n int) *decisionlog.Entry { return entry(realm, n*60) }
	record(t, l, minutes("master", 0), minutes("master", 30), minutes("gone", 0))
	now = start.Add(time.Hour + time.Second)
	record(t, l, minutes("master", 60))
	if got, want := ids(t, l, "master", ""), []string{"003600", "001800"}; !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
	if n, _ := l.Count(t.Context(), "gone"); n != 0 {
		t.Errorf("%d are left in a realm with old ones alone", n)
	}
	if _, err := l.Get(t.Context(), "master", decisionID(0)); err == nil {
		t.Error("an expired decision is found by its id")
	}
	now = start.Add(time.Hour + 31*time.Minute)
	if err := l.Retain(); err != nil {
		t.Fatal(err)
	}
	if n, _ := l.Count(t.Context(), "master"); n != 1 {
		t.Errorf("%d are left, want 1", n)
	}
	closeLog(t, l)
	now = start.Add(24 * time.Hour)
	if n, _ := open(t, o).Count(t.Context(), "master"); n != 0 {
		t.Errorf("%d are left when it is opened later", n)
	}
}

// TestIdleRetention runs without any writing.
func TestIdleRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		o.Now, o.MaxAge = time.Now, time.Hour
		l := open(t, o)
		e := entry("master", 1)
		e.Time = time.Now()
		record(t, l, e)
		wait(59 * time.Minute)
		if n, _ := l.Count(t.Context(), "master"); n != 1 {
			t.Error("removed too early")
		}
		wait(3 * time.Minute)
		if n, _ := l.Count(t.Context(), "master"); n != 0 {
			t.Error("not removed")
		}
	})
}

// TestMaxBytes writes many times what may be kept: the newest are, the file stays
// small, and audit records do not count.
func TestMaxBytes(t *testing.T) {
	o := options(t)
	o.MaxBytes = 2 << 20
	l := open(t, o)
	for range 1000 {
		l.RecordAudit(&pb.AuditRecord{Kind: pb.AuditRecord_KIND_WRITE, Detail: fmt.Sprintf("%01000d", 1)})
	}
	const total = 20_000
	for n := range total {
		e := rejected("master", n)
		if n%2 == 0 {
			e.Realm, e.Request.Realm = "other", "other"
		}
		if err := l.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if n%100 == 0 {
			flush(t, l)
		}
	}
	flush(t, l)
	left, other := ids(t, l, "master", ""), ids(t, l, "other", "")
	if len(left) < 500 || len(other) < 500 || left[0] != fmt.Sprintf("%06d", total-1) {
		t.Errorf("%d and %d are left, the newest is %s", len(left), len(other), left[0])
	}
	for n := range left {
		if want := fmt.Sprintf("%06d", total-1-2*n); left[n] != want {
			t.Fatalf("%s is left, want %s", left[n], want)
		}
	}
	if used := l.Stats().Bytes; used < 3<<19 || used > 4<<20 {
		t.Errorf("%d bytes are in use, want about 2 MiB and 1 MiB of audit records", used)
	}
	info, err := os.Stat(o.File)
	if err != nil || info.Size() > 8<<20 {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
	if n, _ := l.CountAudit(t.Context(), func(string) bool { return true }); n != 1000 {
		t.Errorf("%d audit records are left, want all", n)
	}
}

// TestAuditRetention keeps audit records for their own time and up to their own
// number; refusals push out refusals alone.
func TestAuditRetention(t *testing.T) {
	o := options(t)
	now := start
	o.Now = func() time.Time { return now }
	o.MaxAge, o.AuditMaxAge, o.AuditRecords = time.Minute, 24*time.Hour, 100
	l := open(t, o)
	all := func(string) bool { return true }
	add := func(n int, kind pb.AuditRecord_Kind) {
		t.Helper()
		for range n {
			l.RecordAudit(&pb.AuditRecord{Kind: kind})
		}
		flush(t, l)
	}
	add(50, pb.AuditRecord_KIND_WRITE)
	now = now.Add(time.Hour)
	add(500, pb.AuditRecord_KIND_AUTHENTICATION_FAILED)
	add(60, pb.AuditRecord_KIND_WRITE)
	if err := l.Retain(); err != nil {
		t.Fatal(err)
	}
	count := func(kind string) (n int) {
		t.Helper()
		f, err := decisionlog.ParseAuditFilter("kind=" + kind)
		if err != nil {
			t.Fatal(err)
		}
		list, _, err := l.ListAudit(t.Context(), all, f, decisionlog.Cursor{}, 500)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if w, f := count("WRITE"), count("AUTHENTICATION_FAILED"); w != 100 || f != 100 {
		t.Errorf("%d writes and %d failures are left, want 100 each", w, f)
	}
	now = start.Add(24*time.Hour + time.Second)
	if err := l.Retain(); err != nil {
		t.Fatal(err)
	}
	if w, f := count("WRITE"), count("AUTHENTICATION_FAILED"); w != 60 || f != 100 {
		t.Errorf("%d writes and %d failures are left, want 60 and 100", w, f)
	}
	if n, _ := l.CountAudit(t.Context(), all); n != 160 {
		t.Errorf("count = %d, want 160", n)
	}
}
