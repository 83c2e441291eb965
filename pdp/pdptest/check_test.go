package pdptest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp/pdptest"
)

const rejected = `{"decision": "DECISION_REJECT", "reason": "REASON_POLICY",
	"error": {"code": "invalid_request", "description": "d", "httpStatus": 400, "delivery": "DELIVERY_PAGE"},
	"wireError": {"code": "server_error", "httpStatus": 500, "delivery": "DELIVERY_DIRECT"},
	"findings": [{"policy": "p", "executor": "x", "enforced": true}, {"policy": "q", "executor": "y"}],
	"appliedPolicies": ["p", "q"]}`

const allowed = `{"decision": "DECISION_ALLOW", "reason": "REASON_POLICIES_PASSED", "appliedPolicies": ["p", "q"],
	"client": {"clientId": "c", "name": "", "enabled": false, "notBefore": 7, "redirectUris": ["a", "b"], "attributes": {"x": "1", "e": "", "a/b~c": "2"},
		"protocolMappers": [{"config": {"l": [], "n": 1.5}, "name": "m"}]},
	"mutations": [{"op": "OP_SET", "target": "TARGET_PROPOSED", "path": "/attributes/x", "value": "1", "policy": "p"},
		{"op": "OP_REMOVE", "target": "TARGET_STORED", "path": "/name", "previous": {"a": {"b": [1, {"c": null}], "d": 1800000300}}}],
	"proposedMutations": [{"op": "OP_SET", "path": "/enabled", "value": true}],
	"obligations": [{"suppressRefreshToken": {}}, {"dpopBindRefreshTokenOnly": {}, "policy": "p"}, {"suppressRefreshToken": {}}]}`

const untouched = `{"decision": "DECISION_ALLOW", "client": {"clientId": "c"}}`

