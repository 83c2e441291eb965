package decisionlog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

// full is a log on a disk that is full once it was opened, with an observed logger.
func full(t *testing.T, o decisionlog.Options) (*decisionlog.Log, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	o.Logger, o.Now = zap.New(core), time.Now
	l := open(t, o)
	l.SetMaxSize(1)
	return l, logs
}

// wait lets the writer come to rest.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestBestEffort fills the queue while the disk is full. What does not fit is lost,
// counted, and marked on the next decision that is stored, over restarts of the disk.
func TestBestEffort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		o.Queue, o.MaxAge = 4, 100*366*24*time.Hour
		l, logs := full(t, o)
		for n := range 9 {
			if err := l.Record(t.Context(), rejected("master", n)); err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				wait(time.Second / 2) // the writer has the first one and cannot store it
			}
		}
		if s := l.Stats(); s.Lost != 4 || s.Queue != 4 || s.Kept != 0 {
			t.Errorf("stats = %+v, want 4 lost and 4 waiting", s)
		}
		l.SetMaxSize(0)
		wait(2 * time.Second)
		record(t, l, rejected("master", 9))
		var lost []int64
		for n := range 10 {
			d, err := l.Get(t.Context(), "master", decisionID(n))
			if errors.Is(err, decisionlog.ErrNotFound) {
				lost = append(lost, -1)
				continue
			}
			lost = append(lost, d.GetLostBefore())
		}
		if want := []int64{0, 0, 0, 0, 0, -1, -1, -1, -1, 4}; !slices.Equal(lost, want) {
			t.Errorf("lost before = %v, want %v", lost, want)
		}
		if s := l.Stats(); s.Lost != 4 || s.Queue != 0 || s.Kept != 6 {
			t.Errorf("stats = %+v, want 6 kept", s)
		}
		if got := logs.FilterMessage("a decision was lost").Len(); got != 1 {
			t.Errorf("losses were logged %d times in a second, want once", got)
		}
		if got := logs.FilterMessage("decision log cannot be written").Len(); got != 1 {
			t.Errorf("the full disk was logged %d times, want once", got)
		}
	})
}

// TestBlockDown refuses decisions while the disk is full, and takes them again.
func TestBlockDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		o.Mode, o.MaxAge = decisionlog.Block, 100*366*24*time.Hour
		l, _ := full(t, o)
		if err := l.Record(t.Context(), rejected("master", 1)); err != nil {
			t.Fatal(err)
		}
		wait(time.Second / 2)
		if err := l.Record(t.Context(), rejected("master", 2)); !errors.Is(err, decisionlog.ErrUnavailable) {
			t.Errorf("record on a full disk = %v, want ErrUnavailable", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := l.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flush on a full disk = %v", err)
		}
		l.SetMaxSize(0)
		wait(2 * time.Second)
		record(t, l, rejected("master", 3))
		if got, want := ids(t, l, "master", ""), []string{"000003", "000001"}; !slices.Equal(got, want) {
			t.Errorf("kept %v, want %v", got, want)
		}
		if got := l.Stats().Lost; got != 1 {
			t.Errorf("%d are lost, want the one that was refused", got)
		}
	})
}

// TestBlockRefuses refuses what is no decision, as it cannot be kept.
func TestBlockRefuses(t *testing.T) {
	o := options(t)
	o.Mode = decisionlog.Block
	l := open(t, o)
	for _, e := range []*decisionlog.Entry{{}, {Request: &pb.EvaluateRequest{Realm: "master"}}, {Request: &pb.EvaluateRequest{}, Response: &pb.EvaluateResponse{}}} {
		if err := l.Record(t.Context(), e); err == nil {
			t.Errorf("%v was taken", e)
		}
	}
	closeLog(t, l)
	if err := l.Record(t.Context(), rejected("master", 1)); !errors.Is(err, decisionlog.ErrClosed) {
		t.Errorf("record after close = %v, want ErrClosed", err)
	}
}

// TestQueueWait waits for room until the context ends, or the queue is closed.
func TestQueueWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := decisionlog.NewQueue(2)
		for range 2 {
			if err := q.Wait(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
		}
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Wait(ctx, 1); !errors.Is(err, decisionlog.ErrFull) || !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("wait = %v after %v, want ErrFull after a second", err, time.Since(begin))
		}
		results := make(chan error, 3)
		for range 3 {
			go func() { results <- q.Wait(t.Context(), 1) }()
		}
		synctest.Wait()
		if len(results) != 0 {
			t.Error("somebody did not wait")
		}
		q.Take()
		synctest.Wait()
		if len(results) != 2 {
			t.Errorf("%d got room, want 2", len(results))
		}
		q.Close()
		synctest.Wait()
		for n := range 3 {
			if err := <-results; (err == nil) != (n < 2) || n == 2 && !errors.Is(err, decisionlog.ErrClosed) {
				t.Errorf("result %d = %v", n, err)
			}
		}
	})
}

