package service_test

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
	"github.com/sidegate/sidegate/internal/service"
	"github.com/sidegate/sidegate/storage/memory"
)

const (
	trace       = "0af7651916cd43dd8448eb211c80319c"
	traceParent = "00-" + trace + "-b7ad6b7169203331-01"
)

// strict is a set that rejects, warns and looks on.
func strict() *pb.PolicySet {
	return &pb.PolicySet{
		Profiles: []*pb.Profile{refusing("p", "access_denied")},
		Policies: []*pb.Policy{
			policy("enforcing", "p"),
			under(pb.Policy_ENFORCEMENT_WARN, policy("warning", "p")),
			under(pb.Policy_ENFORCEMENT_AUDIT, policy("looking on", "p")),
		},
	}
}

func TestDecisionIsKept(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	l.replaceSet("master", strict())
	out := l.evaluate(view("master"), "traceparent", traceParent)
	got := l.get("master", out.GetDecisionId())
	if got.GetTime().AsTime().Before(began) || got.GetDuration().AsDuration() <= 0 {
		t.Errorf("got time %v and duration %v", got.GetTime().AsTime(), got.GetDuration().AsDuration())
	}
	if got.GetCaller() != "token:root" || got.GetTraceId() != trace || got.GetRealm() != "master" || got.GetRevision() != 2 {
		t.Errorf("got %v", got)
	}
	if got.GetEvent() != pb.Event_EVENT_VIEW || got.GetClientId() != "app" || got.GetDecision() != out.GetDecision() || got.GetReason() != out.GetReason() {
		t.Errorf("got %v", got)
	}
	equal(t, got.GetAppliedPolicies(), []string{"server-wide", "enforcing", "warning", "looking on"})
	var policies []string
	for _, f := range got.GetFindings() {
		policies = append(policies, f.GetPolicy())
	}
	// The answer is silent about what is under audit; the log is not.
	equal(t, policies, []string{"enforcing", "warning", "looking on"})
	equal(t, len(out.GetFindings()), 2)
	equal(t, got.GetRequest().GetClient().GetClientId(), "app")
}

