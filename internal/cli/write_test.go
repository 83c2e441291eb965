package cli_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConflictsOverwriteNothing(t *testing.T) {
	changed := `{"title":"It has changed","detail":"it is at 9","reason":"ETAG_MISMATCH"}`
	for name, tc := range map[string]struct {
		args   []string
		writes string
		status int
		header string
		want   string
	}{
		"move":     {[]string{"move", "policies", "a", "--to", "0"}, "POST /v1/realms/r/policies/a:move", 412, `"7"`, "run the command again"},
		"rollback": {[]string{"rollback", "1", "--yes"}, "POST /v1/realms/r/revisions/1:rollback", 409, "3", "run the command again"},
		"delete":   {[]string{"delete", "policies", "a", "--yes"}, "DELETE /v1/realms/r/policies/a", 412, `"7"`, `delete policies "a"`},
	} {
		seen := ""
		f := &fake{
			answers: map[string]string{
				"GET /v1/realms/r":                  `{"name":"r","revision":"3"}`,
				"GET /v1/realms/r/policies/a":       `{"name":"a"}`,
				"GET /v1/realms/r/revisions/1:diff": `{"changes":[{"kind":"KIND_POLICY","type":"TYPE_REMOVED","name":"a"}]}`,
				tc.writes:                           changed,
			},
			statuses: map[string]int{tc.writes: tc.status},
			seen: func(r *http.Request) {
				if r.Method != http.MethodGet {
					seen = r.Header.Get("If-Match") + r.Header.Get("X-Sidegate-Revision")
				}
			},
		}
		r := start(t, f).run(t.Context(), append(tc.args, "--realm", "r")...)
		if r.code != 1 || !strings.Contains(r.err, "it is at 9") || !strings.Contains(r.err, tc.want) || seen != tc.header {
			t.Errorf("%s: got %+v, based on %s", name, r, seen)
		}
	}
}

func TestDeletionTellsHowFarItCame(t *testing.T) {
	f := &fake{statuses: map[string]int{}}
	f.answers = map[string]string{
		"GET /v1/realms/r/policies/a": `{}`, "GET /v1/realms/r/policies/b": `{}`,
		"DELETE /v1/realms/r/policies/a": `{}`, "DELETE /v1/realms/r/policies/b": `{}`,
	}
	f.seen = func(r *http.Request) {
		if r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, "/a") && r.URL.RawQuery == "" {
			f.statuses["DELETE /v1/realms/r/policies/b"] = 412
		}
	}
	r := start(t, f).run(t.Context(), "delete", "policies", "b", "a", "b", "--yes", "--realm", "r")
	if r.code != 1 || !strings.Contains(r.err, `delete policies "b": deleted before it: a`) || !strings.Contains(r.err, "in the meantime") {
		t.Errorf("got %+v", r)
	}
	want := []string{
		"GET /v1/realms/r/policies/a", "DELETE /v1/realms/r/policies/a", "GET /v1/realms/r/policies/b", "DELETE /v1/realms/r/policies/b",
		"DELETE /v1/realms/r/policies/a", "DELETE /v1/realms/r/policies/b",
	}
	if diff := cmp.Diff(want, f.asked); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A question to which nobody says yes changes nothing.
func TestOnlyYesIsYes(t *testing.T) {
	file := write(t, "s.yaml", "profiles: []\n")
	for _, input := range []string{"", "\n", "n\n", "yess\n", "ye s\n"} {
		f := &fake{answers: map[string]string{"GET /v1/realms/r/policySet": `{"profiles":[{"name":"p"}],"policies":[]}`}}
		c := start(t, f)
		c.terminal, c.input = true, input
		if r := c.run(t.Context(), "apply", "-f", file, "--realm", "r"); r.code != 1 || len(f.asked) != 1 {
			t.Errorf("%q: got %+v, asked %v", input, r, f.asked)
		}
	}
}

// What is asked about is shown, also where the output is for programs.
func TestNobodyIsAskedBlindly(t *testing.T) {
	c := start(t, &fake{answers: map[string]string{
		"GET /v1/realms/r/policySet": `{"profiles":[{"name":"p"}],"policies":[]}`, "PUT /v1/realms/r/policySet": `{"revision":"2"}`,
	}})
	c.terminal, c.input = true, "yes\n"
	r := c.run(t.Context(), "apply", "-f", write(t, "s.yaml", "profiles: []\n"), "--realm", "r", "-o", "json")
	if r.code != 0 || !strings.HasPrefix(r.err, "- profile \"p\"\nWrite this to realm \"r\"? [y/N] ") || !json.Valid([]byte(r.out)) {
		t.Errorf("got %+v", r)
	}
}

// changes are those that apply --dry-run -o json tells.
func changes(t *testing.T, from, to string) []map[string]any {
	t.Helper()
	c := start(t, &fake{answers: map[string]string{"GET /v1/realms/r/policySet": from, "PUT /v1/realms/r/policySet": `{}`}})
	r := c.run(t.Context(), "apply", "--dry-run", "--realm", "r", "-o", "json", "-f", write(t, "to.json", to))
	var got struct{ Changes []map[string]any }
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	return got.Changes
}

