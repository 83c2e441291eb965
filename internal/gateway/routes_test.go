package gateway_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/gateway"
)

// rule is one of the *.http.yaml files.
type rule struct {
	selector, method, path, body string
}

func rules(t *testing.T) []rule {
	t.Helper()
	data, err := os.ReadFile("../../proto/clientpolicy/v1/clientpolicy.http.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		HTTP struct {
			Rules []map[string]string `yaml:"rules"`
		} `yaml:"http"`
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, r := range file.HTTP.Rules {
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			if path := r[method]; path != "" {
				all = append(all, rule{r["selector"], strings.ToUpper(method), path, r["body"]})
			}
		}
	}
	if len(all) == 0 || len(all) != len(file.HTTP.Rules) {
		t.Fatalf("%d rules of %d read", len(all), len(file.HTTP.Rules))
	}
	return all
}

var variable = regexp.MustCompile(`\{\w+\}`)

// filled puts a name, or for a revision a number, for each variable of a path.
func filled(path string) string {
	return variable.ReplaceAllStringFunc(path, func(v string) string {
		if v == "{revision}" {
			return "7"
		}
		return "x"
	})
}

// Every rule of the bindings reaches its rpc; every other method of its path is
// 405 with exactly the methods that the bindings have.
func TestBindings(t *testing.T) {
	f, r := serve(t, options())
	allow := map[string][]string{}
	for _, rule := range rules(t) {
		path := filled(rule.path)
		allow[path] = append(allow[path], rule.method)
		body := ""
		if rule.body != "" {
			body = "{}"
		}
		if a := r.do(t, rule.method, path, body); a.status != http.StatusOK {
			t.Errorf("%s %s: got %d %s", rule.method, path, a.status, a.body)
		}
		if got := f.only(t).rpc; got != rule.selector {
			t.Errorf("%s %s: reached %s, want %s", rule.method, path, got, rule.selector)
		}
	}
	for path, methods := range allow {
		if slices.Contains(methods, "GET") {
			methods = append(methods, "HEAD")
		}
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			if slices.Contains(methods, method) {
				continue
			}
			a := r.do(t, method, path, "")
			got := strings.Split(a.header.Get("Allow"), ", ")
			slices.Sort(got)
			slices.Sort(methods)
			if a.status != http.StatusMethodNotAllowed || !slices.Equal(got, methods) {
				t.Errorf("%s %s: got %d, Allow %v, want %v", method, path, a.status, got, methods)
			}
		}
	}
	if calls := f.all(); len(calls) != 0 {
		t.Errorf("refused requests reached %v", calls)
	}
}

var names = []string{
	"plain", "a/b", "/", "//", "a//b", ":", "a:b", "a:evaluate", "%", "100%", "%41", "%2F", ".", "..", "...", "../x", ";", "a;b=c", "+", "a+b", "a b", " ", "?", "a?b=c",
	"#", "&", "=", "@", "[x]", "'\"", "ü", "日本語", "e\u0301", "😀", "\t", strings.Repeat("ü", 255),
}

// encode percent-encodes a name: all but unreserved characters, or all of it.
func encode(name string, all bool) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if !all && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func TestNames(t *testing.T) {
	f, conn := connect(t)
	h, err := gateway.New(conn, options())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/", h)
	for where, r := range map[string]rest{"alone": listen(t, h), "under http.ServeMux": listen(t, mux)} {
		for _, name := range names {
			for _, all := range []bool{false, true} {
				path := "/v1/realms/r%20%C3%BC/profiles/" + encode(name, all)
				accepted(t, r.do(t, "GET", path, ""))
				got := f.only(t).req.(*pb.GetProfileRequest)
				if got.GetProfile() != name || got.GetRealm() != "r ü" {
					t.Errorf("%s: %s: got %q in %q", where, path, got.GetProfile(), got.GetRealm())
				}
				accepted(t, r.do(t, "PUT", "/v1/realms/r/policies/"+encode(name, all), "{}"))
				if got := f.only(t).req.(*pb.ReplacePolicyRequest); got.GetPolicy() != name || got.GetRealm() != "r" {
					t.Errorf("%s: %s: PUT got %q", where, path, got.GetPolicy())
				}
			}
			escaped := "/v1/realms/r/profiles/" + url.PathEscape(name)
			if name == "." || name == ".." {
				continue // url.PathEscape leaves these, and they are cleaned away.
			}
			accepted(t, r.do(t, "GET", escaped, ""))
			if got := f.only(t).req.(*pb.GetProfileRequest).GetProfile(); got != name {
				t.Errorf("%s: %s: got %q, want %q", where, escaped, got, name)
			}
		}
	}
}

