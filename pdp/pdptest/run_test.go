package pdptest_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp/pdptest"
)

const threeCases = `{"about": "a", "cases": [
	{"name": "agrees", "origin": "sidegate", "request": {"event": "EVENT_VIEW"}, "want": {"decision": "DECISION_ALLOW"}},
	{"name": "differs", "origin": "sidegate", "request": {"event": "EVENT_VIEW"}, "want": {"decision": "DECISION_REJECT", "appliedPolicies": ["p"]}},
	{"name": "lacks", "origin": "sidegate", "request": {"event": "EVENT_VIEW"}, "want": {"decision": "DECISION_REJECT"},
		"profiles": [{"name": "own", "executors": [{"executor": "x"}, {"executor": "new-x"}]}],
		"policies": [{"name": "p", "conditions": [{"condition": "c"}, {"condition": "new-c"}], "profiles": ["own", "builtin", "new-p"]}]}
]}`

func threeFiles(t *testing.T) []*pdptest.File {
	t.Helper()
	f, err := load(threeCases)
	if err != nil {
		t.Fatal(err)
	}
	return []*pdptest.File{f}
}

// allow answers everything with ALLOW.
func allow(context.Context, *pdptest.Case) (*clientpolicyv1.EvaluateResponse, error) {
	return &clientpolicyv1.EvaluateResponse{Decision: clientpolicyv1.EvaluateResponse_DECISION_ALLOW}, nil
}

func some(_, id string) bool { return !strings.HasPrefix(id, "new-") }

var builtin = map[string][]string{"builtin": {"x", "new-y"}, "other": {"new-z"}}

func TestProviders(t *testing.T) {
	c := threeFiles(t)[0].Cases[2]
	for name, got := range map[string][]string{
		"c new-c":       c.Conditions(),
		"new-x x":       c.Executors(nil),
		"new-x new-y x": c.Executors(builtin),
		"builtin new-p": c.Profiles(),
		"condition new-c, executor new-x, executor new-y, profile new-p": {
			strings.Join(pdptest.Providers{Known: some, Global: builtin}.Missing(c), ", ")},
		"": pdptest.Providers{Global: builtin}.Missing(c),
	} {
		if strings.Join(got, " ") != name {
			t.Errorf("got %v, want %s", got, name)
		}
	}
	kinds := map[string]bool{}
	pdptest.Providers{Known: func(kind, id string) bool { kinds[kind+" "+id] = true; return true }}.Missing(c)
	want := map[string]bool{"condition c": true, "condition new-c": true, "executor x": true, "executor new-x": true}
	if d := cmp.Diff(want, kinds); d != "" {
		t.Error(d)
	}
}

func TestSummarize(t *testing.T) {
	files := threeFiles(t)
	got, err := pdptest.Summarize(t.Context(), append(files, files...), allow, pdptest.Providers{Known: some, Global: builtin})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Files) != 2 {
		t.Fatalf("got %d files", len(got.Files))
	}
	f := got.Files[0]
	if f.Path != "f.json" || f.Agree != 1 || f.Differ != 1 || f.Skipped != 1 || f.Total() != 3 || len(f.Cases) != 2 {
		t.Fatalf("got %+v", f)
	}
	if c := f.Cases[0]; c.Case.Name != "differs" || len(c.Differences) != 2 || c.Missing != nil {
		t.Errorf("got %+v", c)
	}
	if c := f.Cases[1]; c.Case.Name != "lacks" || c.Differences != nil || len(c.Missing) != 4 {
		t.Errorf("got %+v", c)
	}
	if agree, differ, skipped := got.Count(); agree != 2 || differ != 2 || skipped != 2 {
		t.Errorf("got %d, %d, %d", agree, differ, skipped)
	}
}

func TestSummarizeStopsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stop := func(ctx context.Context, c *pdptest.Case) (*clientpolicyv1.EvaluateResponse, error) {
		cancel()
		return allow(ctx, c)
	}
	if _, err := pdptest.Summarize(ctx, threeFiles(t), stop, pdptest.Providers{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// child is set in the process in which TestRunChild is meant to fail.
const child = "PDPTEST_CHILD"

func TestRunChild(t *testing.T) {
	switch os.Getenv(child) {
	case "cases":
		pdptest.Run(t, threeFiles(t), allow, pdptest.Providers{Known: some, Global: builtin})
	case "none":
		pdptest.Run(t, nil, allow, pdptest.Providers{})
	default:
		t.Skip("run by TestRun")
	}
}

func TestRun(t *testing.T) {
	out := runChild(t, "cases")
	for _, w := range []string{"--- PASS: TestRunChild/f/agrees", "--- FAIL: TestRunChild/f/differs",
		"decision: got DECISION_ALLOW, want DECISION_REJECT", "--- SKIP: TestRunChild/f/lacks",
		"not runnable: missing condition new-c, executor new-x, executor new-y, profile new-p"} {
		if !strings.Contains(out, w) {
			t.Errorf("output lacks %q:\n%s", w, out)
		}
	}
	if out := runChild(t, "none"); !strings.Contains(out, "no vector files") {
		t.Errorf("no files are not refused:\n%s", out)
	}
}

// runChild runs TestRunChild in a process of its own, which must fail.
func runChild(t *testing.T, mode string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestRunChild$", "-test.v")
	cmd.Env = append(os.Environ(), child+"="+mode)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) {
		t.Fatalf("got %v, want a failed test:\n%s", err, out.String())
	}
	return out.String()
}
