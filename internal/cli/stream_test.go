package cli_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// handled is a command against a server that answers by a function.
func handled(t *testing.T, h http.HandlerFunc) command {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return command{server: s}
}

// lines is a server that answers with a stream.
func lines(t *testing.T, text string) command {
	t.Helper()
	return handled(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		_, _ = w.Write([]byte(text))
	})
}

func TestStreams(t *testing.T) {
	const limit = 4 << 20
	long := func(size int) string {
		begin, end := `{"result":{"decisionId":"`, `"}}`
		return begin + strings.Repeat("x", size-len(begin)-len(end)) + end
	}
	for name, tc := range map[string]struct {
		text string
		code int
		want string
	}{
		"ended by the server":   {"\n{\"result\":{\"decisionId\":\"1\"}}\n\n", 3, "ended the stream"},
		"the server stops":      {`{"error":{"code":14,"message":"stopping"}}`, 3, "ended the stream: stopping"},
		"failure":               {`{"error":{"code":13,"message":"disk"}}`, 1, "ended the stream: disk"},
		"neither":               {`{"x":1}`, 1, "neither an item nor an error"},
		"no JSON":               {`<html>`, 1, "not that of a decision point"},
		"a line at the limit":   {long(limit-1) + "\n", 3, "ended the stream"},
		"a line past the limit": {long(limit+1) + "\n", 1, "larger than 4194304 bytes"},
	} {
		r := lines(t, tc.text).run(t.Context(), "decisions", "--follow", "--realm", "r", "-o", "json")
		if r.code != tc.code || !strings.Contains(r.err, tc.want) {
			t.Errorf("%s: got %d, %.200s", name, r.code, r.err)
		}
	}
}

func TestFollowShowsWhatWasAndWhatComesOnce(t *testing.T) {
	asked := []string{}
	c := handled(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.URL.Query().Get("filter"))
		if strings.HasSuffix(r.URL.Path, ":follow") {
			w.(http.Flusher).Flush() // the headers come before the first item
			_, _ = fmt.Fprint(w, `{"result":{"decisionId":"2","clientId":"c2"}}`+"\n"+`{"result":{"decisionId":"3","clientId":"c3"}}`+"\n")
			return
		}
		_, _ = fmt.Fprint(w, `{"decisions":[{"decisionId":"2","clientId":"c2"},{"decisionId":"1","clientId":"c1"}],"nextPageToken":""}`)
	})
	r := c.run(t.Context(), "decisions", "--follow", "--realm", "r", "--since", "2026-01-02T03:04:05Z", "--filter", "event=VIEW")
	one, two, three := strings.Index(r.out, "c1"), strings.Index(r.out, "c2"), strings.Index(r.out, "c3")
	if one < 0 || two < one || three < two || strings.Count(r.out, "c2") != 1 || !strings.HasPrefix(r.out, "TIME ") {
		t.Errorf("got\n%s", r.out)
	}
	want := []string{"/v1/realms/r/decisions:follow event=VIEW", "/v1/realms/r/decisions event=VIEW AND since=2026-01-02T03:04:05Z"}
	if fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("asked %q", asked)
	}
}

func TestFormsOfAStream(t *testing.T) {
	text := `{"result":{"decisionId":"1"}}` + "\n" + `{"result":{"decisionId":"2"}}` + "\n"
	for form, want := range map[string]string{
		"json": "{\"decisionId\":\"1\"}\n{\"decisionId\":\"2\"}\n",
		"yaml": "---\ndecisionId: \"1\"\n---\ndecisionId: \"2\"\n",
	} {
		if r := lines(t, text).run(t.Context(), "decisions", "--follow", "--realm", "r", "-o", form); r.out != want {
			t.Errorf("%s: got %q", form, r.out)
		}
	}
}

func TestExportsAreWholeOrNotThere(t *testing.T) {
	// A decision has an error of its own, which is no failure.
	good := `{"decisionId":"1","error":{"code":"x"}}` + "\n"
	for name, tc := range map[string]struct {
		format, text string
		cut          bool
		code         int
		file, want   string
	}{
		"all":             {format: "ndjson", text: good, file: good},
		"none":            {format: "ndjson"},
		"failure":         {format: "ndjson", text: good + `{"error":{"code":13,"message":"disk"}}`, code: 1, want: "ended the stream: disk"},
		"cut":             {format: "ndjson", text: good, cut: true, code: 3, want: "cannot be reached"},
		"csv":             {format: "csv", text: "a,b\r\n1,\"x\r\n\r\ny\"\r\n", file: "a,b\r\n1,\"x\r\n\r\ny\"\r\n"},
		"csv, cut":        {format: "csv", text: "a,b\r\n1,2\r\n", cut: true, code: 3, want: "cannot be reached"},
		"csv that is not": {format: "csv", text: "a,b\r\n1\r\n", code: 1, want: "not CSV"},
	} {
		c := handled(t, func(w http.ResponseWriter, r *http.Request) {
			if tc.format == "csv" && r.Header.Get("Accept") != "text/csv" {
				t.Errorf("%s: asked for %q", name, r.Header.Get("Accept"))
			}
			if tc.cut {
				w.Header().Set("Content-Length", fmt.Sprint(len(tc.text)+1))
			}
			_, _ = fmt.Fprint(w, tc.text)
		})
		path := filepath.Join(t.TempDir(), "out")
		r := c.run(t.Context(), "decisions", "export", "--realm", "r", "--format", tc.format, "--file", path, "-o", "json")
		if r.code != tc.code || !strings.Contains(r.err, tc.want) {
			t.Errorf("%s: got %+v", name, r)
		}
		data, err := os.ReadFile(path)
		if tc.code == 0 && (err != nil || string(data) != tc.file) || tc.code != 0 && !os.IsNotExist(err) {
			t.Errorf("%s: file %q, %v", name, data, err)
		}
		if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 1 || tc.code != 0 && len(left) > 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
		if tc.format == "csv" && tc.code == 0 && !strings.Contains(r.out, `"decisions": 1`) {
			t.Errorf("%s: got %s", name, r.out)
		}
	}
}

func TestSpans(t *testing.T) {
	var filter string
	c := handled(t, func(w http.ResponseWriter, r *http.Request) {
		filter = r.URL.Query().Get("filter")
		_, _ = fmt.Fprint(w, `{"auditRecords":[]}`)
	})
	for since, code := range map[string]int{
		"1h": 0, "7d": 0, "1d12h": 0, "0.5d": 0, "2026-01-02T03:04:05+01:00": 0,
		"": 0, "-1h": 2, "d": 2, "1d1": 2, "tomorrow": 2, "999999999d": 2, "106751d25h": 2, "-1d": 2, "1d-1h": 0,
	} {
		if r := c.run(t.Context(), "audit", "--since="+since); r.code != code {
			t.Errorf("%q: got %+v", since, r)
		}
	}
	if r := c.run(t.Context(), "audit", "--since=2026-01-02T03:04:05+01:00", "--realm= a AND b", "--filter=kind=WRITE"); r.code != 0 ||
		filter != `kind=WRITE AND realm=" a AND b" AND since=2026-01-02T02:04:05Z` {
		t.Errorf("got %q, %+v", filter, r)
	}
}
