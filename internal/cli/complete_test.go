package cli_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// complete returns what is offered for a line whose last word is not finished.
func complete(t *testing.T, c command, words ...string) (offers []string, directive string) {
	t.Helper()
	r := c.run(t.Context(), append([]string{"__complete"}, words...)...)
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	if r.code != 0 || !strings.HasPrefix(lines[len(lines)-1], ":") {
		t.Fatalf("%q: got %+v", words, r)
	}
	for _, line := range lines[:len(lines)-1] {
		name, _, _ := strings.Cut(line, "\t")
		offers = append(offers, name)
	}
	return offers, lines[len(lines)-1]
}

// verbs walks all verbs and hands over those that do something.
func verbs(t *testing.T, c command, path []string, f func(path []string)) {
	t.Helper()
	offers, _ := complete(t, c, append(path, "")...)
	r := c.run(t.Context(), append(slices.Clone(path), "--help")...)
	_, list, parent := strings.Cut(r.out, "Available Commands:\n")
	if !parent {
		f(path)
		return
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for line := range strings.Lines(list) {
		name := strings.Fields(line)[0]
		if !slices.Contains(offers, name) {
			t.Errorf("%q: %s is not offered", path, name)
		}
		if name != "help" && name != "completion" {
			verbs(t, c, append(slices.Clone(path), name), f)
		}
	}
	if len(path) == 1 && path[0] == "decisions" {
		f(path)
	}
}

func TestEveryVerbCompletesAndHasItsForms(t *testing.T) {
	names := `[{"name":"one","id":"one","revision":"7","decisionId":"one"}]`
	f := &fake{answers: map[string]string{}}
	for _, what := range []string{"realms", "profiles", "policies", "revisions", "decisions"} {
		path := "GET /v1/realms/r/" + what
		if what == "realms" {
			path = "GET /v1/realms"
		}
		f.answers[path] = `{"` + what + `":` + names + `}`
	}
	for _, what := range []string{"executors", "conditions", "events", "profiles"} {
		f.answers["GET /v1/catalogue/"+what] = `{"` + what + `":` + names + `}`
	}
	c := start(t, f)
	c.environ = []string{"SIDEGATE_REALM=r"}
	seen := map[string]bool{}
	verbs(t, c, nil, func(path []string) {
		verb := strings.Join(path, " ")
		seen[verb] = true
		if verb == "serve" {
			return
		}
		if got, _ := complete(t, c, append(path, "-o", "")...); !slices.Equal(got, []string{"table", "json", "yaml"}) {
			t.Errorf("%s: -o offers %q", verb, got)
		}
		flags, _ := complete(t, c, append(path, "--")...)
		for _, flag := range flags {
			switch {
			case flag == "--realm" && verb != "token create" && verb != "context set":
				if got, _ := complete(t, c, append(path, flag, "")...); !slices.Equal(got, []string{"one"}) {
					t.Errorf("%s: --realm offers %q", verb, got)
				}
			case slices.Contains([]string{"--context", "--comment", "--filter", "--realm", "--server"}, flag):
				if _, directive := complete(t, c, append(path, flag, "")...); directive != ":4" {
					t.Errorf("%s: %s offers files: %s", verb, flag, directive)
				}
			}
		}
	})
	for _, verb := range []string{
		"serve", "config check", "config print", "token create", "token list", "token revoke", "healthcheck", "version",
		"context list", "context show", "context use", "context set", "context delete", "realm list", "realm create", "realm delete",
		"get", "apply", "edit", "delete", "move", "history", "diff", "rollback",
		"decisions", "decisions export", "decisions replay", "decisions erase", "audit", "catalogue", "evaluate", "test",
	} {
		if !seen[verb] {
			t.Errorf("%s was not found", verb)
		}
	}
	for line, want := range map[string]string{
		"get realms": "one", "get profiles": "one", "edit policies": "one", "delete realms": "one", "move policies": "one",
		"move policies x --before": "one", "move policies x --after": "one", "realm delete": "one", "delete profiles x": "one",
		"diff": "7", "diff 3": "7", "rollback": "7", "decisions replay": "one", "decisions replay x --revision": "7",
		"catalogue executors": "one", "catalogue conditions": "one", "catalogue events": "one", "catalogue profiles": "one",
		// What has its names needs no more.
		"get realms x": "", "get policyset": "", "edit policyset": "", "diff 1 2": "", "rollback 1": "", "move policies x": "", "delete realms one": "",
		"decisions replay x": "", "context use x": "", "catalogue events x": "",
	} {
		got, directive := complete(t, c, append(strings.Fields(line), "")...)
		if strings.Join(got, " ") != want || directive != ":4" {
			t.Errorf("%s: got %q, %s, want %q", line, got, directive, want)
		}
	}
}

// A name that a shell would act on is not put on anybody's command line.
func TestHostileNamesAreNotOffered(t *testing.T) {
	c := start(t, &fake{answers: map[string]string{"GET /v1/realms": `{"realms":[
		{"name":"good"},{"name":"größe"},{"name":"$(reboot)"},{"name":"a;b"},{"name":"a b"},{"name":"a\nb"},{"name":"a\tb"},
		{"name":"a\u001b[2J"},{"name":"-o"},{"name":"a'b"},{"name":"a\"b"},{"name":"a` + "`" + `b"},{"name":"~a"},{"name":"a*"},{"name":"a\u202eb"},{"name":""}]}`}})
	if got, _ := complete(t, c, "get", "realms", ""); !slices.Equal(got, []string{"good", "größe"}) {
		t.Errorf("got %q", got)
	}
}

func TestCompletionDoesNotWaitForLong(t *testing.T) {
	release := make(chan struct{})
	f := &fake{seen: func(r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}}
	c := start(t, f)
	began := time.Now()
	got, directive := complete(t, c, "get", "realms", "")
	close(release)
	if took := time.Since(began); took > 10*time.Second || len(got) != 0 || directive != ":4" {
		t.Errorf("got %q, %s after %v", got, directive, took)
	}
}

func TestCompletionIsSilent(t *testing.T) {
	c := start(t, &fake{statuses: map[string]int{"GET /v1/realms": 401}})
	for name, c := range map[string]command{
		"refused":       c,
		"wrong answer":  start(t, &fake{answers: map[string]string{"GET /v1/realms": "<html>"}}),
		"no token file": {server: c.server, environ: []string{"SIDEGATE_TOKEN_FILE=nowhere"}},
	} {
		r := c.run(t.Context(), "__complete", "get", "realms", "")
		if r.code != 0 || r.out != ":4\n" || strings.Contains(r.err, "sidegate:") {
			t.Errorf("%s: got %+v", name, r)
		}
	}
}