func TestDifferences(t *testing.T) {
	policy := func(name string) map[string]any { return map[string]any{"name": name} }
	set := func(names string) string {
		list := []any{}
		for _, n := range names {
			list = append(list, policy(string(n)))
		}
		data, _ := json.Marshal(map[string]any{"profiles": []any{}, "policies": list})
		return string(data)
	}
	item := func(what, name string, before, after float64) map[string]any {
		m := map[string]any{"kind": "KIND_POLICY", "type": what, "name": name}
		if before >= 0 {
			m["indexBefore"] = before
		}
		if after >= 0 {
			m["indexAfter"] = after
		}
		return m
	}
	for name, tc := range map[string]struct {
		from, to string
		want     []map[string]any
	}{
		"nothing":         {"abc", "abc", []map[string]any{}},
		"added":           {"ac", "abc", []map[string]any{item("TYPE_ADDED", "b", -1, 1)}},
		"removed":         {"abc", "ac", []map[string]any{item("TYPE_REMOVED", "b", 1, -1)}},
		"first to last":   {"abcd", "bcda", []map[string]any{item("TYPE_MOVED", "a", 0, 3)}},
		"last to first":   {"abcd", "dabc", []map[string]any{item("TYPE_MOVED", "d", 3, 0)}},
		"turned round":    {"abc", "cba", []map[string]any{item("TYPE_MOVED", "b", 1, 1), item("TYPE_MOVED", "a", 0, 2)}},
		"all at once":     {"abcd", "dxab", []map[string]any{item("TYPE_MOVED", "d", 3, 0), item("TYPE_ADDED", "x", -1, 1), item("TYPE_REMOVED", "c", 2, -1)}},
		"all are new":     {"", "ab", []map[string]any{item("TYPE_ADDED", "a", -1, 0), item("TYPE_ADDED", "b", -1, 1)}},
		"nothing is left": {"ab", "", []map[string]any{item("TYPE_REMOVED", "a", 0, -1), item("TYPE_REMOVED", "b", 1, -1)}},
	} {
		if diff := cmp.Diff(tc.want, changes(t, set(tc.from), set(tc.to))); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

func TestDifferencesOfMembers(t *testing.T) {
	profile := func(members string) string { return `{"policies":[],"profiles":[{"name":"p",` + members + `}]}` }
	x := func(id string) string { return `{"executor":"` + id + `"}` }
	for name, tc := range map[string]struct {
		from, to string
		want     []string
	}{
		"order of members, spelling of numbers": {`"executors":[{"executor":"x","configuration":{"a":1,"b":[1.5]}}]`, `"executors":[{"configuration":{"b":[15e-1],"a":1.0},"executor":"x"}]`, nil},
		"null means absent":                     {`"executors":[]`, `"description":null,"executors":[]`, nil},
		"no list is no empty list":              {`"description":"d"`, `"description":"d","executors":[]`, []string{"/executors"}},
		"appended":                              {`"executors":[` + x("a") + `]`, `"executors":[` + x("a") + `,` + x("b") + `]`, []string{"/executors/1"}},
		"first taken away":                      {`"executors":[` + x("a") + `,` + x("b") + `,` + x("c") + `]`, `"executors":[` + x("b") + `,` + x("c") + `]`, []string{"/executors/0"}},
		"one in between changed":                {`"executors":[` + x("a") + `,` + x("b") + `,` + x("c") + `]`, `"executors":[` + x("a") + `,` + x("d") + `,` + x("c") + `]`, []string{"/executors/1/executor"}},
		"names are escaped":                     {`"executors":[{"executor":"x","configuration":{"a/b~":1}}]`, `"executors":[{"executor":"x","configuration":{"a/b~":2}}]`, []string{"/executors/0/configuration/a~1b~0"}},
		"text is no number":                     {`"executors":[{"executor":"x","configuration":{"a":"1"}}]`, `"executors":[{"executor":"x","configuration":{"a":1}}]`, []string{"/executors/0/configuration/a"}},
	} {
		var got []string
		for _, c := range changes(t, profile(tc.from), profile(tc.to)) {
			for _, f := range c["fields"].([]any) {
				got = append(got, f.(map[string]any)["path"].(string))
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// What the server finds wrong is told by its place in the files; what came from
// the server itself has none.
func TestRefusalsAreLocated(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"1.yaml": "name: mine\nconditions:\n  - condition: x\n", "2.json": "{\"name\": \"p\",\n \"executors\": []}"} {
		writeIn(t, dir, name, text)
	}
	f := &fake{
		answers: map[string]string{
			"GET /v1/realms/r/policySet": `{"profiles":[],"policies":[{"name":"theirs"}]}`,
			"PUT /v1/realms/r/policySet": `{"title":"Not valid","detail":"/a","violations":[
				{"field":"/policies/1/conditions/0/condition","description":"unknown"},
				{"field":"/policies/0/name","description":"theirs"},
				{"field":"/profiles/0/executors/7","description":"beyond"},
				{"field":"revision","description":"no pointer"}]}`,
		},
		statuses: map[string]int{"PUT /v1/realms/r/policySet": 400},
	}
	r := start(t, f).run(t.Context(), "apply", "--yes", "--realm", "r", "-f", dir)
	want := "sidegate: 400 Not valid: /a\n" +
		"sidegate:   " + dir + "/1.yaml:3:16: /policies/1/conditions/0/condition: unknown\n" +
		"sidegate:   /policies/0/name: theirs\n" +
		"sidegate:   " + dir + "/2.json:2:15: /profiles/0/executors/7: beyond\n" +
		"sidegate:   revision: no pointer\n"
	if diff := cmp.Diff(want, r.err); diff != "" || r.code != 1 {
		t.Errorf("%d, -want +got:\n%s", r.code, diff)
	}
}
