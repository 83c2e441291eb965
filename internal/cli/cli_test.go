package cli_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/internal/cli"
)

// result is what a command left behind.
type result struct {
	code     int
	out, err string
}

// command runs the command against a fake server.
type command struct {
	server           *httptest.Server
	environ          []string
	colour, terminal bool
	// input is what is typed.
	input string
}

func (c command) run(ctx context.Context, args ...string) result {
	return c.in(ctx, append(c.environ, "SIDEGATE_SERVER="+c.server.URL), args...)
}

// in runs the command in an environment.
func (c command) in(ctx context.Context, environ []string, args ...string) result {
	var out, err bytes.Buffer
	code := cli.Main(ctx, cli.Options{
		Streams: cli.Streams{In: strings.NewReader(c.input), Out: &out, Err: &err, Colour: c.colour, Terminal: c.terminal},
		Args:    args, Environ: environ,
	})
	return result{code, out.String(), err.String()}
}

// fake is a server that answers by method and path, and notes what it was asked.
type fake struct {
	mu    sync.Mutex
	asked []string
	// answers are bodies by `METHOD /path`, statuses those that are not 200.
	answers  map[string]string
	statuses map[string]int
	// seen is called with every request.
	seen func(*http.Request)
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := r.Method + " " + r.URL.EscapedPath()
	f.asked = append(f.asked, key)
	if f.seen != nil {
		f.seen(r)
	}
	w.Header().Set("ETag", `"7"`)
	if code := f.statuses[key]; code != 0 {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(code)
	}
	_, _ = io.WriteString(w, f.answers[key]) // the command has what it needs
}

func start(t *testing.T, f *fake) command {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return command{server: s}
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	return writeIn(t, t.TempDir(), name, content)
}

func writeIn(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHealthcheckOfAServerThatIsNotReady(t *testing.T) {
	c := start(t, &fake{answers: map[string]string{"GET /readyz": "starting\n"}, statuses: map[string]int{"GET /readyz": 503}})
	r := c.run(t.Context(), "healthcheck", "--ops-addr", c.server.Listener.Addr().String())
	if r.code != 1 || !strings.Contains(r.err, "not ready: starting") {
		t.Errorf("got %+v", r)
	}
}

func TestColour(t *testing.T) {
	request := write(t, "r.json", `{"event":"EVENT_VIEW","client":{}}`)
	set := write(t, "s.json", `{"profiles":[],"policies":[]}`)
	for name, tc := range map[string]struct {
		colour  bool
		environ []string
		want    bool
	}{
		"terminal":      {true, nil, true},
		"pipe":          {false, nil, false},
		"NO_COLOR":      {true, []string{"NO_COLOR=1"}, false},
		"empty":         {true, []string{"NO_COLOR="}, true},
		"dumb terminal": {true, []string{"TERM=dumb"}, false},
	} {
		c := start(t, &fake{})
		c.colour, c.environ = tc.colour, tc.environ
		r := c.run(t.Context(), "evaluate", "-f", request, "--policies", set)
		if r.code != 0 || strings.Contains(r.out, "\x1b[") != tc.want {
			t.Errorf("%s: got %+v", name, r)
		}
	}
}

func TestCallsAreMadeAsTheContractSays(t *testing.T) {
	var headers []http.Header
	f := &fake{
		answers: map[string]string{
			"GET /v1/realms/a%3Ab%2F%25%20c/policySet": `{"profiles":[],"policies":[],"etag":"\"7\"","revision":"7"}`,
			"PUT /v1/realms/a%3Ab%2F%25%20c/policySet": `{"profiles":[],"policies":[],"revision":"8","warnings":[{"path":"/p","message":"odd"}]}`,
		},
		seen: func(r *http.Request) { headers = append(headers, r.Header.Clone()) },
	}
	c := start(t, f)
	c.environ = []string{"SIDEGATE_TOKEN=secret"}
	r := c.run(t.Context(), "apply", "--yes", "--realm", "a:b/% c", "-f", write(t, "p.yaml", "name: p\nconditions: []\n"))
	if r.code != 0 || !strings.Contains(r.out, "revision 8") || !strings.Contains(r.out, "warning: /p: odd") {
		t.Errorf("got %+v", r)
	}
	if len(headers) != 2 {
		t.Fatalf("asked %v", f.asked)
	}
	if headers[0].Get("Authorization") != "Bearer secret" || headers[1].Get("If-Match") != `"7"` || headers[1].Get("Content-Type") != "application/json" {
		t.Errorf("sent %v", headers)
	}
}

func TestWhatOthersChangedIsNotOverwritten(t *testing.T) {
	c := start(t, &fake{
		answers: map[string]string{
			"GET /v1/realms/r/policySet": `{"profiles":[],"policies":[]}`,
			"PUT /v1/realms/r/policySet": `{"title":"It has changed","detail":"it is at revision 9","reason":"ETAG_MISMATCH"}`,
		},
		statuses: map[string]int{"PUT /v1/realms/r/policySet": 412},
	})
	r := c.run(t.Context(), "apply", "--yes", "--realm", "r", "-f", write(t, "p.yaml", "name: p\nconditions: []\n"))
	if r.code != 1 || !strings.Contains(r.err, "somebody changed") || !strings.Contains(r.err, "revision 9") {
		t.Errorf("got %+v", r)
	}
}

func TestARealmWhosePoliciesAreRefusedIsTakenAway(t *testing.T) {
	file := write(t, "p.yaml", "name: p\nconditions: []\n")
	for name, tc := range map[string]struct {
		undone int
		want   string
	}{
		"taken away":  {0, "too many"},
		"left behind": {503, `realm "r" is left behind`},
	} {
		var deleted http.Header
		f := &fake{
			answers: map[string]string{
				"GET /v1/realms/r/policySet": `{"title":"There is no such realm"}`,
				"POST /v1/realms":            `{"name":"r","revision":"1"}`,
				"PUT /v1/realms/r/policySet": `{"title":"Not valid","detail":"too many"}`,
				"DELETE /v1/realms/r":        `{"revision":"2","title":"later"}`,
			},
			statuses: map[string]int{"GET /v1/realms/r/policySet": 404, "PUT /v1/realms/r/policySet": 400, "DELETE /v1/realms/r": tc.undone},
			seen: func(r *http.Request) {
				if r.Method == http.MethodDelete {
					deleted = r.Header.Clone()
				}
			},
		}
		r := start(t, f).run(t.Context(), "apply", "--yes", "--create-realm", "--realm", "r", "-f", file)
		if r.code != 1 || !strings.Contains(r.err, tc.want) || deleted.Get("If-Match") != `"7"` {
			t.Errorf("%s: got %+v, asked %v", name, r, f.asked)
		}
	}
}

// full is where nothing more can be written.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestOutputThatIsLostIsAnError(t *testing.T) {
	for _, form := range []string{"table", "json", "yaml"} {
		var err bytes.Buffer
		code := cli.Main(t.Context(), cli.Options{Streams: cli.Streams{Out: full{}, Err: &err}, Args: []string{"version", "-o", form}})
		if code != 1 || !strings.Contains(err.String(), "short write") {
			t.Errorf("%s: got %d, %s", form, code, &err)
		}
	}
}

