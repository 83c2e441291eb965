package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/gateway"
)

func TestNewRefuses(t *testing.T) {
	_, conn := connect(t)
	for _, l := range []*pb.Limits{nil, {}, {DecisionMessageBytes: 1, DocumentBytes: 1}, {DecisionMessageBytes: 1, Depth: 1}, {DocumentBytes: 1, Depth: 1}, {DecisionMessageBytes: -1, DocumentBytes: 1, Depth: 1}} {
		if _, err := gateway.New(conn, gateway.Options{Limits: l}); !errors.Is(err, gateway.ErrLimits) {
			t.Errorf("%v: got %v", l, err)
		}
	}
}

func TestContentType(t *testing.T) {
	f, r := serve(t, options())
	for value, want := range map[string]int{
		"application/json": 200, "application/json; charset=utf-8": 200, "Application/JSON;charset=UTF-8": 200, `application/json; charset="utf-8"`: 200,
		"": 415, "text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415, "application/merge-patch+json": 415,
		"application/json; charset=utf-16": 415, "application/json; version=1": 415, "application/json, text/plain": 415, "json": 415, "application/jsonx": 415,
	} {
		for _, route := range []string{"POST /v1/realms/r:evaluate", "POST /v1/realms", "PUT /v1/realms/r/policySet", "PATCH /v1/realms/r"} {
			method, path, _ := strings.Cut(route, " ")
			if a := r.do(t, method, path, "{}", "Content-Type", value, "X-Sidegate-Revision", "1"); a.status != want {
				t.Errorf("%s %q: got %d, want %d", route, value, a.status, want)
			} else if want == 415 {
				refused(t, a, 415)
			}
		}
	}
	refused(t, r.do(t, "POST", "/v1/realms", "{}", "Content-Encoding", "gzip"), 415)
	accepted(t, r.do(t, "POST", "/v1/realms", "{}", "Content-Encoding", "identity"))
	f.all()
	// Two types, of which one would do.
	req, _ := http.NewRequestWithContext(t.Context(), "POST", r.url+"/v1/realms", strings.NewReader("{}"))
	req.Header["Content-Type"] = []string{"application/json", "text/plain"}
	res, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 400 || len(f.all()) != 0 {
		t.Errorf("two types: got %d", res.StatusCode)
	}
}