func TestRealmNames(t *testing.T) {
	f, r := serve(t, options())
	for _, name := range []string{"plain", "a b", "ü", "%", "%2F", "..", "a;b", "a+b", "?"} {
		accepted(t, r.do(t, "POST", "/v1/realms/"+encode(name, true)+":evaluate", "{}"))
		if got := f.only(t).req.(*pb.EvaluateRequest).GetRealm(); got != name {
			t.Errorf("got %q, want %q", got, name)
		}
	}
	// The path counts, whatever the body says.
	accepted(t, r.do(t, "POST", "/v1/realms/a:evaluate", `{"realm":"b"}`))
	if got := f.only(t).req.(*pb.EvaluateRequest).GetRealm(); got != "a" {
		t.Errorf("got realm %q of the body", got)
	}
}

func TestMisrouted(t *testing.T) {
	f, r := serve(t, options())
	for _, tc := range []struct {
		method, path, body string
		status             int
		allow              string
	}{
		{"GET", "/", "", 404, ""},
		{"GET", "/v1", "", 404, ""},
		{"GET", "/v2/realms", "", 404, ""},
		{"GET", "/v1/realms/", "", 404, ""},
		{"PATCH", "/v1/realms/", "{}", 404, ""},
		{"GET", "/v1/realms//profiles", "", 404, ""},
		{"GET", "/v1/realms/r/profiles/", "", 404, ""},
		{"PUT", "/v1/realms/r/policies/", "{}", 404, ""},
		{"DELETE", "/v1/realms/r/profiles/", "", 404, ""},
		{"GET", "/v1/realms/r/profiles/a/b", "", 404, ""},
		{"GET", "/v1/realms/r/nothing", "", 404, ""},
		{"GET", "/v1/realms/r:evaluate", "", 405, "POST"},
		{"HEAD", "/v1/realms/r:evaluate", "", 405, "POST"},
		{"DELETE", "/v1/realms/r:batchEvaluate", "", 405, "POST"},
		{"PATCH", "/v1/realms/r:evaluate", "{}", 405, "POST"},
		{"PUT", "/v1/realms/r:evaluate", "{}", 405, "POST"},
		{"GET", "/v1/realms/r:nothing", "", 404, ""},
		{"POST", "/v1/realms/r:nothing", "{}", 404, ""},
		{"GET", "/v1/realms/r%3Aevaluate", "", 404, ""},
		{"POST", "/v1/realms/r%3Aevaluate", "{}", 404, ""},
		{"POST", "/v1/realms/:evaluate", "{}", 404, ""},
		{"GET", "/v1/realms/:evaluate", "", 404, ""},
		{"POST", "/v1/realms/a:b:evaluate", "{}", 404, ""},
		{"GET", "/v1/realms/a%2Fb", "", 404, ""},
		{"GET", "/v1/realms/a:b/profiles", "", 404, ""},
		{"GET", "/v1/realms/a:b/profiles/p", "", 404, ""},
		{"GET", "/v1/realms/%FF", "", 404, ""},
		{"GET", "/v1/realms/r/profiles/%FF", "", 404, ""},
		{"POST", "/v1/realms/r", "{}", 405, "GET, HEAD, PATCH, DELETE"},
		{"POST", "/v1/server", "{}", 405, "GET, HEAD"},
		{"PUT", "/v1/realms", "{}", 405, "GET, HEAD, POST"},
	} {
		a := r.do(t, tc.method, tc.path, tc.body)
		if tc.method != "HEAD" {
			refused(t, a, tc.status)
		}
		if a.status != tc.status || a.header.Get("Allow") != tc.allow {
			t.Errorf("%s %s: got %d, Allow %q; want %d, %q", tc.method, tc.path, a.status, a.header.Get("Allow"), tc.status, tc.allow)
		}
	}
	if calls := f.all(); len(calls) != 0 {
		t.Errorf("%d calls came through: %v", len(calls), calls)
	}
}

func TestHead(t *testing.T) {
	f, r := serve(t, options())
	get := r.do(t, "GET", "/v1/realms/r", "")
	head := r.do(t, "HEAD", "/v1/realms/r", "")
	if head.status != 200 || head.body != "" || head.header.Get("Content-Length") != get.header.Get("Content-Length") {
		t.Errorf("got %d %q %v, want the headers of GET", head.status, head.body, head.header)
	}
	if calls := f.all(); len(calls) != 2 || calls[1].rpc != "clientpolicy.v1.RealmService.GetRealm" {
		t.Errorf("got %v", calls)
	}
}

func TestMethodOverride(t *testing.T) {
	f, r := serve(t, options())
	form := "application/x-www-form-urlencoded"
	refused(t, r.do(t, "POST", "/v1/realms/r", "x=y", "Content-Type", form, "X-HTTP-Method-Override", "DELETE"), 405)
	refused(t, r.do(t, "POST", "/v1/realms/r", "x=y", "Content-Type", form), 405)
	refused(t, r.do(t, "POST", "/v1/realms", "pageSize=1", "Content-Type", form, "X-HTTP-Method-Override", "GET"), 415)
	if calls := f.all(); len(calls) != 0 {
		t.Errorf("got %v", calls)
	}
}
