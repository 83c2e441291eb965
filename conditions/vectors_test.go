package conditions_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/conditions"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/pdptest"
	recorded "github.com/sidegate/sidegate/pdp/pdptest/testdata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// decideNothing are the conditions that cannot lack a fact, because they read none
// but the event and the channel, which requests must have.
var decideNothing = []string{"any-client", "client-updater-context"}

// cast are the votes of one condition that vectors ask for, before negation.
type cast map[pdp.Event]map[pb.ConditionTrace_Vote]bool

func (c cast) add(e pdp.Event, v pb.ConditionTrace_Vote) {
	if c[e] == nil {
		c[e] = map[pb.ConditionTrace_Vote]bool{}
	}
	c[e][v] = true
}

func (c cast) ever(v pb.ConditionTrace_Vote) bool {
	for _, votes := range c {
		if votes[v] {
			return true
		}
	}
	return false
}

// coverage is what the vectors of all conditions, recorded and own, make them do.
// That they do it rightly is tested where the whole engine replays the vectors.
type coverage struct {
	compiler *pdp.Compiler
	votes    map[string]cast
	refused  map[string]bool
}

func TestVectorsAreComplete(t *testing.T) {
	c := &coverage{compiler: newCompiler(t), votes: map[string]cast{}, refused: map[string]bool{}}
	own := load(t)
	files, err := pdptest.Load(recorded.FS(), "conditions", now)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(files, own...) {
		for _, vector := range f.Cases {
			c.replay(t, vector)
		}
	}
	for _, info := range conditions.All() {
		t.Run(info.ID, func(t *testing.T) { c.check(t, info, own) })
	}
}

func newCompiler(t *testing.T) *pdp.Compiler {
	t.Helper()
	registry, err := pdp.NewRegistry(conditions.All(), nil)
	if err != nil {
		t.Fatal(err)
	}
	compiler, err := pdp.NewCompiler(registry, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return compiler
}

func load(t *testing.T) []*pdptest.File {
	t.Helper()
	files, err := pdptest.Load(os.DirFS("testdata"), ".", now)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// compile compiles the conditions of a case alone: they vote on the client as it is
// stored, whatever executors do.
func compile(compiler *pdp.Compiler, vector *pdptest.Case) (*pdp.Realm, []*pdp.ConfigError) {
	set := proto.CloneOf(vector.Set)
	set.Profiles = nil
	for _, p := range set.Policies {
		p.Profiles = nil
	}
	return compiler.Compile(set, &pb.RealmSettings{Compatibility: &vector.Compatibility})
}

func (c *coverage) replay(t *testing.T, vector *pdptest.Case) {
	t.Helper()
	realm, errs := compile(c.compiler, vector)
	for _, e := range errs {
		if !strings.Contains(e.Path, "/configuration/") {
			t.Errorf("%s: refused for another reason than its configuration: %v", vector.Name, e)
		}
		c.refused[e.Provider] = true
	}
	asked := vector.Want.Names()
	if realm == nil || !slices.Contains(asked, "appliedPolicies") && !slices.Contains(asked, "findings") {
		return
	}
	indexed, explained := evaluate(t, realm, vector, false), evaluate(t, realm, vector, true)
	indexed.Trace = explained.Trace
	if !proto.Equal(explained, indexed) {
		t.Errorf("%s: the index changes the answer (-without +with):\n%s", vector.Name, cmp.Diff(explained, indexed, protocmp.Transform()))
	}
	for _, p := range explained.Trace.Policies {
		for _, step := range p.Conditions {
			c.count(t, vector, step)
		}
	}
}

// evaluate asks with a trace, for which every policy is judged, or without, which
// judges those alone that the index leads to.
func evaluate(t *testing.T, realm *pdp.Realm, vector *pdptest.Case, explain bool) *pb.EvaluateResponse {
	t.Helper()
	request, answer := vector.RequestFor("vectors"), &pb.EvaluateResponse{}
	request.Options.Explain = explain
	if err := realm.Evaluate(request, pdp.Env{Now: now}, answer); err != nil {
		t.Fatalf("%s: %v", vector.Name, err)
	}
	return answer
}

func (c *coverage) count(t *testing.T, vector *pdptest.Case, step *pb.ConditionTrace) {
	t.Helper()
	vote := step.Vote
	switch {
	case step.Negated && vote == pb.ConditionTrace_VOTE_YES:
		vote = pb.ConditionTrace_VOTE_NO
	case step.Negated && vote == pb.ConditionTrace_VOTE_NO:
		vote = pb.ConditionTrace_VOTE_YES
	}
	if step.Reason == "" {
		t.Errorf("%s: %s votes %s without a reason", vector.Name, step.Condition, vote)
	}
	if c.votes[step.Condition] == nil {
		c.votes[step.Condition] = cast{}
	}
	c.votes[step.Condition].add(vector.Request.Event, vote)
}

func (c *coverage) check(t *testing.T, info pdp.ConditionInfo, own []*pdptest.File) {
	if !slices.ContainsFunc(own, func(f *pdptest.File) bool { return f.Path == info.ID+".json" }) {
		t.Error("no vector file of its own")
	}
	votes := c.votes[info.ID]
	for _, e := range pdp.AllEvents.List() {
		if !info.Events.Has(e) {
			demand(t, votes, e, pb.ConditionTrace_VOTE_ABSTAIN)
			continue
		}
		demand(t, votes, e, pb.ConditionTrace_VOTE_YES)
		if info.ID != "any-client" {
			demand(t, votes, e, pb.ConditionTrace_VOTE_NO)
		}
	}
	if !c.refused[info.ID] {
		t.Error("no case of a refused configuration")
	}
	if reads := !slices.Contains(decideNothing, info.ID); votes.ever(pb.ConditionTrace_VOTE_FAULT) != reads {
		t.Errorf("has a case that it cannot decide: %t, want %t", !reads, reads)
	}
	if info.ID == "any-client" && votes.ever(pb.ConditionTrace_VOTE_NO) {
		t.Error("votes NO")
	}
}

func demand(t *testing.T, votes cast, e pdp.Event, v pb.ConditionTrace_Vote) {
	t.Helper()
	if !votes[e][v] {
		t.Errorf("no case of %s on %s", v, pdp.EventName(e))
	}
}
