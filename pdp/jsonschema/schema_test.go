package jsonschema_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"google.golang.org/protobuf/types/known/structpb"
	"pgregory.net/rapid"

	"github.com/sidegate/sidegate/conditions"
	"github.com/sidegate/sidegate/executors"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/jsonschema"
	"github.com/sidegate/sidegate/pdp/pdptest"
	recorded "github.com/sidegate/sidegate/pdp/pdptest/testdata"
)

// beyond are the problems that no schema can tell: what only the compiler refuses.
var beyond = []struct{ provider, problem string }{
	{"auth-flow-enforcer", `^is empty and would fail every login`},
	{"auth-flow-enforcer", `^expected a whole number of 32 bits`},
	{"client-attributes", `malformed JSON; expected pairs`},
	{"client-attributes", `^neither a list nor an object`},
	{"client-attributes", `a pair has exactly the members key and value`},
	{"client-attributes", `no object; expected pairs`},
	{"client-attributes", `expected a text, a number, true or false`},
	{"client-attributes", `the name .* occurs twice`},
	{"client-scopes", `^required key is missing beside scopes`},
	{"client-updater-source-host", `^required key is missing`},
	{"client-updater-source-host", `would match peers that nobody named`},
	{"secret-rotation", `^must (be|not)`},
	{"secure-ciba-signed-authn-req", `^must be from`},
	{"secure-request-object", `^must be from`},
	{"tls-client-auth-ca-subject-dn", `^no distinguished name`},
	// Whole numbers as texts that 64 bits do not hold, and regular expressions.
	{"", `^expected a whole number, got the text "\s*[+-]?[0-9]{19,}\s*"$`},
	{"", `^element \d+: .*; (write it in RE2 syntax|end a quotation)`},
	{"", `^element \d+: .* means one thing in Java and another here`},
}

// world are the schemas and the compiler that they are held against.
type world struct {
	t        testing.TB
	compiler *pdp.Compiler
	schemas  map[string]*validator.Schema
	used     map[int]bool
}

func newWorld(t testing.TB) *world {
	registry, err := pdp.NewRegistry(conditions.All(), executors.All())
	if err != nil {
		t.Fatal(err)
	}
	compiler, err := pdp.NewCompiler(registry, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, compiler: compiler, schemas: map[string]*validator.Schema{}, used: map[int]bool{}}
	for _, id := range registry.ConditionIDs() {
		s, err := jsonschema.Condition(registry.Condition(id))
		w.add("condition "+id, s, err)
	}
	for _, id := range registry.ExecutorIDs() {
		s, err := jsonschema.Executor(registry.Executor(id))
		w.add("executor "+id, s, err)
	}
	return w
}

// add compiles a schema; a library that knows the dialect checks it against the
// schema of schemas.
func (w *world) add(name string, s *structpb.Struct, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	c := validator.NewCompiler()
	c.DefaultDraft(validator.Draft4) // the schema names its own
	if err := c.AddResource("schema.json", s.AsMap()); err != nil {
		w.t.Fatal(err)
	}
	if w.schemas[name], err = c.Compile("schema.json"); err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
}

// problem is what the compiler says of a configuration, or "".
func (w *world) problem(kind, id string, c *structpb.Struct) string {
	set := &pb.PolicySet{}
	if kind == "condition" {
		set.Policies = []*pb.Policy{{Name: "p", Conditions: []*pb.PolicyCondition{{Condition: id, Configuration: c}}}}
	} else {
		set.Profiles = []*pb.Profile{{Name: "p", Executors: []*pb.ProfileExecutor{{Executor: id, Configuration: c}}}}
	}
	if _, problems := w.compiler.Compile(set, nil); len(problems) > 0 {
		return problems[0].Problem
	}
	return ""
}

// compare returns what is wrong with a schema, judged by one configuration, or "".
func (w *world) compare(kind, id string, c *structpb.Struct) string {
	refused := w.schemas[kind+" "+id].Validate(c.AsMap())
	problem := w.problem(kind, id, c)
	switch {
	case problem == "" && refused != nil:
		return fmt.Sprintf("%s %s: the schema refuses %v, which the compiler takes: %v", kind, id, c, refused)
	case problem != "" && refused == nil:
		i := slices.IndexFunc(beyond, func(b struct{ provider, problem string }) bool {
			return (b.provider == "" || b.provider == id) && regexp.MustCompile(b.problem).MatchString(problem)
		})
		if i < 0 {
			return fmt.Sprintf("%s %s: the schema takes %v, which the compiler refuses: %s", kind, id, c, problem)
		}
		w.used[i] = true
	}
	return ""
}

