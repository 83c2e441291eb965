package executors_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/proto"
)

const (
	intentEndpoint = "https://intents.example/check?key=hunter2"
	intentClaims   = `{"id_token":{"openbanking_intent_id":{"essential":true,"value":"<i-1> & \"ü\""}}}`
)

func intentRealm(t *testing.T, settings *pb.RealmSettings) *pdp.Realm {
	t.Helper()
	return realmOf(t, settings, "intent-client-bind-checker", map[string]any{
		"intent-client-bind-check-endpoint": intentEndpoint, "intent-name": "openbanking_intent_id",
	})
}

func intentRequest(claims string) *pb.EvaluateRequest {
	return &pb.EvaluateRequest{
		Event: pdp.AuthorizationRequest, Client: &pb.Client{ClientId: proto.String("shop")},
		Request: &pb.OAuthRequest{Parameters: map[string]string{"claims": claims}},
	}
}

// verdict is what a decision came to, in short.
func verdict(resp *pb.EvaluateResponse) string {
	if resp.Decision == pb.EvaluateResponse_DECISION_ALLOW {
		return "allow"
	}
	return strings.TrimPrefix(resp.Reason.String(), "REASON_") + " " + resp.Error.GetCode()
}

// TestIntentAnswers shows what counts as a yes: under SAFE status 200 and the JSON
// value true alone, under KEYCLOAK also what that takes for true. Nothing else passes.
func TestIntentAnswers(t *testing.T) {
	const allow, refuse, fault = "allow", "POLICY invalid_request", "FAULT server_error"
	for _, c := range []struct {
		name        string
		status      int
		answer      string
		err         error
		safe, loose string
	}{
		{"true", 200, `{"is_bound":true}`, nil, allow, allow},
		{"true with blanks", 200, " {\n\"is_bound\" : true }\n", nil, allow, allow},
		{"false", 200, `{"is_bound":false}`, nil, refuse, refuse},
		{"no status", 0, `{"is_bound":true}`, nil, refuse, refuse},
		{"created", 201, `{"is_bound":true}`, nil, refuse, refuse},
		{"no content", 204, ``, nil, refuse, refuse},
		{"redirect", 302, `{"is_bound":true}`, nil, refuse, refuse},
		{"not found", 404, `{"is_bound":true}`, nil, refuse, refuse},
		{"failed", 500, `{"is_bound":true}`, nil, refuse, refuse},
		{"failed, false", 500, `{"is_bound":false}`, nil, refuse, refuse},
		{"empty", 200, ``, nil, refuse, refuse},
		{"not JSON", 200, `true!`, nil, refuse, refuse},
		{"page", 200, `<html>{"is_bound":true}</html>`, nil, refuse, refuse},
		{"bare true", 200, `true`, nil, refuse, refuse},
		{"null", 200, `null`, nil, refuse, refuse},
		{"list", 200, `[{"is_bound":true}]`, nil, refuse, refuse},
		{"cut off", 200, `{"is_bound":true`, nil, refuse, refuse},
		{"two answers", 200, `{"is_bound":true}{"is_bound":true}`, nil, refuse, refuse},
		{"two members of a name", 200, `{"is_bound":false,"is_bound":true}`, nil, refuse, refuse},
		{"extra member", 200, `{"is_bound":true,"x":1}`, nil, refuse, refuse},
		{"missing", 200, `{}`, nil, refuse, refuse},
		{"another letter case", 200, `{"Is_Bound":true}`, nil, refuse, refuse},
		{"member null", 200, `{"is_bound":null}`, nil, refuse, refuse},
		{"text true", 200, `{"is_bound":"true"}`, nil, refuse, allow},
		{"text TRUE", 200, `{"is_bound":"TRUE"}`, nil, refuse, allow},
		{"text false", 200, `{"is_bound":"false"}`, nil, refuse, refuse},
		{"text tRuE", 200, `{"is_bound":"tRuE"}`, nil, refuse, refuse},
		{"text yes", 200, `{"is_bound":"yes"}`, nil, refuse, refuse},
		{"empty text", 200, `{"is_bound":""}`, nil, refuse, refuse},
		{"one", 200, `{"is_bound":1}`, nil, refuse, allow},
		{"zero", 200, `{"is_bound":0}`, nil, refuse, refuse},
		{"a half", 200, `{"is_bound":0.5}`, nil, refuse, refuse},
		{"list of true", 200, `{"is_bound":[true]}`, nil, refuse, refuse},
		{"object", 200, `{"is_bound":{}}`, nil, refuse, refuse},
		{"no connection", 0, ``, errors.New("dial: refused"), refuse, refuse},
		{"an answer beside an error", 200, `{"is_bound":true}`, errors.New("cut off"), refuse, refuse},
		{"offline", 0, ``, pdp.ErrOffline, fault, fault},
		{"offline, wrapped", 200, `{"is_bound":true}`, fmt.Errorf("replay: %w", pdp.ErrOffline), fault, fault},
	} {
		ask := func(string, []byte) (int, []byte, error) { return c.status, []byte(c.answer), c.err }
		for settings, want := range map[*pb.RealmSettings]string{safe: c.safe, keycloak: c.loose} {
			resp := decide(t, intentRealm(t, settings), pdp.Env{Ask: ask}, intentRequest(intentClaims))
			if got := verdict(resp); got != want {
				t.Errorf("%s, %s: got %s, want %s", c.name, settings, got, want)
			}
			if text := fmt.Sprint(resp.Findings, resp.Error); strings.Contains(text, "hunter2") || strings.Contains(text, "i-1") {
				t.Errorf("%s: the answer tells the endpoint or the intent: %s", c.name, text)
			}
		}
	}
}

