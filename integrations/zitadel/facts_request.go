package zitadel

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// withheld are the parameters whose values never leave the provider; their names
// do.
var withheld = map[string]bool{
	"code": true, "client_secret": true, "client_assertion": true, "refresh_token": true, "access_token": true,
	"token": true, "subject_token": true, "actor_token": true, "assertion": true, "id_token_hint": true,
	"username": true, "password": true, "request": true, "device_code": true, "auth_req_id": true,
	"user_code": true,
}

// told are the headers that a policy may want to see; none is a credential.
var told = []string{"user-agent", "origin"}

// requestFacts are the facts of the protocol request as it came on the wire.
func requestFacts[T any](r *op.Request[T]) *clientpolicyv1.OAuthRequest {
	return oauthRequest(r.Method, r.Form, r.Header)
}

func oauthRequest(method string, form url.Values, header http.Header) *clientpolicyv1.OAuthRequest {
	out := &clientpolicyv1.OAuthRequest{
		Parameters:     make(map[string]string, len(form)),
		ParameterNames: slices.Sorted(maps.Keys(form)),
		Method:         method,
		Headers:        make(map[string]string),
	}
	for name, values := range form {
		if len(values) > 1 {
			out.DuplicateParameters = append(out.DuplicateParameters, name)
		}
		if !withheld[name] && len(values) > 0 {
			out.Parameters[name] = values[0]
		}
	}
	slices.Sort(out.DuplicateParameters)
	for _, name := range told {
		if v := header.Get(name); v != "" {
			out.Headers[name] = strings.ToValidUTF8(v, "�")
		}
	}
	return out
}

// effective are the parameters that the provider acts on once a request object
// is merged in: those the library decoded, and the others of the object before
// those of the query.
func effective(r *oidc.AuthRequest, wired *clientpolicyv1.OAuthRequest, w *wire) map[string]string {
	out := maps.Clone(wired.GetParameters())
	for name, value := range w.object.GetClaims().GetFields() {
		if text := value.GetStringValue(); text != "" && !withheld[name] && !registered[name] {
			out[name] = text
		}
	}
	for name, value := range decoded(r, w.scope) {
		if value == "" {
			delete(out, name)
			continue
		}
		out[name] = value
	}
	return out
}

// registered are the claims of RFC 7519 section 4.1, which are no parameters.
var registered = map[string]bool{"iss": true, "sub": true, "aud": true, "exp": true, "nbf": true, "iat": true, "jti": true}

func decoded(r *oidc.AuthRequest, scope string) map[string]string {
	return map[string]string{
		"client_id":             r.ClientID,
		"response_type":         string(r.ResponseType),
		"redirect_uri":          r.RedirectURI,
		"scope":                 scope,
		"state":                 r.State,
		"nonce":                 r.Nonce,
		"response_mode":         string(r.ResponseMode),
		"prompt":                strings.Join(r.Prompt, " "),
		"acr_values":            strings.Join(r.ACRValues, " "),
		"code_challenge":        r.CodeChallenge,
		"code_challenge_method": string(r.CodeChallengeMethod),
	}
}
