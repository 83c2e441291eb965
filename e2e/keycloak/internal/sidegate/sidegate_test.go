package sidegate_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/generate"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/policyset"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/sidegate"
)

// TestGeneratedSetsCompile demands that Sidegate takes whatever is generated, and
// that the same seed gives the same sets.
func TestGeneratedSetsCompile(t *testing.T) {
	engine, err := sidegate.NewEngine()
	if err != nil {
		t.Fatal(err)
	}
	for stream, draw := range map[string]func(generate.Random, int) (policyset.Set, error){
		"writes": generate.WriteSet, "requests": generate.RequestSet,
	} {
		for n := range 150 {
			set, err := draw(generate.NewRandom(7, stream, n), n)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := engine.Compile(set); err != nil {
				t.Errorf("%s %d: %v", stream, n, err)
			}
			if again, err := draw(generate.NewRandom(7, stream, n), n); err != nil || !reflect.DeepEqual(set, again) {
				t.Errorf("%s %d: the same seed gives another set: %v", stream, n, err)
			}
		}
	}
}

// rejectAll is a set that refuses everything.
var rejectAll = policyset.Set{
	Profiles: []policyset.Profile{{Name: "p", Executors: []policyset.Executor{{ID: "reject-request", Configuration: map[string]any{}}}}},
	Policies: []policyset.Policy{{
		Name: "all", Enabled: true, Profiles: []string{"p"},
		Conditions: []policyset.Condition{{ID: "any-client", Configuration: map[string]any{}}},
	}},
}

func TestDecideAndVector(t *testing.T) {
	engine, err := sidegate.NewEngine()
	if err != nil {
		t.Fatal(err)
	}
	realm, err := engine.Compile(rejectAll)
	if err != nil {
		t.Fatal(err)
	}
	d, err := realm.Decide("VIEW", map[string]any{"client": map[string]any{"clientId": "c"}}, time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	if d.Allowed() || d.GetError().GetCode() != "invalid_request" {
		t.Errorf("got %v, want a rejection with invalid_request", d.EvaluateResponse)
	}
	if ran := realm.Ran(d); len(ran) != 1 || ran[0].ID != "reject-request" {
		t.Errorf("ran %v, want reject-request", ran)
	}
	v, err := realm.Vector("v", d, sidegate.WantReject("invalid_request"))
	if err != nil || !json.Valid(v) {
		t.Errorf("vector %s: %v", v, err)
	}
	if _, err := realm.Vector("v", d, map[string]any{"no such member": true}); err == nil {
		t.Error("a want with an unknown member is no vector: want an error")
	}
}

func TestFactsHoldNoSecret(t *testing.T) {
	stored := map[string]any{
		"clientId": "c", "secret": "s", "registrationAccessToken": "t", "access": map[string]any{},
		"attributes": map[string]any{"client.secret.rotated": "r", "saml.signing.private.key": "k", "team": "blue"},
	}
	got := sidegate.Facts(stored, "special")
	want := map[string]any{
		"clientId": "c", "clientRoles": []string{"special"}, "attributes": map[string]any{"team": "blue"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(sidegate.Attributes(stored)) != 3 {
		t.Error("the stored client was changed")
	}
}

func TestApply(t *testing.T) {
	engine, err := sidegate.NewEngine()
	if err != nil {
		t.Fatal(err)
	}
	set := rejectAll
	set.Profiles = []policyset.Profile{{Name: "p", Executors: []policyset.Executor{
		{ID: "pkce-enforcer", Configuration: map[string]any{"auto-configure": true}},
		{ID: "consent-required", Configuration: map[string]any{"auto-configure": true}},
	}}}
	realm, err := engine.Compile(set)
	if err != nil {
		t.Fatal(err)
	}
	proposed := map[string]any{"clientId": "c"}
	d, err := realm.Decide("REGISTER", map[string]any{
		"proposedClient": proposed, "registration": map[string]any{"channel": "CHANNEL_DCR_ANONYMOUS"},
	}, time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"clientId": "c", "consentRequired": true, "attributes": map[string]any{"pkce.code.challenge.method": "S256"},
	}
	if got := sidegate.Apply(proposed, d.GetMutations()); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !sidegate.Mutates(d.GetMutations(), "/consentRequired") || sidegate.Mutates(d.GetMutations(), "/publicClient") {
		t.Errorf("mutations %v", d.GetMutations())
	}
}