// checks holds for each member of `want` answers that agree and answers that
// differ, with the word that tells where.
var checks = []struct {
	member, value, response, differs string
}{
	{"decision", `"DECISION_ALLOW"`, allowed, ""},
	{"decision", `"DECISION_REJECT"`, rejected, ""},
	{"decision", `"DECISION_ALLOW"`, rejected, "decision: got DECISION_REJECT (invalid_request: d), want DECISION_ALLOW"},
	{"decision", `"DECISION_REJECT"`, allowed, "decision: got DECISION_ALLOW"},
	{"decision", `"DECISION_REJECT"`, `{}`, "decision: got DECISION_UNSPECIFIED"},
	{"reason", `"REASON_POLICY"`, rejected, ""},
	{"reason", `"REASON_FAULT"`, rejected, "reason: got \"REASON_POLICY\""},
	{"error", `{"code": "invalid_request"}`, rejected, ""},
	{"error", `{"code": "invalid_request", "httpStatus": 400, "delivery": "DELIVERY_PAGE"}`, rejected, ""},
	{"error", `{"code": "invalid_client"}`, rejected, `error/code: got "invalid_request", want "invalid_client"`},
	{"error", `{"httpStatus": 401}`, rejected, "error/httpStatus: got 400, want 401"},
	{"error", `{"delivery": "DELIVERY_DIRECT"}`, rejected, "error/delivery"},
	{"error", `{"code": "x"}`, allowed, "error: got nothing"},
	{"error", `{}`, allowed, "error: got nothing"},
	{"error", `{"httpStatus": 0}`, `{"error": {}}`, ""},
	{"wireError", `{"code": "server_error", "httpStatus": 500, "delivery": "DELIVERY_DIRECT"}`, rejected, ""},
	{"wireError", `{"code": "invalid_request"}`, rejected, "wireError/code"},
	{"wireError", `{"httpStatus": 400}`, rejected, "wireError/httpStatus"},
	{"wireError", `{"delivery": "DELIVERY_PAGE"}`, rejected, "wireError/delivery"},
	{"wireError", `{}`, allowed, "wireError: got nothing"},
	{"client", `{}`, allowed, ""},
	{"client", `{"clientId": "c", "enabled": false, "name": "", "notBefore": 7.0}`, allowed, ""},
	{"client", `{"redirectUris": ["a", "b"], "attributes": {"x": "1"}, "webOrigins": [], "attributes": {"e": ""}}`, allowed, "load"},
	{"client", `{"redirectUris": ["a", "b"], "attributes": {"e": ""}, "webOrigins": [], "type": null}`, allowed, ""},
	{"client", `{"protocolMappers": [{"name": "m", "config": {"n": 1.5, "l": []}}]}`, allowed, ""},
	{"client", `{"protocolMappers": [{"name": "m"}]}`, allowed, "client/protocolMappers"},
	{"client", `{"protocolMappers": [{"name": "m", "config": {"n": 1.6, "l": []}}]}`, allowed, "client/protocolMappers"},
	{"client", `{"clientId": "d"}`, allowed, "client/clientId"},
	{"client", `{"name": null}`, allowed, "client/name"},
	{"client", `{"enabled": true}`, allowed, "client/enabled"},
	{"client", `{"publicClient": false}`, allowed, "client/publicClient: got nothing"},
	{"client", `{"notBefore": 8}`, allowed, "client/notBefore"},
	{"client", `{"redirectUris": ["a"]}`, allowed, "client/redirectUris"},
	{"client", `{"redirectUris": ["b", "a"]}`, allowed, "client/redirectUris"},
	{"client", `{"redirectUris": []}`, allowed, "client/redirectUris"},
	{"client", `{"webOrigins": ["+"]}`, allowed, "client/webOrigins"},
	{"client", `{"attributes": {"x": "2"}}`, allowed, "client/attributes/x"},
	{"client", `{"attributes": {"y": ""}}`, allowed, "client/attributes/y"},
	{"client", `{"extra": {"a": 1}}`, allowed, "client/extra: got nothing"},
	{"client", `{}`, rejected, "client: got nothing"},
	{"absent", `["/attributes/y", "/attributes/e", "/name", "/type", "/webOrigins", "/redirectUris/2", "/redirectUris/x", "/clientId/a", "/protocolMappers/0/config/l"]`, allowed, ""},
	{"absent", `["/attributes/x"]`, allowed, `absent: /attributes/x is "1"`},
	{"absent", `["/attributes/a~1b~0c"]`, allowed, `absent: /attributes/a~1b~0c is "2"`},
	{"absent", `["/redirectUris/1"]`, allowed, "absent: /redirectUris/1"},
	{"absent", `["/redirectUris"]`, allowed, "absent: /redirectUris"},
	{"absent", `["/enabled"]`, allowed, "absent: /enabled is false"},
	{"absent", `["/type"]`, rejected, "absent: the answer has no client"},
	{"unchanged", `true`, untouched, ""},
	{"unchanged", `true`, `{"mutations": [{"path": "/x"}]}`, `unchanged: got mutation {`},
	{"unchanged", `true`, `{"proposedMutations": [{"path": "/x"}]}`, `unchanged: got proposed mutation {`},
	{"obligations", `["dpopBindRefreshTokenOnly", "suppressRefreshToken"]`, allowed, ""},
	{"obligations", `[]`, untouched, ""},
	{"obligations", `["suppressRefreshToken"]`, allowed, "obligations"},
	{"obligations", `["dpopBindRefreshTokenOnly", "suppressRefreshToken", "restrictScopes"]`, allowed, "obligations"},
	{"obligations", `[]`, allowed, "obligations"},
	{"obligations", `["restrictScopes"]`, untouched, "obligations: got []"},
	{"obligations", `[]`, `{"obligations": [{"policy": "p"}]}`, "(none set)"},
	{"appliedPolicies", `["p", "q"]`, allowed, ""},
	{"appliedPolicies", `[]`, untouched, ""},
	{"appliedPolicies", `["q", "p"]`, allowed, "appliedPolicies"},
	{"appliedPolicies", `["p"]`, allowed, "appliedPolicies"},
	{"appliedPolicies", `[]`, allowed, "appliedPolicies"},
	{"appliedPolicies", `["p"]`, untouched, "appliedPolicies"},
	{"findings", `[{"policy": "p"}, {"executor": "y", "enforced": false, "field": ""}]`, rejected, ""},
	{"findings", `[]`, allowed, ""},
	{"findings", `[{"policy": "p"}]`, rejected, "findings: got 2, want 1"},
	{"findings", `[]`, rejected, "findings: got 2, want 0"},
	{"findings", `[{"policy": "q"}, {"policy": "p"}]`, rejected, "findings/0/policy"},
	{"findings", `[{}, {"enforced": true}]`, rejected, "findings/1/enforced"},
	{"mutations", `[{"op": "OP_SET", "target": "TARGET_PROPOSED", "value": "1", "previous": null}, {"path": "/name", "previous": {"a": {"b": [1.0, {"c": null}], "d": "@now+300"}}}]`, allowed, ""},
	{"mutations", `[]`, untouched, ""},
	{"mutations", `[{}, {"previous": {"a": {"b": [1.0, {}]}}}]`, allowed, "mutations/1/previous/a/b"},
	{"mutations", `[{}, {"previous": null}]`, allowed, "mutations/1/previous"},
	{"mutations", `[{"value": "1"}]`, allowed, "mutations: got 2, want 1"},
	{"mutations", `[{"value": 1}, {}]`, allowed, "mutations/0/value"},
	{"mutations", `[{"op": "OP_REMOVE"}, {}]`, allowed, "mutations/0/op"},
	{"proposedMutations", `[{"path": "/enabled", "value": true}]`, allowed, ""},
	{"proposedMutations", `[]`, untouched, ""},
	{"proposedMutations", `[]`, allowed, "proposedMutations: got 1"},
	{"proposedMutations", `[{"value": "true"}]`, allowed, "proposedMutations/0/value"},
}

