package conditions

import (
	"slices"

	"github.com/sidegate/sidegate/pdp"
)

func init() {
	register(pdp.ConditionInfo{
		ID:     "identity-provider-alias",
		Doc:    "Votes YES when one of the listed identity providers takes part.",
		Spec:   []string{"RFC 7523 §2.1"},
		Events: pdp.On(pdp.JWTAuthorizationGrant, pdp.IdentityBrokeringAPI),
		New:    pdp.Configure(newIdentityProviderAlias),
	})
}

type identityProviderAliasConfig struct {
	// Aliases are aliases of identity providers. The key must be there, if only
	// with an empty list: without it Keycloak decides nothing.
	Aliases []string `config:"identity_provider_aliases" type:"IdentityProviderMultiList" required:"true" doc:"Aliases of identity providers; one of them suffices."`
}

// identityProviderAlias votes on the identity provider that issued the assertion,
// or whose tokens are asked for (conditions.md 0 and 1).
type identityProviderAlias struct{ aliases []string }

func newIdentityProviderAlias(c identityProviderAliasConfig) (pdp.Condition, error) {
	return &identityProviderAlias{c.Aliases}, nil
}

// Vote votes YES when the alias is listed.
func (c *identityProviderAlias) Vote(r *pdp.Request) (pdp.Vote, error) {
	alias := r.IdentityProvider()
	if alias == "" {
		r.Because("no identity provider takes part")
		return pdp.No, nil
	}
	if r.Explaining() {
		r.Because("the identity provider is " + alias)
	}
	return pdp.VoteIf(slices.Contains(c.aliases, alias)), nil
}