// Every item of a batch is a decision of its own; what is refused is none.
func TestBatchIsKept(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	out, err := l.decisions.BatchEvaluate(l.root("traceparent", traceParent), &pb.BatchEvaluateRequest{Realm: "master", Requests: []*pb.EvaluateRequest{
		view(""), view("other"), {}, view("master"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	secret := view("master")
	secret.Client.Secret = proto.String("s3cret")
	for _, refused := range []*pb.EvaluateRequest{secret, {Realm: "master"}, {Realm: "nowhere"}} {
		if _, err := l.decisions.Evaluate(l.root(), refused); err == nil {
			t.Error("answered", refused)
		}
	}
	r := out.GetResults()
	equal(t, l.list("master", ""), []string{r[3].GetResponse().GetDecisionId(), r[0].GetResponse().GetDecisionId()})
	equal(t, l.get("master", r[0].GetResponse().GetDecisionId()).GetTraceId(), trace)
}

// W3C Trace Context section 3.2.2: what is not valid is ignored.
func TestTraceParent(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	for name, c := range map[string]struct {
		pairs []string
		want  string
	}{
		"none":             {nil, ""},
		"valid":            {[]string{traceParent}, trace},
		"not sampled":      {[]string{"00-" + trace + "-b7ad6b7169203331-00"}, trace},
		"twice":            {[]string{traceParent, traceParent}, ""},
		"upper case":       {[]string{strings.ToUpper(traceParent)}, ""},
		"another version":  {[]string{"01" + traceParent[2:]}, ""},
		"no version":       {[]string{"ff" + traceParent[2:]}, ""},
		"too short":        {[]string{traceParent[:54]}, ""},
		"too long":         {[]string{traceParent + "-"}, ""},
		"with more":        {[]string{traceParent + "-what-the-future-will-be-like"}, ""},
		"no trace":         {[]string{"00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01"}, ""},
		"no parent":        {[]string{"00-" + trace + "-" + strings.Repeat("0", 16) + "-01"}, ""},
		"trace not hex":    {[]string{"00-" + trace[:31] + "g-b7ad6b7169203331-01"}, ""},
		"parent not hex":   {[]string{"00-" + trace + "-b7ad6b716920333x-01"}, ""},
		"flags not hex":    {[]string{"00-" + trace + "-b7ad6b7169203331-0x"}, ""},
		"other separators": {[]string{"00_" + trace + "_b7ad6b7169203331_01"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var pairs []string
			for _, value := range c.pairs {
				pairs = append(pairs, "traceparent", value)
			}
			out := l.evaluate(view("master"), pairs...)
			equal(t, l.get("master", out.GetDecisionId()).GetTraceId(), c.want)
		})
	}
}

// Where everything must be kept, what cannot be is not answered; where the log
// does its best, it is.
func TestLogThatCannotKeep(t *testing.T) {
	for mode, code := range map[decisionlog.Mode]codes.Code{decisionlog.Block: codes.Unavailable, decisionlog.BestEffort: codes.OK} {
		store := memory.New()
		t.Cleanup(func() { store.Close() })
		options := logOptions(filepath.Join(t.TempDir(), "d"))
		options.Mode = mode
		kept := openLog(t, options)
		w := startOn(t, store, limits, func(o *service.Options) { o.Decisions = kept })
		w.createRealm("master", nil)
		if err := kept.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := w.decisions.Evaluate(w.root(), view("master"))
		batch, batchErr := w.decisions.BatchEvaluate(w.root(), &pb.BatchEvaluateRequest{Realm: "master", Requests: []*pb.EvaluateRequest{view("")}})
		if batchErr != nil {
			t.Fatal(batchErr)
		}
		item := batch.GetResults()[0]
		if code == codes.OK {
			if err != nil || item.GetResponse() == nil {
				t.Errorf("mode %v: got %v and %v", mode, err, item)
			}
			continue
		}
		want(t, err, code, "STORAGE")
		wantText(t, err, "decision-log.mode", "closed")
		equal(t, item.GetError().GetCode(), "UNAVAILABLE")
	}
}

// What was kept is a copy: the bytes of a request are somebody else's as soon as
// it is answered, and so are its texts, which point into them.
func TestKeptIsACopy(t *testing.T) {
	store := memory.New()
	t.Cleanup(func() { store.Close() })
	put(t, store, "master", 0, strict())
	options := logOptions(filepath.Join(t.TempDir(), "decisions.db"))
	options.Now = time.Now
	kept := openLog(t, options)
	d, stop := directly(t, store, func(o *service.Options) { o.Decisions = kept })
	defer stop()

	full := complete("master", pb.Event_EVENT_AUTHORIZATION_REQUEST)
	full.Client.RedirectUris = []string{"https://app.example/callback"}
	full.Client.Attributes = map[string]string{"pkce.code.challenge.method": "S256"}
	full.Request = &pb.OAuthRequest{
		Parameters: map[string]string{"scope": "openid profile", "response_type": "code"}, RedirectUri: "https://app.example/callback",
		RequestObject: &pb.RequestObject{Alg: "PS256", Claims: object("scope", "openid", "response_type", "code")},
	}
	wire, err := full.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	var first *pb.LoggedDecision
	for range 20 {
		buffer := bytes.Clone(wire)
		req := &pb.EvaluateRequest{}
		if err := req.UnmarshalVTUnsafe(buffer); err != nil {
			t.Fatal(err)
		}
		out, err := d.Evaluate(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		id := strings.Clone(out.GetDecisionId())
		for i := range buffer {
			buffer[i] = 'x' // under -race this also finds a reader that is not done
		}
		if err := kept.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := kept.Get(t.Context(), "master", id)
		if err != nil {
			t.Fatal(err)
		}
		if text := got.String(); strings.Contains(text, "xxx") || !strings.Contains(text, "https://app.example/callback") {
			t.Fatalf("what was kept is not what was asked: %s", text)
		}
		got.DecisionId, got.Time, got.Duration = "", nil, nil
		if first == nil {
			first = got
		}
		equal(t, got, first)
	}
}

// A log that is full makes a decision wait, and not for ever.
func TestFullLogRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		defer store.Close()
		put(t, store, "master", 0, &pb.PolicySet{})
		var slow atomic.Bool
		disk := make(chan struct{})
		options := logOptions(filepath.Join(t.TempDir(), "d"))
		options.Queue = 1
		options.Now = func() time.Time { // who writes asks it for what has expired
			if slow.CompareAndSwap(true, false) {
				<-disk
			}
			return time.Now()
		}
		kept, err := decisionlog.Open(options)
		if err != nil {
			t.Fatal(err)
		}
		d, stop := directly(t, store, func(o *service.Options) { o.Decisions = kept })
		slow.Store(true)
		for range 2 { // one is being written, one waits
			if _, err := d.Evaluate(t.Context(), view("master")); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		began := time.Now()
		_, err = d.Evaluate(t.Context(), view("master"))
		want(t, err, codes.Unavailable, "BUSY")
		wantText(t, err, "decision log is full", "decision-log.queue")
		equal(t, time.Since(began), 5*time.Second)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = d.Evaluate(ctx, view("master"))
		want(t, err, codes.Unavailable, "BUSY")
		equal(t, time.Since(began), 6*time.Second)

		// As soon as there is room again, it is taken.
		answered := make(chan error)
		go func() { answered <- second(d.Evaluate(t.Context(), view("master"))) }()
		synctest.Wait()
		close(disk)
		if err := <-answered; err != nil {
			t.Error(err)
		}
		stop()
		if err := kept.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