func TestCheck(t *testing.T) {
	for _, tt := range checks {
		t.Run(tt.member+" "+tt.value, func(t *testing.T) {
			if tt.differs == "load" {
				refuses(t, oneCase(anyRequest+`, "want": {"`+tt.member+`": `+tt.value+`}`), []string{"duplicate member"})
				return
			}
			c := mustLoad(t, anyRequest+`, "want": {"`+tt.member+`": `+tt.value+`}`)
			differs(t, pdptest.Check(c, answer(t, tt.response), nil), tt.differs)
		})
	}
}

func answer(t *testing.T, text string) *clientpolicyv1.EvaluateResponse {
	t.Helper()
	r := &clientpolicyv1.EvaluateResponse{}
	if err := protojson.Unmarshal([]byte(text), r); err != nil {
		t.Fatal(err)
	}
	return r
}

// differs demands no difference, or one that starts with or holds the words.
func differs(t *testing.T, got []string, words string) {
	t.Helper()
	switch {
	case words == "" && len(got) > 0:
		t.Errorf("got %q, want agreement", got)
	case words != "" && !strings.Contains(strings.Join(got, "\n"), words):
		t.Errorf("got %q, want %q", got, words)
	}
}

// TestCheckCoversEveryMember keeps a member from being read and never checked.
func TestCheckCoversEveryMember(t *testing.T) {
	agree, differ := map[string]bool{"status": true}, map[string]bool{"status": true} // TestCheckStatus
	for _, tt := range checks {
		if tt.differs == "" {
			agree[tt.member] = true
		} else if tt.differs != "load" {
			differ[tt.member] = true
		}
	}
	contract := []string{"absent", "appliedPolicies", "client", "decision", "error", "findings", "mutations",
		"obligations", "proposedMutations", "reason", "status", "unchanged", "wireError"}
	if got := pdptest.WantNames(); !slices.Equal(got, contract) {
		t.Errorf("members of want: got %v, want %v", got, contract)
	}
	for _, name := range pdptest.WantNames() {
		if !agree[name] || !differ[name] {
			t.Errorf("%s: lacks a case that agrees (%t) or one that differs (%t)", name, agree[name], differ[name])
		}
	}
}