func TestProblemsAreShownWhole(t *testing.T) {
	c := start(t, &fake{
		answers:  map[string]string{"GET /v1/realms": `{"title":"Not valid","detail":"/a: x (and 1 more)","violations":[{"field":"/a","description":"x"},{"field":"/b","description":"y"}]}`},
		statuses: map[string]int{"GET /v1/realms": 400},
	})
	r := c.run(t.Context(), "get", "realms")
	want := "sidegate: 400 Not valid: /a: x (and 1 more)\nsidegate:   /a: x\nsidegate:   /b: y\n"
	if diff := cmp.Diff(result{code: 1, err: want}, r, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestATokenIsNotSentElsewhere(t *testing.T) {
	f := &fake{statuses: map[string]int{"GET /v1/realms": 302}}
	c := start(t, f)
	c.environ = []string{"SIDEGATE_TOKEN=secret"}
	r := c.run(t.Context(), "get", "realms")
	if r.code != 1 || len(f.asked) != 1 || strings.Contains(r.err, "secret") {
		t.Errorf("got %+v, asked %v", r, f.asked)
	}
}

func TestPagesAreReadToTheEnd(t *testing.T) {
	f := &fake{answers: map[string]string{}}
	pages := map[string]string{"": `{"realms":[{"name":"a"}],"nextPageToken":"2"}`, "2": `{"realms":[{"name":"b"}],"nextPageToken":""}`}
	f.seen = func(r *http.Request) { f.answers["GET /v1/realms"] = pages[r.URL.Query().Get("pageToken")] }
	r := start(t, f).run(t.Context(), "get", "realms", "-o", "json")
	if r.code != 0 || !strings.Contains(r.out, `"a"`) || !strings.Contains(r.out, `"b"`) || !strings.Contains(r.out, `"totalSize": 2`) {
		t.Errorf("got %+v", r)
	}
}

func TestAnInterruptedReplayDeletesItsRealms(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	f := &fake{}
	f.seen = func(r *http.Request) {
		f.answers = map[string]string{r.Method + " " + r.URL.EscapedPath(): "{}"}
		if strings.HasSuffix(r.URL.Path, ":evaluate") {
			interrupt()
		}
	}
	c := start(t, f)
	file := write(t, "v.json", `{"about":"x","cases":[{"name":"c","origin":"sidegate","request":{"event":"EVENT_VIEW","client":{}},"want":{"decision":"DECISION_ALLOW"}}]}`)
	if r := c.run(ctx, "test", file, "--server", c.server.URL); r.code != 1 || !strings.Contains(r.err, "context canceled") {
		t.Errorf("got %+v", r)
	}
	last := f.asked[len(f.asked)-1]
	if !strings.HasPrefix(last, "DELETE /v1/realms/sidegate-test-") {
		t.Errorf("asked %v", f.asked)
	}
}
