package conditions

import (
	"slices"

	"github.com/sidegate/sidegate/pdp"
)

func init() {
	register(pdp.ConditionInfo{
		ID:   "grant-type",
		Doc:  "Votes YES when the request is of one of the listed grants.",
		Spec: []string{"RFC 6749 §1.3"},
		Events: pdp.On(
			pdp.AuthorizationRequest, pdp.TokenRefresh, pdp.ServiceAccountTokenRequest,
			pdp.ResourceOwnerPasswordCredentialsRequest, pdp.TokenExchangeRequest,
			pdp.JWTAuthorizationGrant, pdp.DeviceTokenRequest,
		),
		MayFault: true, // the response type may have been withheld
		New:      pdp.Configure(newGrantType),
	})
}

type grantTypeConfig struct {
	// GrantTypes are grants as the token endpoint names them, and `implicit`.
	GrantTypes []string `config:"grant_types" type:"MultivaluedList" options:"authorization_code,implicit,refresh_token,password,client_credentials,urn:ietf:params:oauth:grant-type:token-exchange,urn:ietf:params:oauth:grant-type:device_code,urn:ietf:params:oauth:grant-type:jwt-bearer" doc:"Grant types; one of them suffices. The code grant is seen at the authorization endpoint only."`
}

// grantType votes on the grant of a request (conditions.md 13). It never sees a
// code redeemed: on TOKEN_REQUEST it abstains.
type grantType struct{ grants []string }

func newGrantType(c grantTypeConfig) (pdp.Condition, error) { return &grantType{c.GrantTypes}, nil }

// Index returns the listed grants.
func (c *grantType) Index() (pdp.KeyKind, []pdp.Key) {
	keys := make([]pdp.Key, len(c.grants))
	for i, grant := range c.grants {
		keys[i] = pdp.Key{Value: grant}
	}
	return pdp.GrantTypeKey, keys
}

// Vote votes YES when the request is of a listed grant.
func (c *grantType) Vote(r *pdp.Request) (pdp.Vote, error) {
	grant, ok := r.GrantType()
	if !ok {
		r.Because("the request is of no known grant")
		return pdp.No, nil
	}
	if r.Explaining() {
		r.Because("the grant is " + grant)
	}
	return pdp.VoteIf(slices.Contains(c.grants, grant)), nil
}