// TestIntentQuestion shows what is asked, and of whom.
func TestIntentQuestion(t *testing.T) {
	var endpoints []string
	var question map[string]any
	resp := decide(t, intentRealm(t, safe), pdp.Env{Ask: func(endpoint string, body []byte) (int, []byte, error) {
		endpoints = append(endpoints, endpoint)
		if err := json.Unmarshal(body, &question); err != nil {
			t.Errorf("question %q: %v", body, err)
		}
		return 200, []byte(`{"is_bound":true}`), nil
	}}, intentRequest(intentClaims))
	if got := verdict(resp); got != "allow" {
		t.Errorf("got %s, want allow", got)
	}
	if diff := cmp.Diff([]string{intentEndpoint}, endpoints); diff != "" {
		t.Errorf("endpoints asked (-want +got):\n%s", diff)
	}
	want := map[string]any{"intent_id": `<i-1> & "ü"`, "client_id": "shop"}
	if diff := cmp.Diff(want, question); diff != "" {
		t.Errorf("question (-want +got):\n%s", diff)
	}
}

// TestIntentNotAsked shows that nothing leaves the process for a request that is
// refused anyhow, or that lacks a fact.
func TestIntentNotAsked(t *testing.T) {
	withoutID := intentRequest(intentClaims)
	withoutID.Client = &pb.Client{}
	omitted := intentRequest(intentClaims)
	omitted.Client, omitted.Omitted = &pb.Client{}, []string{"/client/clientId"}
	for name, c := range map[string]struct {
		req  *pb.EvaluateRequest
		want string
	}{
		"no claims":     {intentRequest(""), "POLICY invalid_request"},
		"not essential": {intentRequest(`{"id_token":{"openbanking_intent_id":{"value":"i-1"}}}`), "POLICY invalid_request"},
		"no client id":  {withoutID, "POLICY invalid_request"},
		"id omitted":    {omitted, "FAULT server_error"},
	} {
		resp := decide(t, intentRealm(t, safe), pdp.Env{Ask: func(string, []byte) (int, []byte, error) {
			t.Errorf("%s: the endpoint was asked", name)
			return 200, []byte(`{"is_bound":true}`), nil
		}}, c.req)
		if got := verdict(resp); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	if got := verdict(decide(t, intentRealm(t, safe), pdp.Env{}, intentRequest(intentClaims))); got != "FAULT server_error" {
		t.Errorf("nobody to ask: got %s, want a fault", got)
	}
}
