package requests

import (
	"maps"
	"net/url"
	"slices"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/jose"
)

// withheld are the parameters whose values Sidegate is never told.
var withheld = []string{
	"code", "client_secret", "client_assertion", "refresh_token", "access_token", "token", "subject_token",
	"actor_token", "assertion", "id_token_hint", "password", "request", "device_code", "auth_req_id",
}

// wire tells Sidegate of the parameters of a request.
func wire(parameters url.Values) map[string]any {
	return map[string]any{
		"parameters": told(parameters), "parameterNames": slices.Sorted(maps.Keys(parameters)),
	}
}

// told returns the parameters that may be told, the first value of each.
func told(parameters url.Values) map[string]any {
	values := map[string]any{}
	for name := range parameters {
		if !slices.Contains(withheld, name) {
			values[name] = parameters.Get(name)
		}
	}
	return values
}

// tokenFacts tells Sidegate of a token as an executor may read it.
func tokenFacts(kind, state, token string) map[string]any {
	claims, ok := jose.Claims(token)
	if !ok {
		return map[string]any{"kind": kind, "state": "STATE_UNDECODABLE"}
	}
	return map[string]any{"kind": kind, "state": state, "claims": claims}
}

// Kinds and states of tokens.
const (
	accessToken  = "KIND_ACCESS_TOKEN"
	refreshToken = "KIND_REFRESH_TOKEN"
	verified     = "STATE_VERIFIED"
	unverified   = "STATE_UNVERIFIED"
	presented    = "STATE_PRESENTED"
)

// join returns the members of all maps in one; later ones win.
func join(parts ...map[string]any) map[string]any {
	all := map[string]any{}
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

// proofFacts tells Sidegate of a DPoP proof; there is none when none was sent.
func (w *Runner) proofFacts(sent bool, state string) map[string]any {
	if !sent {
		return nil
	}
	return map[string]any{"dpop": map[string]any{"state": state, "jkt": w.jkt, "alg": "ES256"}}
}

// sessionFacts tells Sidegate of the scope that was granted; none is left out.
func sessionFacts(scope string) map[string]any {
	if scope == "" {
		return nil
	}
	return map[string]any{"session": map[string]any{"scope": scope}}
}
