package executors_test

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/executors"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/pdptest"
	recorded "github.com/sidegate/sidegate/pdp/pdptest/testdata"
	"github.com/sidegate/sidegate/pdp/profiles"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// shape is what the vectors of an executor must show on an event.
type shape int

const (
	// judges: one case that passes and one that is refused.
	judges shape = iota
	// onlyRefuses: one case that is refused.
	onlyRefuses
	// onlyActs: one case with a mutation or an obligation and one without.
	onlyActs
	// alwaysActs: one case with a mutation or an obligation.
	alwaysActs
)

// subject is an executor on an event, or on all its events.
type subject struct {
	id    string
	event pdp.Event
}

// shapes lists what cannot both pass and refuse in a vector. An executor that
// asks an endpoint passes only in tests that have one.
var shapes = map[subject]shape{
	{id: "reject-request"}:             onlyRefuses,
	{id: "intent-client-bind-checker"}: onlyRefuses,
	{id: "reject-ropc-grant", event: pdp.ResourceOwnerPasswordCredentialsRequest}: onlyRefuses,
	{id: "auth-flow-enforcer"}:                          onlyActs,
	{id: "secret-rotation"}:                             onlyActs,
	{id: "registration-access-token-rotation-disabled"}: onlyActs,
	{id: "suppress-refresh-token-rotation"}:             alwaysActs,
	{id: "use-lightweight-access-token"}:                alwaysActs,
}

func shapeOf(id string, event pdp.Event) shape {
	if s, ok := shapes[subject{id, event}]; ok {
		return s
	}
	return shapes[subject{id: id}]
}

// evidence is what the vectors show of one executor.
type evidence struct {
	passes, refuses, acts, idles pdp.EventSet
	refusedConfiguration         bool
}

// TestVectorsAreComplete demands of each executor a vector file of its own and,
// in that and the recorded files together, each outcome on each of its events.
func TestVectorsAreComplete(t *testing.T) {
	shown := newWitness(t).witness(t)
	for s := range shapes {
		if !slices.ContainsFunc(executors.All(), func(info pdp.ExecutorInfo) bool { return info.ID == s.id }) {
			t.Errorf("shapes: there is no executor %s", s.id)
		}
	}
	for _, info := range executors.All() {
		t.Run(info.ID, func(t *testing.T) {
			e := shown[info.ID]
			if e == nil {
				t.Fatal("no vector has it")
			}
			for _, event := range info.Events.List() {
				for _, lack := range e.lacks(event, shapeOf(info.ID, event)) {
					t.Errorf("no vector that %s on %s", lack, pdp.EventName(event))
				}
			}
			if len(info.New.Properties) > 0 && !e.refusedConfiguration {
				t.Error("no vector has a configuration that is refused")
			}
		})
	}
}

func (e *evidence) lacks(event pdp.Event, s shape) (lacks []string) {
	for _, outcome := range []struct {
		wanted bool
		shown  pdp.EventSet
		name   string
	}{
		{s == judges, e.passes, "passes"},
		{s == judges || s == onlyRefuses, e.refuses, "is refused"},
		{s == onlyActs || s == alwaysActs, e.acts, "has an effect"},
		{s == onlyActs, e.idles, "has no effect"},
	} {
		if outcome.wanted && !outcome.shown.Has(event) {
			lacks = append(lacks, outcome.name)
		}
	}
	return lacks
}

// TestVectorFilesFitExecutors demands that each file belongs to an executor, and
// that each of its cases has it.
func TestVectorFilesFitExecutors(t *testing.T) {
	var ids []string
	for _, info := range executors.All() {
		ids = append(ids, info.ID)
		if _, err := fs.Stat(os.DirFS("testdata"), info.ID+".json"); err != nil {
			t.Errorf("executor %s has no vector file: %v", info.ID, err)
		}
	}
	for _, f := range load(t, os.DirFS("testdata"), ".") {
		id := strings.TrimSuffix(f.Path, ".json")
		if !slices.Contains(ids, id) {
			t.Errorf("%s: there is no such executor", f.Path)
		}
		for _, c := range f.Cases {
			if !slices.Contains(c.Executors(nil), id) {
				t.Errorf("%s: case %q has not the executor in its profiles", f.Path, c.Name)
			}
		}
	}
}

