package service_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/internal/decisionlog"
	"github.com/sidegate/sidegate/internal/service"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
)

// replay asks a kept decision again.
func (l *logged) replay(id string, revision int64) *pb.ReplayDecisionResponse {
	l.t.Helper()
	l.flush()
	out, err := l.keeper.ReplayDecision(l.root(), &pb.ReplayDecisionRequest{Realm: "master", DecisionId: id, Revision: revision})
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

// A decision is asked again of the revision that made it, of the one in force and
// of any other.
func TestReplay(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	l.replaceSet("master", strict())
	rejected := l.evaluate(view("master")).GetDecisionId()
	l.replaceSet("master", &pb.PolicySet{})
	before := len(l.list("master", ""))

	for range 2 { // the second time from memory
		same := l.replay(rejected, 2)
		if same.GetDiffers() || same.GetRevision() != 2 || len(same.GetCaveats()) > 0 {
			t.Errorf("got %v", same)
		}
		if r := same.GetResponse(); r.GetError().GetCode() != "access_denied" || r.GetTrace() == nil || r.GetRevision() != 2 || r.GetDecisionId() != "" {
			t.Errorf("got %v", r)
		}
		equal(t, same.GetDecision(), l.get("master", rejected))
	}
	now := l.replay(rejected, 0)
	if !now.GetDiffers() || now.GetRevision() != 3 || now.GetResponse().GetDecision() != pb.EvaluateResponse_DECISION_ALLOW {
		t.Errorf("got %v", now)
	}
	equal(t, l.replay(rejected, 3).GetRevision(), int64(3))
	first := l.replay(rejected, 1)
	if !first.GetDiffers() || first.GetResponse().GetDecision() != pb.EvaluateResponse_DECISION_ALLOW {
		t.Errorf("got %v", first)
	}
	// What policies under audit find is compared, too.
	set := strict()
	set.Policies = set.Policies[2:]
	l.replaceSet("master", set)
	allowed := l.evaluate(view("master")).GetDecisionId()
	if same := l.replay(allowed, 0); same.GetDiffers() {
		t.Errorf("got %v", same)
	}
	if other := l.replay(allowed, 3); !other.GetDiffers() {
		t.Errorf("got %v", other)
	}
	equal(t, len(l.list("master", "")), before+1) // nothing is logged
}

func TestReplayRefusals(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	id := l.evaluate(view("master")).GetDecisionId()
	l.flush()
	for revision, c := range map[int64]struct {
		code   codes.Code
		reason string
	}{
		-1: {codes.InvalidArgument, "INVALID_DOCUMENT"},
		2:  {codes.NotFound, "REVISION_NOT_FOUND"},
	} {
		_, err := l.keeper.ReplayDecision(l.root(), &pb.ReplayDecisionRequest{Realm: "master", DecisionId: id, Revision: revision})
		want(t, err, c.code, c.reason)
	}
	drops := startLogged(t, func(o *decisionlog.Options) { o.DropRequests = true })
	drops.createRealm("master", nil)
	id = drops.evaluate(view("master")).GetDecisionId()
	drops.flush()
	_, err := drops.keeper.ReplayDecision(drops.root(), &pb.ReplayDecisionRequest{Realm: "master", DecisionId: id})
	want(t, err, codes.FailedPrecondition, "REQUEST_NOT_KEPT")
}

// What was masked so far that nothing can be asked any more is as good as dropped.
func TestReplayOfTooLittle(t *testing.T) {
	l := startLogged(t, func(o *decisionlog.Options) { o.Mask = []string{"/client"} })
	l.createRealm("master", nil)
	id := l.evaluate(view("master")).GetDecisionId()
	l.flush()
	_, err := l.keeper.ReplayDecision(l.root(), &pb.ReplayDecisionRequest{Realm: "master", DecisionId: id})
	want(t, err, codes.FailedPrecondition, "REQUEST_NOT_KEPT")
	wantText(t, err, "/client")
}

// Replays of several revisions at once each get the answer of their own.
func TestReplaysAtOnce(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	for revision := int64(2); revision <= 4; revision++ {
		l.replaceSet("master", &pb.PolicySet{
			Profiles: []*pb.Profile{refusing("p", fmt.Sprint("code_", revision))}, Policies: []*pb.Policy{policy("all", "p")},
		})
	}
	id := l.evaluate(view("master")).GetDecisionId()
	l.flush()
	var running sync.WaitGroup
	for worker := range 6 {
		running.Go(func() {
			for n := range 20 {
				revision := int64(2 + (worker+n)%3)
				out, err := l.keeper.ReplayDecision(l.root(), &pb.ReplayDecisionRequest{Realm: "master", DecisionId: id, Revision: revision})
				if err != nil || out.GetResponse().GetError().GetCode() != fmt.Sprint("code_", revision) || out.GetDiffers() != (revision != 4) {
					t.Errorf("revision %d: got %v and %v", revision, out, err)
				}
			}
		})
	}
	running.Wait()
}

// A revision that this version cannot judge by is refused, and says why.
func TestReplayOfWhatNoLongerCompiles(t *testing.T) {
	l := startLogged(t, nil, func(o *service.Options) {
		put(t, o.Store, "broken", 0, &pb.PolicySet{Policies: []*pb.Policy{policy("p", "missing")}})
		put(t, o.Store, "broken", 1, &pb.PolicySet{})
	})
	id := l.evaluate(view("broken")).GetDecisionId()
	l.flush()
	_, err := l.keeper.ReplayDecision(l.root(), &pb.ReplayDecisionRequest{Realm: "broken", DecisionId: id, Revision: 1})
	want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
	equal(t, problemOf(err).Fields, []string{"/policies/0/profiles/0"})
	wantText(t, err, "this version of the server cannot judge by the revision", `"missing"`)
}

// real makes a world with the providers of the binary.
func real(t *testing.T, change func(*decisionlog.Options)) *logged {
	t.Helper()
	compiler, err := catalog.Compiler("")
	if err != nil {
		t.Fatal(err)
	}
	return startLogged(t, change, func(o *service.Options) {
		o.Compiler, o.Security = compiler, &profiles.SecurityProfile{Name: "none"}
		o.Ask = func(string, []byte) (int, []byte, error) { return 200, []byte("true"), nil }
	})
}

// judging is a set whose only policy has one executor.
func judging(condition *pb.PolicyCondition, executor *pb.ProfileExecutor) *pb.PolicySet {
	return &pb.PolicySet{
		Profiles: []*pb.Profile{{Name: "p", Executors: []*pb.ProfileExecutor{executor}}},
		Policies: []*pb.Policy{{Name: "only", Enabled: proto.Bool(true), Profiles: []string{"p"}, Conditions: []*pb.PolicyCondition{condition}}},
	}
}

// What was masked and could have mattered is told; what could not is not.
func TestReplayCaveats(t *testing.T) {
	anyClient := &pb.PolicyCondition{Condition: "any-client"}
	passes := &pb.ProfileExecutor{Executor: "pkce-enforcer"}
	request := view("master")
	request.Client.Name = proto.String("the secret name of a client")
	request.Client.RedirectUris = []string{"https://user:secret@app.example/?token=secret"}
	request.ExternalFacts = object("weather", "fine")

	t.Run("masked and not read", func(t *testing.T) {
		l := real(t, nil)
		l.createRealm("master", nil)
		l.replaceSet("master", judging(anyClient, passes))
		plain := proto.CloneOf(request)
		plain.Client.RedirectUris = nil
		id := l.evaluate(plain).GetDecisionId()
		if out := l.replay(id, 0); out.GetDiffers() || len(out.GetCaveats()) > 0 || len(out.GetDecision().GetMasked()) == 0 {
			t.Errorf("got %v", out)
		}
	})
	t.Run("changed", func(t *testing.T) {
		l := real(t, nil)
		l.createRealm("master", nil)
		l.replaceSet("master", judging(anyClient, passes))
		wantCaveat(t, l.replay(l.evaluate(request).GetDecisionId(), 0), "/client/redirectUris/0 was changed")
	})
	t.Run("pseudonyms", func(t *testing.T) {
		l := real(t, func(o *decisionlog.Options) { o.PseudonymKeyFile = filepath.Join(t.TempDir(), "key") })
		l.createRealm("master", nil)
		with := view("master")
		with.Actor = &pb.Actor{Username: "alice"}
		id := l.evaluate(with).GetDecisionId()
		wantCaveat(t, l.replay(id, 0), "client ids are pseudonyms")
		wantCaveat(t, l.replay(id, 0), "users are pseudonyms")
	})
	t.Run("no pseudonyms", func(t *testing.T) {
		l := real(t, nil)
		l.createRealm("master", nil)
		looks := view("master")
		looks.Client.ClientId = proto.String("~app")
		equal(t, l.replay(l.evaluate(looks).GetDecisionId(), 0).GetCaveats(), []string(nil))
	})
	t.Run("configured", func(t *testing.T) {
		l := real(t, func(o *decisionlog.Options) { o.Mask = []string{"/source"} })
		l.createRealm("master", nil)
		l.replaceSet("master", judging(&pb.PolicyCondition{
			Condition: "client-updater-source-host", Configuration: object("trusted-hosts", []any{"10.0.0.1"}),
		}, &pb.ProfileExecutor{Executor: "reject-request"}))
		change := complete("master", pb.Event_EVENT_UPDATE)
		change.Source = &pb.Source{RemoteAddress: "10.0.0.1"}
		id := l.evaluate(change).GetDecisionId()
		wantCaveat(t, l.replay(id, 0), "/source")
	})
}

func wantCaveat(t *testing.T, out *pb.ReplayDecisionResponse, part string) {
	t.Helper()
	if !strings.Contains(strings.Join(out.GetCaveats(), "\n"), part) {
		t.Errorf("no caveat says %q: %q", part, out.GetCaveats())
	}
}

// An executor that asks an endpoint cannot be replayed, and that is told.
func TestReplayAsksNobody(t *testing.T) {
	l := real(t, nil)
	l.createRealm("master", nil)
	l.replaceSet("master", judging(&pb.PolicyCondition{Condition: "any-client"}, &pb.ProfileExecutor{
		Executor: "intent-client-bind-checker", Configuration: object("intent-client-bind-check-endpoint", "https://check.example/", "intent-name", "openbanking_intent_id"),
	}))
	request := complete("master", pb.Event_EVENT_AUTHORIZATION_REQUEST)
	request.Request = &pb.OAuthRequest{Parameters: map[string]string{
		"client_id": "app", "claims": `{"id_token":{"openbanking_intent_id":{"value":"123"}}}`,
	}}
	out := l.evaluate(request)
	again := l.replay(out.GetDecisionId(), 0)
	if again.GetResponse().GetReason() != pb.EvaluateResponse_REASON_FAULT || len(again.GetCaveats()) == 0 {
		t.Errorf("got %v after %v", again, out)
	}
}

// The time of the decision counts, or the one that the request named.
func TestReplayIsAsOfThen(t *testing.T) {
	registry, err := pdp.NewRegistry([]pdp.ConditionInfo{{
		ID: "noon", Doc: "Votes YES at one time.", Events: pdp.AllEvents,
		New: pdp.Configure(func(pdp.NoConfig) (pdp.Condition, error) { return atNoon{}, nil }),
	}}, []pdp.ExecutorInfo{{
		ID: "refuse", Doc: "Rejects.", Events: pdp.AllEvents,
		New: pdp.Configure(func(c refuseSettings) (pdp.Executor, error) { return refuser{c.Code}, nil }),
	}})
	if err != nil {
		t.Fatal(err)
	}
	compiler, err := pdp.NewCompiler(registry, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := startLogged(t, nil, func(o *service.Options) { o.Compiler, o.Security = compiler, &profiles.SecurityProfile{Name: "none"} })
	l.createRealm("master", nil)
	l.replaceSet("master", &pb.PolicySet{
		Profiles: []*pb.Profile{refusing("p", "too_late")},
		Policies: []*pb.Policy{{Name: "x", Enabled: proto.Bool(true), Profiles: []string{"p"}, Conditions: []*pb.PolicyCondition{{Condition: "noon"}}}},
	})
	request := view("master")
	plain := l.evaluate(request)
	request.Options = &pb.EvaluateOptions{EvaluationTime: timestamppb.New(noon)}
	timed := l.evaluate(request)
	equal(t, timed.GetDecision(), pb.EvaluateResponse_DECISION_REJECT)
	for id, decision := range map[string]pb.EvaluateResponse_Decision{
		plain.GetDecisionId(): plain.GetDecision(), timed.GetDecisionId(): timed.GetDecision(),
	} {
		out := l.replay(id, 0)
		if out.GetDiffers() || out.GetResponse().GetDecision() != decision {
			t.Errorf("got %v", out)
		}
	}
}

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

type atNoon struct{}

func (atNoon) Vote(r *pdp.Request) (pdp.Vote, error) {
	if r.Now().Equal(noon) {
		return pdp.Yes, nil
	}
	return pdp.No, nil
}