// TestQueueDown wakes those who wait when nothing can be written.
func TestQueueDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := decisionlog.NewQueue(1)
		q.Offer(1)
		result := make(chan error, 1)
		go func() { result <- q.Wait(t.Context(), 1) }()
		synctest.Wait()
		q.SetDown(errors.New("disk full"))
		if err := <-result; !errors.Is(err, decisionlog.ErrUnavailable) {
			t.Errorf("wait = %v, want ErrUnavailable", err)
		}
		q.SetDown(nil)
		q.Take()
		if err := q.Wait(t.Context(), 1); err != nil {
			t.Errorf("wait = %v", err)
		}
	})
}

// TestQueueBytes bounds the bytes that wait, but takes a single one of any size.
func TestQueueBytes(t *testing.T) {
	q := decisionlog.NewQueue(1000)
	const large = 40 << 20
	if !q.Offer(2*large) || q.Offer(1) {
		t.Error("the first of 80 MiB must fit, and nothing beside it")
	}
	q.Take()
	if !q.Offer(large) || !q.Offer(24<<20) || q.Offer(1) {
		t.Error("64 MiB must fit, and not a byte more")
	}
	if got := q.Take(); !slices.Equal(got, []int64{2 - 1}) {
		t.Errorf("a batch takes %v, want the first alone, after 1 loss", got)
	}
}

// TestQueueLost puts the number of losses on the next that is taken.
func TestQueueLost(t *testing.T) {
	q := decisionlog.NewQueue(2)
	for range 5 {
		q.Offer(1)
	}
	if got := q.Take(); !slices.Equal(got, []int64{0, 0}) {
		t.Errorf("before a gap: %v", got)
	}
	q.Offer(1)
	q.Offer(1)
	if got := q.Take(); !slices.Equal(got, []int64{3, 0}) {
		t.Errorf("after a gap: %v", got)
	}
}

// TestBatches writes within the interval, and at once when a batch is full or
// somebody flushes.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		o.BatchInterval, o.MaxAge = 200*time.Millisecond, 100*366*24*time.Hour
		o.Now = time.Now
		l := open(t, o)
		if err := l.Record(t.Context(), rejected("master", 1)); err != nil {
			t.Fatal(err)
		}
		wait(199 * time.Millisecond)
		if l.Stats().Kept != 0 {
			t.Error("it did not wait for others")
		}
		wait(time.Millisecond)
		if l.Stats().Kept != 1 {
			t.Error("it waits too long")
		}
		begin := time.Now()
		for n := range 1024 {
			if err := l.Record(t.Context(), rejected("master", n)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if got := l.Stats().Kept; got != 1025 || time.Since(begin) != 0 {
			t.Errorf("%d are kept after %v, want a full batch at once", got, time.Since(begin))
		}
		record(t, l, rejected("master", 2000))
		if time.Since(begin) != 0 {
			t.Errorf("a flush took %v", time.Since(begin))
		}
	})
}

// TestCloseInTime gives up what cannot be stored when its time is over, and says so.
func TestCloseInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		o.MaxAge = 100 * 366 * 24 * time.Hour
		l, logs := full(t, o)
		for n := range 3 {
			if err := l.Record(t.Context(), rejected("master", n)); err != nil {
				t.Fatal(err)
			}
			wait(time.Second / 2)
		}
		l.RecordAudit(&pb.AuditRecord{Kind: pb.AuditRecord_KIND_WRITE})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begin := time.Now()
		if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "3 decisions and 1 audit records are not stored") {
			t.Errorf("close = %v", err)
		}
		if s := l.Stats(); s.Lost != 3 || s.AuditLost != 1 || time.Since(begin) != 10*time.Second {
			t.Errorf("after %v: %+v, want 3 and 1 lost after 10 s", time.Since(begin), s)
		}
		if logs.FilterMessage("decisions were lost at shutdown").Len() != 1 {
			t.Errorf("logged: %v", logs.All())
		}
	})
}