func load(t *testing.T, fsys fs.FS, pattern string) []*pdptest.File {
	t.Helper()
	files, err := pdptest.Load(fsys, pattern, now)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// witness replays vectors and notes what each executor did in them.
type witness struct {
	compiler  *pdp.Compiler
	providers pdptest.Providers
	shown     map[string]*evidence
}

func newWitness(t *testing.T) *witness {
	t.Helper()
	registry, err := catalog.Registry()
	if err != nil {
		t.Fatal(err)
	}
	compiler, err := catalog.Compiler("none")
	if err != nil {
		t.Fatal(err)
	}
	builtin, err := profiles.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	global := map[string][]string{}
	for _, p := range builtin {
		for _, x := range p.Executors {
			global[p.Name] = append(global[p.Name], x.Executor)
		}
	}
	known := func(kind, id string) bool {
		if kind == pdptest.KindCondition {
			return registry.Condition(id) != nil
		}
		return registry.Executor(id) != nil
	}
	return &witness{compiler, pdptest.Providers{Known: known, Global: global}, map[string]*evidence{}}
}

func (w *witness) witness(t *testing.T) map[string]*evidence {
	t.Helper()
	files := load(t, os.DirFS("testdata"), ".")
	for _, kind := range []string{"executors", "scenarios"} {
		files = append(files, load(t, recorded.FS(), kind)...)
	}
	for _, f := range files {
		for _, c := range f.Cases {
			if len(w.providers.Missing(c)) > 0 {
				continue
			}
			// A case that does not come true shows nothing.
			for _, d := range w.replay(c) {
				t.Errorf("%s: %s: %s", f.Path, c.Name, d)
			}
		}
	}
	return w.shown
}

// replay decides a case, notes what the trace tells, and returns how the answer
// differs from what the case wants.
func (w *witness) replay(c *pdptest.Case) []string {
	realm, problems := w.compiler.Compile(c.Set, &pb.RealmSettings{Compatibility: &c.Compatibility})
	if len(problems) > 0 {
		for _, p := range problems {
			if !p.UnknownKey {
				w.of(p.Provider).refusedConfiguration = true
			}
		}
		return pdptest.Check(c, nil, status.Error(codes.InvalidArgument, pdp.JoinErrors(problems).Error()))
	}
	req, resp := c.RequestFor("vectors"), &pb.EvaluateResponse{}
	req.Options.Explain = true
	if err := realm.Evaluate(req, pdp.Env{Now: now}, resp); err != nil {
		return pdptest.Check(c, nil, status.Error(codes.InvalidArgument, err.Error()))
	}
	for _, p := range resp.Trace.GetPolicies() {
		for _, x := range p.Executors {
			w.note(req.Event, x)
		}
	}
	return pdptest.Check(c, resp, nil)
}

func (w *witness) of(id string) *evidence {
	if w.shown[id] == nil {
		w.shown[id] = &evidence{}
	}
	return w.shown[id]
}

func (w *witness) note(event pdp.Event, x *pb.ExecutorTrace) {
	e := w.of(x.Executor)
	switch x.Outcome {
	case pb.ExecutorTrace_OUTCOME_PASS:
		e.passes |= pdp.On(event)
		if len(x.Mutations)+len(x.Obligations) > 0 {
			e.acts |= pdp.On(event)
		} else {
			e.idles |= pdp.On(event)
		}
	case pb.ExecutorTrace_OUTCOME_REJECT:
		e.refuses |= pdp.On(event)
	}
}
