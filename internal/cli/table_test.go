package cli_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"
	"go.yaml.in/yaml/v3"
)

// hostile is a text that would take over a terminal: it clears the screen, sets
// the title, in seven bits and in eight, turns the direction of writing and feigns
// another line.
const hostile = "a\x1b[2J\x1b]0;t\x07\u009b31mb\u202ec\nsidegate: d\r\x7f\u2028e"

const spelledOut = `a\x1b[2J\x1b]0;t\a\u009b31mb\u202ec\nsidegate: d\r\x7f\u2028e`

// quoted is the text in JSON.
func quoted(t *testing.T, s string) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// obeyed tells that a terminal would obey something in an output.
func obeyed(s string) bool {
	for _, r := range s {
		if r < 0x20 && r != '\n' || r >= 0x7f && r < 0xa0 || r == '\u202e' {
			return true
		}
	}
	return false
}

func TestNothingFromTheServerReachesTheTerminal(t *testing.T) {
	h := quoted(t, hostile)
	answers := map[string]string{
		"GET /v1/realms":             fmt.Sprintf(`{"realms":[{"name":%s,"revision":"1"}]}`, h),
		"GET /v1/realms/r":           fmt.Sprintf(`{"name":"r","revision":%s}`, h),
		"GET /v1/realms/r/profiles":  fmt.Sprintf(`{"profiles":[{"name":%s,"executors":[{"executor":%s}]}]}`, h, h),
		"GET /v1/realms/r/policies":  fmt.Sprintf(`{"policies":[{"name":%s,"mode":%s}]}`, h, h),
		"GET /v1/realms/r/policySet": fmt.Sprintf(`{"profiles":[{"name":%s}],"policies":[]}`, h),
		"GET /v1/realms/r/revisions": fmt.Sprintf(`{"revisions":[{"revision":"1","author":%s,"comment":%s}]}`, h, h),
		"GET /v1/realms/r/revisions/1:diff": fmt.Sprintf(`{"revision":"1","changes":[
			{"kind":"KIND_POLICY","type":"TYPE_CHANGED","name":%s,"fields":[{"path":%s,"before":%s}]},
			{"kind":"KIND_POLICY","type":"TYPE_ADDED","name":%s},{"kind":%s,"type":"TYPE_REMOVED","name":%s},
			{"kind":"KIND_POLICY","type":"TYPE_MOVED","name":"x","indexBefore":%s}]}`, h, h, h, h, h, h, h),
		"GET /v1/realms/r/decisions":        fmt.Sprintf(`{"decisions":[{"decisionId":%s,"clientId":%s,"error":{"code":%s},"event":%s,"time":%s}]}`, h, h, h, h, h),
		"GET /v1/realms/r/decisions/1":      fmt.Sprintf(`{"decisionId":%s,"clientId":%s,"error":{"code":%s,"description":%s},"findings":[{"policy":%s,"description":%s,"remedy":%s}],"request":{"client":{"clientId":%s}}}`, h, h, h, h, h, h, h, h),
		"GET /v1/realms/r/decisions:export": fmt.Sprintf(`{"decisionId":"1","clientId":%s}`, h),
		"GET /v1/realms/r/decisions:follow": fmt.Sprintf(`{"result":{"decisionId":"1","clientId":%s}}`, h),
		"GET /v1/auditRecords":              fmt.Sprintf(`{"auditRecords":[{"caller":%s,"detail":%s,"method":%s}]}`, h, h, h),
		"GET /v1/catalogue/executors":       fmt.Sprintf(`{"executors":[{"id":%s,"documentation":%s}]}`, h, h),
		"GET /v1/catalogue/executors/x":     fmt.Sprintf(`{"id":%s,"documentation":%s,"events":[%s],"configurationSchema":{"properties":{%s:{"type":%s,"description":%s,"enum":[%s]}}}}`, h, h, h, h, h, h, h),
		"POST /v1/realms/r:evaluate":        fmt.Sprintf(`{"decision":"DECISION_ALLOW","error":{"code":%s},"appliedPolicies":[%s]}`, h, h),
		"GET /v1/realms/bad/profiles":       fmt.Sprintf(`{"title":%s,"detail":%s,"violations":[{"field":%s,"description":%s},{"field":"b"}]}`, h, h, h, h),
	}
	c := start(t, &fake{answers: answers, statuses: map[string]int{"GET /v1/realms/bad/profiles": 400}})
	request := write(t, "r.json", `{"event":"EVENT_VIEW","client":{},"realm":"r"}`)
	for _, line := range []string{
		"get realms", "get profiles --realm r", "get policies --realm r", "get policyset --realm r", "get profiles --realm bad",
		"history --realm r", "diff 1 --realm r", "diff --realm r", "decisions --realm r", "decisions 1 --realm r", "decisions --follow --realm r",
		"decisions export --realm r", "audit", "catalogue executors", "catalogue executors x", "evaluate -f " + request,
		"apply --dry-run --realm r -f " + write(t, "s.yaml", "profiles: []\n"),
	} {
		for _, form := range []string{"table", "json", "yaml"} {
			args := append(strings.Fields(line), "-o", form)
			if strings.Contains(line, "export") {
				args = strings.Fields(line)
			}
			r := c.run(t.Context(), args...)
			if obeyed(r.out) || obeyed(r.err) {
				t.Errorf("%s, %s: got %q and %q", line, form, r.out, r.err)
			}
		}
	}
	if r := c.run(t.Context(), "get", "realms"); !strings.Contains(r.out, spelledOut) {
		t.Errorf("not spelled out: %q", r.out)
	}
}

// The programs' forms lose nothing by it.
func TestWhatIsSpelledOutReadsBack(t *testing.T) {
	name := hostile + "\U000e0001 ü"
	c := start(t, &fake{answers: map[string]string{"GET /v1/realms/r": `{"name":` + quoted(t, name) + `}`}})
	for form, read := range map[string]func([]byte, any) error{"json": json.Unmarshal, "yaml": yaml.Unmarshal} {
		var got struct {
			Name string `json:"name" yaml:"name"`
		}
		r := c.run(t.Context(), "get", "realms", "r", "-o", form)
		if err := read([]byte(r.out), &got); err != nil || got.Name != name {
			t.Errorf("%s: got %q, %v", form, got.Name, err)
		}
	}
}

func TestTablesFitTheTerminal(t *testing.T) {
	long := strings.Repeat("a-long-executor, ", 20)
	c := start(t, &fake{answers: map[string]string{
		"GET /v1/realms/r/policies": fmt.Sprintf(`{"policies":[{"name":%q,"enabled":true,"conditions":[{"condition":%q}],"profiles":[%q]},{"name":"short"}]}`, strings.Repeat("ü", 120), long, long),
	}})
	for _, width := range []string{"80", "40", ""} {
		c.environ = []string{"COLUMNS=" + width}
		r := c.run(t.Context(), "get", "policies", "--realm", "r")
		widest := 0
		for line := range strings.Lines(r.out) {
			widest = max(widest, text.StringWidthWithoutEscSequences(strings.TrimSuffix(line, "\n")))
		}
		if r.code != 0 || width == "80" && widest > 80 || width == "" && widest < 100 {
			t.Errorf("width %q: %d wide, got\n%s", width, widest, r.out)
		}
		if got := strings.Count(r.out, "ü"); got != 120 {
			t.Errorf("width %q: %d of 120 letters are left", width, got)
		}
	}
}