// TestCloseDrains stores what waits.
func TestCloseDrains(t *testing.T) {
	o := options(t)
	o.BatchInterval = 10 * time.Second
	l := open(t, o)
	for n := range 3000 {
		if err := l.Record(t.Context(), rejected("master", n)); err != nil {
			t.Fatal(err)
		}
	}
	closeLog(t, l)
	o.BatchInterval = 0
	if n, err := open(t, o).Count(t.Context(), "master"); n != 3000 || err != nil {
		t.Errorf("%d are stored, %v, want 3000", n, err)
	}
}

// TestSampling keeps what is notable, and of all else the share that is the most
// specific.
func TestSampling(t *testing.T) {
	o := options(t)
	o.Sample = 0
	o.Samples = []decisionlog.Sample{
		{Realm: "kept", Share: 1}, {Event: pb.Event_EVENT_TOKEN_REFRESH, Share: 1},
		{Realm: "kept", Event: pb.Event_EVENT_USERINFO_REQUEST, Share: 0},
	}
	notable := map[string]func(*decisionlog.Entry){
		"reject":     func(e *decisionlog.Entry) { e.Response.Decision = pb.EvaluateResponse_DECISION_REJECT },
		"unknown":    func(e *decisionlog.Entry) { e.Response.Decision = 0 },
		"warning":    func(e *decisionlog.Entry) { e.Response.Findings = []*pb.Finding{{Policy: "p"}} },
		"mutation":   func(e *decisionlog.Entry) { e.Response.Mutations = []*pb.Mutation{{Path: "/name"}} },
		"proposed":   func(e *decisionlog.Entry) { e.Response.ProposedMutations = []*pb.Mutation{{Path: "/name"}} },
		"audit":      func(e *decisionlog.Entry) { e.Audit = []*pb.Finding{{Policy: "p"}} },
		"audit only": func(e *decisionlog.Entry) { e.Proposed = []*pb.Mutation{{Path: "/name"}} },
	}
	l := open(t, o)
	n := 0
	keep := func(name string, want bool, e *decisionlog.Entry) {
		t.Helper()
		n++
		e.Response.DecisionId = decisionID(n)
		record(t, l, e)
		d, err := l.Get(t.Context(), e.Realm, decisionID(n))
		if (err == nil) != want {
			t.Errorf("%s: kept is %v (%v), want %v", name, err == nil, err, want)
		}
		if err == nil && d.GetSampleRate() != 1 {
			t.Errorf("%s: sample rate %v, want 1", name, d.GetSampleRate())
		}
	}
	for name, change := range notable {
		e := entry("master", 0)
		change(e)
		keep(name, true, e)
	}
	keep("clean", false, entry("master", 0))
	obliged := entry("master", 0)
	obliged.Response.Obligations = []*pb.Obligation{{Obligation: &pb.Obligation_SuppressRefreshToken{}}}
	keep("obligation", false, obliged)
	keep("realm", true, entry("kept", 0))
	userinfo, refresh := entry("kept", 0), entry("master", 0)
	userinfo.Request.Event, refresh.Request.Event = pb.Event_EVENT_USERINFO_REQUEST, pb.Event_EVENT_TOKEN_REFRESH
	keep("event in a realm", false, userinfo)
	keep("event", true, refresh)
	if got := l.Stats().SampledOut; got != 3 {
		t.Errorf("%d were sampled out, want 3", got)
	}
}

// TestSampleShare keeps about the share, always the same ones, and more of them with
// a greater share.
func TestSampleShare(t *testing.T) {
	const of = 100_000
	for _, share := range []float64{0.01, 0.1, 0.5, 0.99} {
		kept := 0
		for n := range of {
			id := fmt.Sprintf("%d", n)
			if decisionlog.InSample(id, share) {
				kept++
				if !decisionlog.InSample(id, share+0.005) {
					t.Fatalf("%s is kept with share %v and not with more", id, share)
				}
			}
		}
		if got := float64(kept) / of; got < share-0.01 || got > share+0.01 {
			t.Errorf("of share %v are kept %v", share, got)
		}
	}
	e := entry("master", 1)
	o := options(t)
	o.Sample = 0.999999
	if d := stored(t, o, e); d.GetSampleRate() != 0.999999 {
		t.Errorf("sample rate %v is noted", d.GetSampleRate())
	}
}

// TestSampledOutAllocatesNothing holds what costs nothing to it.
func TestSampledOutAllocatesNothing(t *testing.T) {
	o := options(t)
	o.Sample = 0
	o.Samples = []decisionlog.Sample{{Realm: "other", Event: pb.Event_EVENT_TOKEN_REQUEST, Share: 0.5}}
	l := open(t, o)
	e := entry("master", 1)
	got := testing.AllocsPerRun(100, func() {
		if err := l.Record(t.Context(), e); err != nil {
			t.Error(err)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}