func TestJSONProblem(t *testing.T) {
	f, r := serve(t, options())
	p := refused(t, r.do(t, "PUT", "/v1/realms/r/policySet", "{\"policies\":[\n {\"nme\":1},\n {\"enforcement\":2}]}"), 400)
	want := problem{
		Type: "tag:sidegate.dev,2026:invalid-document", Title: "The request is not valid", Status: 400, Reason: "INVALID_DOCUMENT",
		Detail: `line 2, column 3: /policies/0/nme: unknown member "nme"; did you mean "name"? (and 1 more)`,
		Line:   2, Column: 3,
		Violations: []violation{
			{"/policies/0/nme", `unknown member "nme"; did you mean "name"?`, 2, 3},
			{"/policies/1/enforcement", `expected the name of a value such as "ENFORCEMENT_AUDIT", got a number`, 3, 17},
		},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
	for body, text := range map[string]string{
		"[]":                 "expected an object",
		`{"requests":[]} {}`: "after the end",
		`{"requests":[{"event":"EVENT_VIEW","event":"EVENT_VIEW"}]}`:                                       "duplicate",
		`{"requests":[{"event":5}]}`:                                                                       "the name of a value",
		`{"requests":[{"externalFacts":{"a":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}}]}`: "nested deeper than 64",
		"\xef\xbb\xbf{}": "byte order mark",
		`{"requests":[{"externalFacts":{"a":1e999}}]}`: "double",
	} {
		if p := refused(t, r.do(t, "POST", "/v1/realms/r:batchEvaluate", body), 400); p.Line != 1 || !strings.Contains(p.Detail, text) {
			t.Errorf("%s: got %+v", body, p)
		}
	}
	// An empty body has a length of its own, and a type.
	for _, body := range []string{"", " "} {
		p := refused(t, r.stream(t, "POST", "/v1/realms", strings.NewReader(body)), 400)
		if !strings.Contains(p.Detail, "the body is empty") {
			t.Errorf("got %q", p.Detail)
		}
	}
	if calls := f.all(); len(calls) != 0 {
		t.Errorf("refused bodies reached %v", calls)
	}
}

func TestUnexpectedBody(t *testing.T) {
	f, r := serve(t, options())
	for _, body := range []io.Reader{strings.NewReader("{}"), io.MultiReader(strings.NewReader("{}"))} {
		p := refused(t, r.stream(t, "DELETE", "/v1/realms/r", body), 400)
		if !strings.Contains(p.Detail, "takes no body") {
			t.Errorf("got %q", p.Detail)
		}
	}
	if calls := f.all(); len(calls) != 0 {
		t.Errorf("got %v", calls)
	}
	accepted(t, r.stream(t, "DELETE", "/v1/realms/r", io.MultiReader(strings.NewReader(""))))
}

// padded is a JSON object of a size.
func padded(size int64) string { return "{}" + strings.Repeat(" ", int(size-2)) }

func TestSizeLimits(t *testing.T) {
	o := options()
	o.Limits.DocumentBytes = 2 << 20
	f, r := serve(t, o)
	for route, limit := range map[string]int64{
		"POST /v1/realms/r:evaluate":        decisionBytes,
		"POST /v1/realms/r:batchEvaluate":   2 << 20,
		"PUT /v1/realms/r/policySet":        2 << 20,
		"POST /v1/realms/r/profiles":        2 << 20,
		"PATCH /v1/realms/r":                2 << 20,
		"PUT /v1/realms/r/policies/a%2Fb:c": 2 << 20,
	} {
		method, path, _ := strings.Cut(route, " ")
		accepted(t, r.do(t, method, path, padded(limit)))
		f.only(t)
		p := refused(t, r.do(t, method, path, padded(limit+1)), 413)
		if p.Reason != "TOO_LARGE" || !strings.Contains(p.Detail, fmt.Sprint(limit)) {
			t.Errorf("%s: got %+v", route, p)
		}
		// Without a length said in advance.
		accepted(t, r.stream(t, method, path, io.MultiReader(strings.NewReader(padded(limit)))))
		f.only(t)
		refused(t, r.stream(t, method, path, io.MultiReader(strings.NewReader(padded(limit+1)))), 413)
		if calls := f.all(); len(calls) != 0 {
			t.Errorf("%s: past the limit came %v", route, calls)
		}
	}
}

func TestTooLargeIsReadOn(t *testing.T) {
	_, conn := connect(t)
	o := options()
	o.Limits.DocumentBytes = 1000
	h, err := gateway.New(conn, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, expect string
		length       int64
		sent, left   int
	}{
		{"with a length", "", 2000, 2000, 0},
		{"without", "", -1, 1500, 0},
		{"not for ever", "", 5000, 5000, 3000},
		{"asked first", "100-continue", 2000, 2000, 2000},
	} {
		body := strings.NewReader(padded(int64(tc.sent)))
		req := httptest.NewRequestWithContext(t.Context(), "PUT", "/v1/realms/r/policySet", io.NopCloser(body))
		req.ContentLength = tc.length
		req.Header.Set("Content-Type", "application/json")
		if tc.expect != "" {
			req.Header.Set("Expect", tc.expect)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != 413 || body.Len() != tc.left {
			t.Errorf("%s: got %d, %d bytes left", tc.name, w.Code, body.Len())
		}
	}
}

func TestServiceTooSmall(t *testing.T) {
	_, r := serve(t, options(), grpc.MaxRecvMsgSize(1000))
	p := refused(t, r.do(t, "POST", "/v1/realms", `{"name":"`+strings.Repeat("x", 2000)+`"}`), 413)
	if p.Reason != "TOO_LARGE" || strings.Contains(p.Detail, "grpc") {
		t.Errorf("got %+v", p)
	}
}

func TestLargeAnswer(t *testing.T) {
	f, r := serve(t, options())
	f.answers(func(context.Context, call) (proto.Message, error) {
		return &pb.GetPolicySetResponse{Document: &pb.PolicySet{Profiles: []*pb.Profile{{Name: strings.Repeat("x", 8<<20)}}}}, nil
	})
	a := r.do(t, "GET", "/v1/realms/r/policySet", "")
	accepted(t, a)
	if len(a.body) < 8<<20 {
		t.Errorf("got %d bytes", len(a.body))
	}
}

func TestTruncatedBody(t *testing.T) {
	f, r := serve(t, options())
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /v1/realms HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{}"); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, _ := io.ReadAll(conn)
	if len(got) > 0 && !strings.HasPrefix(string(got), "HTTP/1.1 400 ") {
		t.Errorf("got %q", got)
	}
	if calls := f.all(); len(calls) != 0 {
		t.Errorf("half a body reached %v", calls)
	}
}

func TestEmptyExecutors(t *testing.T) {
	f, r := serve(t, options())
	for _, tc := range []struct {
		method, path, body string
		want               proto.Message
		answer             string
	}{
		{"POST", "/v1/realms/r/profiles", `{"name":"p","executors":[]}`, &pb.Profile{Name: "p", EmptyMembers: []string{"executors"}}, `{"name":"p","executors":[]}`},
		{"PUT", "/v1/realms/r/profiles/p", `{"name":"p"}`, &pb.Profile{Name: "p"}, `{"name":"p"}`},
		{"PUT", "/v1/realms/r/profiles/p", `{"name":"p","executors":null}`, &pb.Profile{Name: "p"}, `{"name":"p"}`},
		{"PUT", "/v1/realms/r/policySet", `{"profiles":[{"name":"a"},{"name":"b","executors":[]}]}`,
			&pb.PolicySet{Profiles: []*pb.Profile{{Name: "a"}, {Name: "b", EmptyMembers: []string{"executors"}}}},
			`{"profiles":[{"name":"a"},{"name":"b","executors":[]}],"policies":[]}`},
	} {
		a := r.do(t, tc.method, tc.path, tc.body, "X-Sidegate-Revision", "1")
		accepted(t, a)
		req := f.only(t).req.ProtoReflect()
		got := req.Get(req.Descriptor().Fields().ByName("document")).Message().Interface()
		if diff := cmp.Diff(tc.want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s: %s", tc.body, diff)
		}
		if a.body != tc.answer+"\n" {
			t.Errorf("%s: got %s, want %s", tc.body, a.body, tc.answer)
		}
	}
	refused(t, r.do(t, "POST", "/v1/realms/r/profiles", `{"emptyMembers":["executors"]}`), 400)
}

func TestAnswers(t *testing.T) {
	f, r := serve(t, options())
	for path, want := range map[string]string{
		"/v1/realms":             `{"realms":[],"nextPageToken":"","totalSize":0}`,
		"/v1/realms/r/profiles":  `{"profiles":[],"nextPageToken":"","totalSize":0,"revision":"0"}`,
		"/v1/realms/r/policies":  `{"policies":[],"nextPageToken":"","totalSize":0,"revision":"0"}`,
		"/v1/realms/r/policySet": `{"profiles":[],"policies":[]}`,
		"/v1/realms/r":           `{}`,

		"/v1/realms/r/revisions":        `{"revisions":[],"nextPageToken":"","totalSize":0,"revision":"0"}`,
		"/v1/realms/r/revisions/7":      `{}`,
		"/v1/realms/r/revisions/7:diff": `{"revision":"0","other":"0","changes":[]}`,
		"/v1/catalogue/executors":       `{"executors":[],"nextPageToken":"","totalSize":0}`,
		"/v1/catalogue/executors/x":     `{"events":[],"specifications":[]}`,
		"/v1/catalogue/conditions":      `{"conditions":[],"nextPageToken":"","totalSize":0}`,
		"/v1/catalogue/conditions/x":    `{"events":[],"specifications":[]}`,
		"/v1/catalogue/events":          `{"events":[],"nextPageToken":"","totalSize":0}`,
		"/v1/catalogue/events/x":        `{"executors":[],"conditions":[],"requiredFacts":[],"specifications":[]}`,
		"/v1/catalogue/profiles":        `{"profiles":[],"nextPageToken":"","totalSize":0}`,
		"/v1/catalogue/profiles/x":      `{}`,
		"/v1/realms/r/decisions":        `{"decisions":[],"nextPageToken":"","totalSize":0,"revision":"0"}`,
		"/v1/realms/r/decisions/x":      `{}`,
		"/v1/auditRecords":              `{"auditRecords":[],"nextPageToken":"","totalSize":0}`,
	} {
		a := r.do(t, "GET", path, "")
		accepted(t, a)
		if a.body != want+"\n" {
			t.Errorf("%s: got %s, want %s", path, a.body, want)
		}
		if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Length") != fmt.Sprint(len(a.body)) {
			t.Errorf("%s: headers %v", path, a.header)
		}
	}
	for path, want := range map[string]string{
		"/v1/realms/r/decisions/x:replay": `{"revision":"0","differs":false,"caveats":[]}`,
	} {
		a := r.do(t, "POST", path, "")
		accepted(t, a)
		if a.body != want+"\n" {
			t.Errorf("%s: got %s, want %s", path, a.body, want)
		}
	}
	if a := r.do(t, "POST", "/v1/realms/r/decisions:erase", `{"clientId":"c"}`); a.body != `{"erased":"0"}`+"\n" {
		t.Errorf("erase: got %s", a.body)
	}
	f.answers(func(context.Context, call) (proto.Message, error) {
		return &pb.EvaluateResponse{Decision: pb.EvaluateResponse_DECISION_ALLOW, Reason: pb.EvaluateResponse_REASON_NO_POLICY_APPLIED, Revision: 7, DecisionId: "d"}, nil
	})
	a := r.do(t, "POST", "/v1/realms/r:evaluate", `{"event":"EVENT_VIEW"}`)
	if want := `{"decision":"DECISION_ALLOW","reason":"REASON_NO_POLICY_APPLIED","revision":"7","decisionId":"d"}` + "\n"; a.body != want {
		t.Errorf("got %s, want %s", a.body, want)
	}
	// An answer without its document is no empty document.
	f.answers(func(context.Context, call) (proto.Message, error) { return &pb.GetPolicySetResponse{}, nil })
	refused(t, r.do(t, "GET", "/v1/realms/r/policySet", ""), 500)
}

func TestAdmit(t *testing.T) {
	o := options()
	o.Admit = func(r *http.Request) error {
		if r.Header.Get("Authorization") == "" {
			return status.Error(codes.Unauthenticated, "send a bearer token")
		}
		return nil
	}
	f, r := serve(t, o)
	// The body is not read: nobody complains about it.
	a := r.do(t, "PUT", "/v1/realms/r/policySet", "not JSON")
	if p := refused(t, a, 401); p.Detail != "send a bearer token" || a.header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("got %+v", p)
	}
	if calls := f.all(); len(calls) != 0 {
		t.Errorf("got %v", calls)
	}
	accepted(t, r.do(t, "GET", "/v1/server", "", "Authorization", "Bearer x"))
}