func (w *world) check(kind, id string, c *structpb.Struct) {
	w.t.Helper()
	if w.schemas[kind+" "+id] == nil {
		return // vectors name providers that are not there
	}
	if wrong := w.compare(kind, id, c); wrong != "" {
		w.t.Error(wrong)
	}
}

// TestSchemas holds the schemas against the compiler.
func TestSchemas(t *testing.T) {
	w := newWorld(t)
	t.Run("vectors", w.vectors)
	t.Run("spellings", w.spellings)
	for i, b := range beyond {
		if !w.used[i] {
			t.Errorf("nothing is refused by %q for %q any more", b.provider, b.problem)
		}
	}
}

// vectors checks every configuration of the repository.
func (w *world) vectors(t *testing.T) {
	w.t = t
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	seen := 0
	root := os.DirFS("../..")
	for _, place := range []string{"conditions/testdata", "executors/testdata", "pdp/testdata"} {
		files, err := pdptest.Load(root, place, now)
		if err != nil {
			t.Fatal(err)
		}
		seen += w.files(files)
	}
	for _, place := range []string{"conditions", "executors", "engine", "scenarios"} {
		files, err := pdptest.Load(recorded.FS(), place, now)
		if err != nil {
			t.Fatal(err)
		}
		seen += w.files(files)
	}
	if seen < 1000 {
		t.Errorf("only %d configurations were seen", seen)
	}
}

func (w *world) files(files []*pdptest.File) (seen int) {
	for _, f := range files {
		for _, c := range f.Cases {
			for _, p := range c.Set.GetProfiles() {
				for _, x := range p.GetExecutors() {
					w.check("executor", x.GetExecutor(), x.GetConfiguration())
					seen++
				}
			}
			for _, p := range c.Set.GetPolicies() {
				for _, x := range p.GetConditions() {
					w.check("condition", x.GetCondition(), x.GetConfiguration())
					seen++
				}
			}
		}
	}
	return seen
}

// spellings are values of every kind, among them those on which readers differ.
var spellings = []any{
	nil, true, false, 0.0, 1.0, -1.0, 1.5, 1e300, -1e300, float64(1<<53 - 1), float64(1 << 53), float64(-1 << 53),
	"", " ", "\u00a0", "\u0085\u3000", "\ufeff", "true", "TRUE", "tRUE", " False\n", "yes", "0", "1",
	"+15", "-15", "1.5", "1_000", "0x10", "9223372036854775807", "9223372036854775808", " 3600 ", "٣",
	"CN=a", "x", "S256", "https://example.com", "*.example.com", "(", `\Qa`, `[{"key":"a","value":"b"}]`, "{}", "[",
	[]any{}, []any{nil}, []any{"a"}, []any{"a", 1.0, true}, []any{"a", nil}, []any{[]any{}}, []any{map[string]any{}},
	[]any{map[string]any{"key": "a", "value": "b"}}, []any{map[string]any{"key": "a", "value": nil}},
	[]any{map[string]any{"key": "a", "value": 1.0, "x": true}}, []any{map[string]any{"key": "a"}},
	map[string]any{}, map[string]any{"a": "b"}, map[string]any{"a": 1.0, "b": true}, map[string]any{"a": nil}, map[string]any{"a": []any{}},
}

// spellings checks configurations of all keys with values of all kinds.
func (w *world) spellings(t *testing.T) {
	w.t = t
	type provider struct {
		kind, id string
		keys     []string
	}
	var providers []provider
	for _, c := range conditions.All() {
		p := provider{"condition", c.ID, []string{pdp.NegativeLogicKey}}
		for _, q := range c.New.Properties {
			p.keys = append(p.keys, q.Key)
		}
		providers = append(providers, p)
	}
	for _, x := range executors.All() {
		p := provider{kind: "executor", id: x.ID}
		for _, q := range x.New.Properties {
			p.keys = append(p.keys, q.Key)
		}
		providers = append(providers, p)
	}
	// One key at a time: every value of every key.
	for _, p := range providers {
		for _, key := range append(p.keys, "unknown", strings.ToUpper(p.id)) {
			for _, v := range spellings {
				c, err := structpb.NewStruct(map[string]any{key: v})
				if err != nil {
					t.Fatal(err)
				}
				w.check(p.kind, p.id, c)
			}
		}
	}
	value := rapid.SampledFrom(spellings)
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(providers).Draw(t, "provider")
		m := map[string]any{}
		for _, key := range p.keys {
			if rapid.Bool().Draw(t, "set") {
				m[key] = value.Draw(t, key)
			}
		}
		c, err := structpb.NewStruct(m)
		if err != nil {
			t.Fatal(err)
		}
		if wrong := w.compare(p.kind, p.id, c); wrong != "" {
			t.Fatal(wrong)
		}
	})
}
