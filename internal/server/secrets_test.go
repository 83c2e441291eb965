package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/internal/config"
	"github.com/sidegate/sidegate/internal/server"
)

// surfaces are where secrets must not be.
type surfaces struct {
	mu    sync.Mutex
	texts map[string]*bytes.Buffer
}

// at is a surface to write to.
func (s *surfaces) at(name string) io.Writer {
	return writes(func(b []byte) (int, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.texts == nil {
			s.texts = map[string]*bytes.Buffer{}
		}
		if s.texts[name] == nil {
			s.texts[name] = &bytes.Buffer{}
		}
		return s.texts[name].Write(b)
	})
}

type writes func([]byte) (int, error)

func (w writes) Write(b []byte) (int, error) { return w(b) }

// files takes over the bytes of all files, but that of the bootstrap token.
func (s *surfaces) files(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, ".token") {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil {
			_, err = s.at("file " + filepath.Base(path)).Write(b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// everyExecutor is a set in which every executor and every built-in profile judges.
func everyExecutor(t *testing.T, enforcement string) string {
	t.Helper()
	registry, err := catalog.Registry()
	if err != nil {
		t.Fatal(err)
	}
	configurations := map[string]string{
		"tls-client-auth-ca-subject-dn": `{"ca-subject-dn":"CN=ca"}`,
		"intent-client-bind-checker":    `{"intent-client-bind-check-endpoint":"http://127.0.0.1:1/","intent-name":"sub"}`,
	}
	var made, judging []string
	judge := func(profile string) {
		judging = append(judging, fmt.Sprintf(
			`{"name":%q,"enabled":true,"enforcement":"ENFORCEMENT_%s","conditions":[{"condition":"any-client"}],"profiles":[%q]}`, "by "+profile, enforcement, profile))
	}
	for _, id := range registry.ExecutorIDs() {
		c := configurations[id]
		if c == "" {
			c = "{}"
		}
		made = append(made, fmt.Sprintf(`{"name":%q,"executors":[{"executor":%q,"configuration":%s}]}`, "only "+id, id, c))
		judge("only " + id)
	}
	for _, name := range []string{"fapi-1-baseline", "fapi-1-advanced", "fapi-ciba", "fapi-2-security-profile", "fapi-2-message-signing", "oauth-2-1-for-public-client", "saml-security-profile"} {
		judge(name)
	}
	return `{"profiles":[` + strings.Join(made, ",") + `],"policies":[` + strings.Join(judging, ",") + `]}`
}

// realms makes realms that allow, reject, warn, look on and cannot decide.
func (i *instance) realms(t *testing.T) []string {
	t.Helper()
	names := []string{"open", "enforce", "warn", "audit", "faulty"}
	for _, name := range names {
		i.must(t, http.MethodPost, "/v1/realms", `{"name":"`+name+`"}`)
		if mode := map[string]string{"enforce": "ENFORCE", "warn": "WARN", "audit": "AUDIT", "faulty": "ENFORCE"}[name]; mode != "" {
			i.must(t, http.MethodPut, "/v1/realms/"+name+"/policySet?force=true", everyExecutor(t, mode))
		}
	}
	i.must(t, http.MethodPatch, "/v1/realms/faulty", `{"settings":{"omittedFacts":["/client/baseUrl","/request/requestObject","/dpop"]}}`)
	return names
}

// The secrets of a request, planted wherever a text can stand, are in no log, no
// error, no file and no answer to who reads the decision log, whatever is decided.
func TestPlantedSecretsSurfaceNowhere(t *testing.T) {
	for _, s := range shapes {
		for _, pseudonyms := range []bool{false, true} {
			t.Run(fmt.Sprint(s.name, ", pseudonyms ", pseudonyms), func(t *testing.T) {
				p, out := &planter{format: s.format}, &surfaces{}
				plantEverywhere(t, p, out, pseudonyms)
				out.judge(t, p, s, keptOf(s, pseudonyms))
			})
		}
	}
}

// judge finds every secret in what was gathered. The log and what is made of it may
// hold those that may be kept; nothing else may hold any.
func (s *surfaces) judge(t *testing.T, p *planter, of shape, may []string) {
	t.Helper()
	ofLog := []string{"answers to readers", "file decisions.db", "file decisions.ndjson", "standard output"}
	found := map[string]bool{}
	for name, text := range s.texts {
		for place, n := range places(p, of, text.Bytes()) {
			found[place] = true
			toSender := name == "REST problems" && place == eventName
			if !toSender && !(slices.Contains(ofLog, name) && slices.Contains(may, place)) {
				t.Errorf("%s holds the secret of %s, %d times", name, place, n)
			}
		}
	}
	for _, place := range may {
		if of.name == "word" && !found[place] {
			t.Errorf("%s may be kept, and was not: the list says too much", place)
		}
	}
}

// places are those whose secrets are found, and how often.
func places(p *planter, s shape, text []byte) map[string]int {
	found := map[string]int{}
	for _, m := range s.found.FindAllSubmatch(text, -1) {
		n, err := strconv.Atoi(string(m[1]))
		if err != nil || n >= len(p.places) {
			found["of an unknown place: "+string(m[0])]++
			continue
		}
		found[p.places[n]]++
	}
	return found
}

// plantEverywhere asks a server everything and gathers what it leaves behind.
func plantEverywhere(t *testing.T, p *planter, out *surfaces, pseudonyms bool) {
	t.Helper()
	dir := t.TempDir()
	flags := []string{"--log-level=debug", "--decision-log.mode=block", "--decision-log.ndjson=" + filepath.Join(dir, "decisions.ndjson")}
	if pseudonyms {
		defer diverted(t, out)()
		flags = append(flags[:2], "--decision-log.ndjson=stdout", "--decision-log.pseudonyms=hmac")
	}
	c := configure(t, dir, flags...)
	log, err := server.NewLogger(c, out.at("log"))
	if err != nil {
		t.Fatal(err)
	}
	i := start(t, c, log)
	asked := asking{t, i, p, out}
	realms := i.realms(t)
	reasons := asked.evaluateAll(realms)
	for _, reason := range []string{"REASON_POLICY", "REASON_FAULT", "REASON_NO_POLICY_APPLIED", "REASON_POLICIES_PASSED"} {
		if reasons[reason] == 0 {
			t.Errorf("nothing came to %s: %v", reason, reasons)
		}
	}
	asked.refused()
	asked.strangers(c)
	asked.read(realms)
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		_, text := i.probe(t, path)
		fmt.Fprintln(out.at("operations"), text)
	}
	i.stop(t)
	out.files(t, dir)
	for _, name := range []string{"log", "gRPC errors", "REST problems", "answers to readers", "file sidegate.db", "file decisions.db"} {
		if out.texts[name] == nil || out.texts[name].Len() == 0 {
			t.Errorf("nothing was gathered of %s", name)
		}
	}
}

// diverted gathers what goes to the standard output and error until it is called.
func diverted(t *testing.T, out *surfaces) func() {
	t.Helper()
	stdout, stderr := os.Stdout, os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout, os.Stderr = w, w
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(out.at("standard output"), r)
	}()
	return func() {
		os.Stdout, os.Stderr = stdout, stderr
		w.Close()
		<-done
		r.Close()
		if out.texts["standard output"] == nil {
			t.Error("no decision was written to the standard output")
		}
	}
}

// asking asks a server.
type asking struct {
	t *testing.T
	*instance
	*planter
	out *surfaces
}

// headers is a context with secrets in the headers.
func (a *asking) headers() context.Context {
	return metadata.AppendToOutgoingContext(a.t.Context(), "cookie", a.secret("header cookie"), "x-api-key", a.secret("header x-api-key"),
		"user-agent", a.secret("header user-agent"), "authorization", "Bearer "+a.secret("header authorization"),
		"traceparent", "00-"+a.secret("header traceparent")+"-b7ad6b7169203331-01")
}

// evaluateAll asks about every event in every realm and counts the reasons.
func (a *asking) evaluateAll(realms []string) map[string]int {
	a.t.Helper()
	conn := dial(a.t, "unix:"+a.Socket)
	decisions, reasons := clientpolicyv1.NewPolicyDecisionServiceClient(conn), map[string]int{}
	for _, realm := range realms {
		for event := range clientpolicyv1.Event_name {
			for kind := range kinds {
				if event == 0 || kind != parsed && event%4 > 0 {
					continue
				}
				req := a.request(realm, clientpolicyv1.Event(event), kind)
				resp, err := decisions.Evaluate(a.headers(), req)
				if err != nil {
					a.t.Fatalf("%s, %v: %v", realm, req.Event, err)
				}
				reasons[resp.GetReason().String()]++
			}
		}
		batch := &clientpolicyv1.BatchEvaluateRequest{Realm: realm, Requests: []*clientpolicyv1.EvaluateRequest{a.request("", 1, everything)}}
		if _, err := decisions.BatchEvaluate(a.headers(), batch); err != nil {
			a.t.Fatal(err)
		}
		body, err := protojson.Marshal(a.request("", 8, parsed))
		if err != nil {
			a.t.Fatal(err)
		}
		a.must(a.t, http.MethodPost, "/v1/realms/"+realm+":evaluate", string(body))
	}
	return reasons
}

// refused asks what is refused, over gRPC and REST, and gathers the refusals.
func (a *asking) refused() {
	a.t.Helper()
	decisions := clientpolicyv1.NewPolicyDecisionServiceClient(dial(a.t, "unix:"+a.Socket))
	for place, set := range forbidden(a.planter) {
		req := a.request("enforce", clientpolicyv1.Event_EVENT_UPDATE, everything)
		set(req)
		if place != "no UTF-8" {
			_, err := decisions.Evaluate(a.headers(), req)
			a.refusal(place, err)
			batch := &clientpolicyv1.BatchEvaluateRequest{Realm: "enforce", Requests: []*clientpolicyv1.EvaluateRequest{req}}
			if resp, err := decisions.BatchEvaluate(a.headers(), batch); err != nil || resp.GetResults()[0].GetError() == nil {
				a.t.Errorf("%s: got %v and %v", place, resp, err)
			} else {
				fmt.Fprintln(a.out.at("gRPC errors"), resp)
			}
		}
		body, err := protojson.MarshalOptions{AllowPartial: true}.Marshal(req)
		if err != nil { // not UTF-8
			body = []byte(`{"request":{"method":"` + a.secret("forbidden no UTF-8") + "\xff\"}}")
		}
		a.problem(place, "/v1/realms/enforce:evaluate", body)
	}
	s := a.secret("malformed")
	for _, body := range []string{
		`{"event":"` + a.secret(eventName) + `"}`, `{"client":{"publicClient":"` + s + `"}}`, `{"client":{"clientId":"` + s + `"`, `{"client":"` + s + `"}`,
		`{"event":"EVENT_VIEW","event":"` + s + `"}`, `{"acrLoaMap":{"a":"` + s + `"}}`, `["` + s + `"]`, s, `{"options":{"evaluationTime":"` + s + `"}}`,
	} {
		a.problem(body, "/v1/realms/enforce:evaluate", []byte(body))
	}
	a.problem("unknown realm", "/v1/realms/nowhere:evaluate", []byte(`{"client":{"clientId":"`+s+`"}}`))
	a.problem("erase", "/v1/realms/nowhere/decisions:erase", []byte(`{"user":"`+a.secret("erased user")+`"}`))
	a.must(a.t, http.MethodPost, "/v1/realms/open/decisions:erase", `{"clientId":"`+a.secret("erased client")+`","user":"`+a.secret("erased user")+`"}`)
}

func (a *asking) refusal(what string, err error) {
	a.t.Helper()
	if err == nil {
		a.t.Errorf("%s: answered", what)
	}
	fmt.Fprintln(a.out.at("gRPC errors"), err, status.Convert(err).Details())
}

func (a *asking) problem(what, path string, body []byte) {
	a.t.Helper()
	text, err := a.rest(a.t.Context(), http.MethodPost, path, body)
	if err == nil {
		a.t.Errorf("%s: answered", what)
	}
	a.out.at("REST problems").Write(text)
}

// strangers call with credentials that nobody knows.
func (a *asking) strangers(c config.Config) {
	a.t.Helper()
	admin := clientpolicyv1.NewPolicyAdminServiceClient(dial(a.t, a.Admin.String()))
	_, err := admin.GetPolicySet(a.headers(), &clientpolicyv1.GetPolicySetRequest{Realm: "enforce"})
	a.refusal("stranger", err)
	own := a.token
	a.token = a.secret("wrong token")
	a.problem("stranger", "/v1/realms/enforce:evaluate", []byte(`{"client":{"clientId":"`+a.secret("of a stranger")+`"}}`))
	a.token = own
	login := "grant_type=password&client_id=admin-cli&username=" + a.secret("login name") + "&password=" + a.secret("login password")
	text, _ := a.rest(a.t.Context(), http.MethodPost, "/realms/master/protocol/openid-connect/token", []byte(login))
	a.out.at("REST problems").Write(text)
	if token, err := os.ReadFile(c.BootstrapTokenFile); err != nil || strings.Contains(a.out.texts["log"].String(), strings.TrimSpace(string(token))) {
		a.t.Errorf("the log holds the bootstrap token, or there is none: %v", err)
	}
}

// read gathers what who may read the decision log is shown, in every form.
func (a *asking) read(realms []string) {
	a.t.Helper()
	to := a.out.at("answers to readers")
	for _, realm := range realms {
		to.Write(a.must(a.t, http.MethodGet, "/v1/realms/"+realm+"/decisions?pageSize=500", ""))
		to.Write(a.must(a.t, http.MethodGet, "/v1/realms/"+realm+"/decisions:export", ""))
	}
	to.Write(a.must(a.t, http.MethodGet, "/v1/auditRecords?pageSize=500", ""))
}