func TestCheckStatus(t *testing.T) {
	refused := status.Error(codes.InvalidArgument, "client: required")
	for _, tt := range []struct {
		want    string
		resp    *clientpolicyv1.EvaluateResponse
		err     error
		differs string
	}{
		{"INVALID_ARGUMENT", nil, refused, ""},
		{"INVALID_ARGUMENT", nil, fmt.Errorf("evaluate: %w", refused), ""},
		{"UNAUTHENTICATED", nil, status.Error(codes.Unauthenticated, "x"), ""},
		{"CANCELLED", nil, status.Error(codes.Canceled, "x"), ""},
		{"UNKNOWN", nil, status.Error(codes.Unknown, "x"), ""},
		{"NOT_FOUND", nil, refused, "status: got rpc error: code = InvalidArgument"},
		{"UNKNOWN", nil, errors.New("broken pipe"), "status: got broken pipe, want UNKNOWN"},
		{"UNKNOWN", nil, status.Error(99, "x"), "want UNKNOWN"},
		{"INVALID_ARGUMENT", answer(t, rejected), nil, "status: got an answer (DECISION_REJECT)"},
		{"INVALID_ARGUMENT", nil, nil, "status: got an answer"},
	} {
		c := mustLoad(t, anyRequest+`, "want": {"status": "`+tt.want+`"}`)
		differs(t, pdptest.Check(c, tt.resp, tt.err), tt.differs)
	}
}

func TestCheckNoAnswer(t *testing.T) {
	for _, member := range checks {
		if member.differs == "load" {
			continue
		}
		c := mustLoad(t, anyRequest+`, "want": {"`+member.member+`": `+member.value+`}`)
		differs(t, pdptest.Check(c, nil, errors.New("boom")), "call: got error boom")
		differs(t, pdptest.Check(c, answer(t, member.response), errors.New("boom")), "call: got error boom")
		differs(t, pdptest.Check(c, nil, nil), "call: got neither")
	}
	differs(t, pdptest.Check(&pdptest.Case{}, answer(t, allowed), nil), "checks nothing")
}

func TestCheckReportsEveryDifference(t *testing.T) {
	c := mustLoad(t, anyRequest+`, "want": {"decision": "DECISION_ALLOW", "appliedPolicies": [], "unchanged": true,
		"client": {"clientId": "x", "attributes": {"x": "2"}}}`)
	got := strings.Join(pdptest.Check(c, answer(t, allowed), nil), "\n")
	for _, w := range []string{"appliedPolicies", "client/clientId", "client/attributes/x", "unchanged"} {
		if !strings.Contains(got, w) {
			t.Errorf("differences lack %q:\n%s", w, got)
		}
	}
}

// TestCheckUnreadableClient keeps a client without a JSON form from passing for an empty one.
func TestCheckUnreadableClient(t *testing.T) {
	c := mustLoad(t, anyRequest+`, "want": {"absent": ["/name"], "client": {}}`)
	bad := "\xff"
	resp := &clientpolicyv1.EvaluateResponse{Client: &clientpolicyv1.Client{Name: &bad}}
	got := pdptest.Check(c, resp, nil)
	differs(t, got, "absent: the answer has no client that can be read")
	differs(t, got, "client: got \"(no JSON form")
}

// TestUnchangedUnderWarn shows that a case may say itself what WARN would change.
func TestUnchangedUnderWarn(t *testing.T) {
	c := mustLoad(t, anyRequest+`, "want": {"unchanged": true, "proposedMutations": [{"path": "/x"}]}`)
	differs(t, pdptest.Check(c, answer(t, `{"proposedMutations": [{"path": "/x"}]}`), nil), "")
	differs(t, pdptest.Check(c, answer(t, `{"proposedMutations": [{"path": "/y"}]}`), nil), "proposedMutations/0/path")
	both := `{"mutations": [{"path": "/x"}], "proposedMutations": [{"path": "/x"}]}`
	differs(t, pdptest.Check(c, answer(t, both), nil), "unchanged: got mutation")
}
