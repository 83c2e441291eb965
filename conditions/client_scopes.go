package conditions

import (
	"slices"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ConditionInfo{
		ID:   "client-scopes",
		Doc:  "Votes YES when one of the listed scopes is assigned to the client or asked for.",
		Spec: []string{"RFC 6749 §3.3"},
		Events: pdp.On(
			pdp.AuthorizationRequest, pdp.PushedAuthorizationRequest, pdp.TokenRequest, pdp.TokenResponse,
			pdp.TokenRefresh, pdp.TokenRefreshResponse, pdp.ServiceAccountTokenRequest,
			pdp.ServiceAccountTokenResponse, pdp.ResourceOwnerPasswordCredentialsRequest,
			pdp.TokenExchangeRequest, pdp.JWTAuthorizationGrant, pdp.IdentityBrokeringAPI,
			pdp.BackchannelAuthenticationRequest, pdp.BackchannelTokenRequest,
			pdp.BackchannelTokenResponse, pdp.UserinfoRequest,
		),
		MayFault: true, // the scope may have been withheld
		New:      pdp.Configure(newClientScopes),
	})
}

const (
	scopesDefault  = "Default"
	scopesOptional = "Optional"
	scopesAny      = "Any"
)

type clientScopesConfig struct {
	// Scopes are names of client scopes.
	Scopes []string `config:"scopes" form:"offline_access" doc:"Names of client scopes; one of them suffices."`
	// Type says how a scope must be assigned. It must be there when scopes are:
	// without it Keycloak decides nothing. Any other word matches nothing.
	Type *string `config:"type" type:"List" form:"Optional" options:"Default,Optional,Any" doc:"How the scope is assigned to the client; an optional one must be asked for as well."`
}

// clientScopes votes on the scopes assigned to the client and asked for
// (conditions.md 7).
type clientScopes struct {
	scopes            []string
	defaults, options bool // which of the assigned scopes count
}

func newClientScopes(c clientScopesConfig) (pdp.Condition, error) {
	switch {
	case c.Scopes == nil:
		return &clientScopes{}, nil
	case c.Type == nil:
		return nil, pdp.KeyError("type", "required key is missing beside scopes; expected Default, Optional or Any")
	}
	kind, some := *c.Type, len(c.Scopes) > 0
	return &clientScopes{
		scopes:   c.Scopes,
		defaults: some && (kind == scopesDefault || kind == scopesAny),
		options:  some && (kind == scopesOptional || kind == scopesAny),
	}, nil
}

// Vote votes YES when a listed scope is a default scope of the client, or an
// optional one that is asked for.
func (c *clientScopes) Vote(r *pdp.Request) (pdp.Vote, error) {
	r.Because("no scopes of a known type are configured")
	return pdp.VoteIf(c.defaults && c.listsDefault(r) || c.options && c.listsOptional(r)), nil
}

func (c *clientScopes) listsDefault(r *pdp.Request) bool {
	for name := range r.DefaultClientScopes {
		if slices.Contains(c.scopes, name) {
			c.explain(r, "a default scope of the client is listed: ", name)
			return true
		}
	}
	r.Because("no default scope of the client is listed")
	return false
}

// listsOptional reads the scope that is asked for once an assigned one is listed.
func (c *clientScopes) listsOptional(r *pdp.Request) bool {
	for name := range r.OptionalClientScopes {
		if slices.Contains(c.scopes, name) && oauth.HasWord(scopeAskedFor(r), name) {
			c.explain(r, "a listed optional scope is asked for: ", name)
			return true
		}
	}
	r.Because("no listed scope is assigned to the client and asked for")
	return false
}

func (c *clientScopes) explain(r *pdp.Request, what, name string) {
	if r.Explaining() {
		r.Because(what + name)
	}
}

// scopeAskedFor returns the text that counts as the scope on an event
// (conditions.md 7), or "".
func scopeAskedFor(r *pdp.Request) (scope string) {
	switch r.Event() {
	case pdp.AuthorizationRequest, pdp.PushedAuthorizationRequest, pdp.BackchannelAuthenticationRequest:
		scope, _ = r.Effective(oauth.ParamScope)
	case pdp.TokenRefresh, pdp.ResourceOwnerPasswordCredentialsRequest, pdp.TokenExchangeRequest, pdp.JWTAuthorizationGrant:
		scope = r.ParameterValue(oauth.ParamScope)
	case pdp.ServiceAccountTokenRequest, pdp.ServiceAccountTokenResponse:
		// RFC 6749 §4.4: there is no session before this request.
		if scope = r.SessionScope(); scope == "" {
			scope = r.ParameterValue(oauth.ParamScope)
		}
	case pdp.IdentityBrokeringAPI:
		scope = r.Token().Claim(oauth.ClaimScope).GetStringValue()
	default:
		scope = r.SessionScope()
	}
	return scope
}
