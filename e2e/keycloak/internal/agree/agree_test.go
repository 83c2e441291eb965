package agree_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/agree"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/policyset"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/sidegate"
)

// decided returns the case of a dynamic registration under one executor.
func decided(t *testing.T, x policyset.Executor, status int, body string) agree.Case {
	t.Helper()
	engine, err := sidegate.NewEngine()
	if err != nil {
		t.Fatal(err)
	}
	realm, err := engine.Compile(policyset.Set{
		Profiles: []policyset.Profile{{Name: "p", Executors: []policyset.Executor{x}}},
		Policies: []policyset.Policy{{
			Name: "all", Enabled: true, Profiles: []string{"p"},
			Conditions: []policyset.Condition{{ID: "any-client", Configuration: map[string]any{}}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	d, err := realm.Decide("REGISTER", map[string]any{
		"proposedClient": map[string]any{"clientId": "c", "implicitFlowEnabled": false},
		"registration":   map[string]any{"channel": "CHANNEL_DCR_ANONYMOUS"},
	}, time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	answer := rest.Answer{Status: status, Body: []byte(body), Header: http.Header{}}
	return agree.Case{
		Kind: "register", Name: "c", Realm: realm, Decisions: []sidegate.Decision{d},
		Answer: answer, Seen: agree.JSONAnswer(answer),
	}
}

func TestJudge(t *testing.T) {
	off := map[string]any{"auto-configure": false}
	const forbidden = `{"error":"insufficient_scope","error_description":"invalid_client_metadata"}`
	for _, tt := range []struct {
		name   string
		x      policyset.Executor
		status int
		body   string
		want   agree.Verdict
		done   bool
	}{
		{"both reject", policyset.Executor{ID: "pkce-enforcer", Configuration: off}, 403, forbidden, agree.Same, true},
		{"another code", policyset.Executor{ID: "pkce-enforcer", Configuration: off}, 403,
			`{"error":"insufficient_scope","error_description":"invalid_request"}`, agree.Differs, true},
		{"another status", policyset.Executor{ID: "pkce-enforcer", Configuration: off}, 400, forbidden, agree.Differs, true},
		{"only sidegate rejects", policyset.Executor{ID: "pkce-enforcer", Configuration: off}, 201, `{}`, agree.Differs, true},
		{"both allow", policyset.Executor{ID: "reject-implicit-grant", Configuration: off}, 201, `{}`, 0, false},
		{"only keycloak rejects", policyset.Executor{ID: "reject-implicit-grant", Configuration: off}, 403, forbidden, agree.Differs, true},
		{"known crash", policyset.Executor{ID: "pkce-enforcer", Configuration: map[string]any{}}, 500, `{}`, agree.Known, true},
		{"unknown crash", policyset.Executor{ID: "pkce-enforcer", Configuration: off}, 500, `{}`, agree.Differs, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := decided(t, tt.x, tt.status, tt.body)
			got, done := c.Judge()
			if got.Verdict != tt.want || done != tt.done {
				t.Fatalf("got %v %v %s, want %v %v", got.Verdict, done, got.Why, tt.want, tt.done)
			}
			if tt.want != agree.Differs {
				return
			}
			if len(got.Vectors) != 1 || strings.Contains(string(got.Vectors[0]), "no vector") {
				t.Errorf("got vectors %s, want one", got.Vectors)
			}
		})
	}
}

func TestCompareClients(t *testing.T) {
	got := map[string]any{
		"id": "1", "secret": "a", "redirectUris": []any{"b", "a"}, "consentRequired": true, "webOrigins": []any{},
		"attributes": map[string]any{"client.secret.creation.time": "1", "client.secret.expiration.time": "1000", "x": "1"},
	}
	same := map[string]any{
		"id": "2", "redirectUris": []any{"a", "b"}, "consentRequired": true,
		"attributes": map[string]any{"client.secret.expiration.time": "1010", "x": "1"},
	}
	if differences, _, _ := agree.CompareClients(got, same); len(differences) > 0 {
		t.Errorf("got %v, want no difference", differences)
	}
	other := map[string]any{
		"redirectUris": []any{"a"}, "consentRequired": true, "bearerOnly": false,
		"attributes": map[string]any{"client.secret.expiration.time": "9000", "x": "1", "y": "2"},
	}
	differences, members, absent := agree.CompareClients(got, other)
	if len(differences) != 4 {
		t.Errorf("got %v, want 4 differences", differences)
	}
	if _, ok := members["redirectUris"]; !ok || sidegate.Attributes(members)["client.secret.expiration.time"] != "1000" {
		t.Errorf("got members %v", members)
	}
	if strings.Join(absent, " ") != "/bearerOnly /attributes/y" {
		t.Errorf("got absent %v", absent)
	}
}

func TestTally(t *testing.T) {
	var tally agree.Tally
	for _, r := range []agree.Result{
		{Kind: "a", Verdict: agree.Same}, {Kind: "a", Verdict: agree.Same, Rejected: true, Rejecter: "x"},
		{Kind: "b", Verdict: agree.Differs}, {Kind: "b", Verdict: agree.Known, Why: "why"}, {Kind: "b", Verdict: agree.Refused},
		{Kind: "b"}, // without a verdict: no agreement
	} {
		tally.Add(r)
	}
	if same, compared := tally.Compared(); same != 2 || compared != 4 {
		t.Errorf("got %d of %d, want 2 of 4", same, compared)
	}
	if !strings.Contains(tally.Table(), "1 x why") || !strings.Contains(tally.Executors(), "x ") {
		t.Errorf("got\n%s%s", tally.Table(), tally.Executors())
	}
}
