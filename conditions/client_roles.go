package conditions

import (
	"slices"

	"github.com/sidegate/sidegate/pdp"
)

func init() {
	register(pdp.ConditionInfo{
		ID:     "client-roles",
		Doc:    "Votes YES when one of the listed roles is defined on the client.",
		Events: clientEvents | pdp.On(pdp.PreAuthorizationRequest),
		New:    pdp.Configure(newClientRoles),
	})
}

type clientRolesConfig struct {
	// Roles are names of roles defined on the client, not granted to somebody.
	Roles []string `config:"roles" doc:"Names of roles defined on the client; one of them suffices."`
}

// clientRoles votes on roles defined on the stored client (conditions.md 6).
type clientRoles struct{ roles []string }

func newClientRoles(c clientRolesConfig) (pdp.Condition, error) {
	return &clientRoles{c.Roles}, nil
}

// Index returns the listed roles.
func (c *clientRoles) Index() (pdp.KeyKind, []pdp.Key) {
	keys := make([]pdp.Key, len(c.roles))
	for i, role := range c.roles {
		keys[i] = pdp.Key{Value: role}
	}
	return pdp.ClientRoleKey, keys
}

// Vote votes YES when a listed role is defined on the stored client.
func (c *clientRoles) Vote(r *pdp.Request) (pdp.Vote, error) {
	client := r.StoredClient()
	if !client.Known() {
		r.Because("the client is unknown")
		return pdp.No, nil
	}
	for _, role := range client.List(pdp.ClientRoles) {
		if slices.Contains(c.roles, role) {
			if r.Explaining() {
				r.Because("the client defines the role " + role)
			}
			return pdp.Yes, nil
		}
	}
	r.Because("the client defines none of the listed roles")
	return pdp.No, nil
}
