package catalog_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing")

// step is what a trace tells of one provider on one event.
type step struct {
	Event       string            `json:"event"`
	Reason      string            `json:"reason,omitempty"`
	Findings    []map[string]any  `json:"findings,omitempty"`
	Mutations   []string          `json:"mutations,omitempty"`
	Obligations []json.RawMessage `json:"obligations,omitempty"`
}

// steps are those of all providers: id → outcome or vote → the first that a vector shows.
type steps map[string]map[string]step

func (s steps) note(id, outcome string, told step) {
	if s[id] == nil {
		s[id] = map[string]step{}
	}
	if _, noted := s[id][outcome]; !noted {
		s[id][outcome] = told
	}
}

// TestGoldenTraces holds what people are told by each provider for each outcome: the
// first that a vector shows. It changes only under -update.
func TestGoldenTraces(t *testing.T) {
	executors, conditions := steps{}, steps{}
	walkVectors(t, func(*pb.EvaluateRequest) {}, func(v vector, resp *pb.EvaluateResponse) {
		event := pdp.EventName(v.Request.Event)
		for _, p := range resp.Trace.Policies {
			for _, x := range p.Executors {
				executors.note(x.Executor, outcomeName(x), executorStep(t, event, x))
			}
			for _, c := range p.Conditions {
				if !c.Negated {
					conditions.note(c.Condition, strings.TrimPrefix(c.Vote.String(), "VOTE_"), step{Event: event, Reason: c.Reason})
				}
			}
		}
	})
	demandOutcomes(t, executors, conditions)
	compareGolden(t, "executors.json", executors)
	compareGolden(t, "conditions.json", conditions)
}

// outcomeName tells a pass that has an effect from one that has none.
func outcomeName(x *pb.ExecutorTrace) string {
	name := strings.TrimPrefix(x.Outcome.String(), "OUTCOME_")
	if x.Outcome == pb.ExecutorTrace_OUTCOME_PASS && len(x.Mutations)+len(x.Obligations) > 0 {
		name += " with effect"
	}
	return name
}

func executorStep(t *testing.T, event string, x *pb.ExecutorTrace) step {
	t.Helper()
	told := step{Event: event, Reason: x.Reason}
	for _, f := range x.Findings {
		told.Findings = append(told.Findings, findingStep(f))
	}
	for _, m := range x.Mutations {
		told.Mutations = append(told.Mutations, strings.TrimPrefix(m.Op.String(), "OP_")+" "+m.Path+" "+valueText(t, m))
	}
	for _, o := range x.Obligations {
		o = proto.CloneOf(o)
		o.Policy, o.Profile, o.Executor = "", "", ""
		told.Obligations = append(told.Obligations, compact(t, o))
	}
	return told
}

func findingStep(f *pb.Finding) map[string]any {
	told := map[string]any{
		"error": f.Error, "field": f.Field, "description": f.Description, "expected": f.Expected, "actual": f.Actual,
		"spec": f.Spec, "remedy": f.Remedy,
	}
	for name, text := range told {
		if text == "" {
			delete(told, name)
		}
	}
	return told
}

func valueText(t *testing.T, m *pb.Mutation) string {
	t.Helper()
	if m.Value == nil {
		return ""
	}
	return string(compact(t, m.Value))
}

// compact is the JSON of a message, without the spaces that protojson varies.
func compact(t *testing.T, m proto.Message) json.RawMessage {
	t.Helper()
	var generic any
	data, err := protojson.Marshal(m)
	if err == nil {
		err = json.Unmarshal(data, &generic)
	}
	if err == nil {
		data, err = json.Marshal(generic)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// demandOutcomes demands that the vectors show of each executor what it can come to,
// and of each condition each vote.
func demandOutcomes(t *testing.T, executors, conditions steps) {
	t.Helper()
	registry, err := catalog.Registry()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range registry.ExecutorIDs() {
		seen := executors[id]
		for outcome, told := range seen {
			if told.Reason == "" {
				t.Errorf("executor %s: %s without a reason", id, outcome)
			}
		}
		if _, passes := seen["PASS"]; !passes && !slices.Contains(neverPass, id) {
			if _, acts := seen["PASS with effect"]; !acts {
				t.Errorf("executor %s: no vector shows it pass", id)
			}
		}
		if _, rejects := seen["REJECT"]; !rejects && !slices.Contains(neverReject, id) {
			t.Errorf("executor %s: no vector shows it reject", id)
		}
	}
	for _, id := range registry.ConditionIDs() {
		for _, vote := range []string{"YES", "NO", "ABSTAIN"} {
			if told, seen := conditions[id][vote]; seen == (id == "any-client" && vote != "YES") || seen && told.Reason == "" {
				t.Errorf("condition %s: vote %s is shown %t, for %q", id, vote, seen, told.Reason)
			}
		}
	}
}

var (
	// neverPass cannot pass without an endpoint to ask, or at all.
	neverPass = []string{"reject-request", "intent-client-bind-checker"}
	// neverReject only oblige or change.
	neverReject = []string{
		"auth-flow-enforcer", "registration-access-token-rotation-disabled", "secret-rotation",
		"suppress-refresh-token-rotation", "use-lightweight-access-token",
	}
)

func compareGolden(t *testing.T, name string, got steps) {
	t.Helper()
	data, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	data = append(data, '\n')
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(data), "\n")); diff != "" {
		t.Errorf("%s: read the change, then run go test ./internal/catalog -run Golden -update (-want +got):\n%s", file, diff)
	}
}
