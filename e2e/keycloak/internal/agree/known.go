package agree

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/policyset"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/sidegate"
)

// rule names a known difference under which Keycloak answers otherwise than by its
// policies: by a crash, or by the code given. It holds when one of the executors
// ran on one of the events and the rest is true.
type rule struct {
	name      string
	code      string // the code of a refusal; empty: a crash
	executors []string
	events    []string
	holds     func(x policyset.Executor, d sidegate.Decision, ran []policyset.Executor) bool
}

var (
	writing = []string{"REGISTER", "UPDATE"}
	written = []string{"REGISTERED", "UPDATED"}
)

// rules are the crashes of Keycloak that Sidegate replaces by an answer, under
// their names in docs/differences.md, and what Keycloak contradicts itself in.
var rules = []rule{
	{
		name: "Δ1: auto-configure is missing",
		executors: []string{
			"pkce-enforcer", "holder-of-key-enforcer", "dpop-bind-enforcer", "reject-implicit-grant",
			"reject-ropc-grant", "consent-required", "full-scope-disabled",
		},
		events: writing,
		holds: func(x policyset.Executor, _ sidegate.Decision, _ []policyset.Executor) bool {
			v, ok := x.Configuration["auto-configure"]
			return !ok || v == nil || v == ""
		},
	},
	{
		name:      "Δ5: reject-implicit-grant without the field implicitFlowEnabled",
		executors: []string{"reject-implicit-grant"},
		events:    writing,
		holds: func(x policyset.Executor, d sidegate.Decision, _ []policyset.Executor) bool {
			proposed, _ := d.Request["proposedClient"].(map[string]any)
			_, sent := proposed["implicitFlowEnabled"]
			return !sent && !isTrue(x.Configuration["auto-configure"])
		},
	},
	{
		name:      "Δ9: SAML executors on dynamic registration or a new secret",
		executors: []string{"saml-avoid-redirect", "saml-signature-enforcer", "saml-secure-client-uris"},
		events:    written,
		holds: func(_ policyset.Executor, d sidegate.Decision, _ []policyset.Executor) bool {
			r, _ := d.Request["registration"].(map[string]any)
			return r["channel"] != "CHANNEL_ADMIN" || r["operation"] == "OPERATION_SECRET_REGENERATION"
		},
	},
	{
		name:      "secret-rotation: an update without attributes rotates",
		executors: []string{"secret-rotation"},
		events:    []string{"UPDATED"},
		holds: func(_ policyset.Executor, d sidegate.Decision, _ []policyset.Executor) bool {
			proposed, _ := d.Request["proposedClient"].(map[string]any)
			return sidegate.Attributes(proposed) == nil
		},
	},
	{
		name:      "Δ8: secure-redirect-uris-enforcer without redirect_uri in the query",
		executors: []string{"secure-redirect-uris-enforcer"},
		events:    []string{"PRE_AUTHORIZATION_REQUEST"},
		holds: func(_ policyset.Executor, d sidegate.Decision, _ []policyset.Executor) bool {
			request, _ := d.Request["request"].(map[string]any)
			parameters, _ := request["parameters"].(map[string]any)
			_, sent := parameters["redirect_uri"]
			return !sent
		},
	},
	{
		name:      "userinfo refused with a code that its endpoint does not know",
		executors: []string{"holder-of-key-enforcer", "dpop-bind-enforcer"},
		events:    []string{"USERINFO_REQUEST"},
		holds: func(x policyset.Executor, d sidegate.Decision, _ []policyset.Executor) bool {
			return len(d.GetFindings()) > 0 && d.GetFindings()[0].Executor == x.ID
		},
	},
	{
		name:      "holder-of-key-enforcer on a token bound by DPoP",
		executors: []string{"holder-of-key-enforcer"},
		events:    []string{"TOKEN_REFRESH", "TOKEN_REVOKE", "USERINFO_REQUEST", "LOGOUT_REQUEST"},
		holds: func(_ policyset.Executor, d sidegate.Decision, _ []policyset.Executor) bool {
			token, _ := d.Request["token"].(map[string]any)
			claims, _ := token["claims"].(map[string]any)
			cnf, bound := claims["cnf"].(map[string]any)
			return bound && cnf["x5t#S256"] == nil
		},
	},
	{
		name:      "dpop-bind-enforcer twice on a revocation: Keycloak takes its own second look at the proof for a replay",
		code:      "invalid_dpop_proof",
		executors: []string{"dpop-bind-enforcer"},
		events:    []string{"TOKEN_REVOKE"},
		holds: func(x policyset.Executor, d sidegate.Decision, ran []policyset.Executor) bool {
			times := 0
			for _, other := range ran {
				if other.ID == x.ID {
					times++
				}
			}
			return times > 1 && d.Request["dpop"] != nil
		},
	},
}

// isTrue reads a boolean as Keycloak reads it from a configuration.
func isTrue(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return strings.EqualFold(v, "true")
	case int:
		return v != 0
	case float64:
		return v != 0
	}
	return false
}

// explain returns the known difference that explains Keycloak's answer to one of
// the decisions, or "".
func explain(realm *sidegate.Realm, seen Seen, decisions []sidegate.Decision) string {
	for _, r := range rules {
		crashed := r.code == "" && seen.Status == http.StatusInternalServerError
		refused := r.code != "" && r.code == seen.Code && !seen.Allowed
		if (crashed || refused) && slices.ContainsFunc(decisions, func(d sidegate.Decision) bool { return r.appliesTo(d, realm.Ran(d)) }) {
			return r.name
		}
	}
	return ""
}

func (r *rule) appliesTo(d sidegate.Decision, ran []policyset.Executor) bool {
	return slices.Contains(r.events, d.Event) && slices.ContainsFunc(ran, func(x policyset.Executor) bool {
		return slices.Contains(r.executors, x.ID) && r.holds(x, d, ran)
	})
}
