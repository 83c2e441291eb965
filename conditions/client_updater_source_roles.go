package conditions

import (
	"slices"
	"strings"

	"github.com/sidegate/sidegate/pdp"
)

func init() {
	register(pdp.ConditionInfo{
		ID:       "client-updater-source-roles",
		Doc:      "Votes YES when whoever creates or changes the client has one of the listed roles.",
		Events:   pdp.ClientWrites,
		MayFault: true, // see updaterKnown
		New:      pdp.Configure(newClientUpdaterSourceRoles),
	})
}

type clientUpdaterSourceRolesConfig struct {
	// Roles are realm roles, and client roles as client id, dot, role.
	Roles []string `config:"roles" form:"admin" doc:"Realm roles, or client roles written clientId.role; one of them suffices."`
}

// clientUpdaterSourceRoles votes on the actor's effective roles in the realm of
// the request (conditions.md 11).
//
// Keycloak takes a text whose beginning is a client id for that client's role and
// never for a realm role. Sidegate does not know all clients and takes either,
// which differs only for a realm role named like the role of an existing client.
type clientUpdaterSourceRoles struct{ roles []roleEntry }

// roleEntry is an entry of the list with all its readings.
type roleEntry struct {
	realm  string // role of the realm, or empty
	client []clientRole
}

type clientRole struct{ clientID, role string }

// maxRoleDots is how many dots Keycloak tries before it gives an entry up.
const maxRoleDots = 25

func newClientUpdaterSourceRoles(c clientUpdaterSourceRolesConfig) (pdp.Condition, error) {
	roles := make([]roleEntry, len(c.Roles))
	for i, text := range c.Roles {
		roles[i] = readRoleEntry(text)
	}
	return &clientUpdaterSourceRoles{roles}, nil
}

// readRoleEntry splits an entry at each dot, from the last to the first.
func readRoleEntry(text string) (e roleEntry) {
	for dot := strings.LastIndexByte(text, '.'); dot >= 0; dot = strings.LastIndexByte(text[:dot], '.') {
		e.client = append(e.client, clientRole{text[:dot], text[dot+1:]})
		if len(e.client) == maxRoleDots {
			return e
		}
	}
	e.realm = text
	return e
}

// Vote votes YES when the actor has a listed role. It cannot decide about a
// metadata document, nor without an actor where there must be one.
func (c *clientUpdaterSourceRoles) Vote(r *pdp.Request) (pdp.Vote, error) {
	known, err := updaterKnown(r)
	if err != nil || !known {
		return pdp.No, err
	}
	for i := range c.roles {
		if c.roles[i].heldBy(r) {
			return pdp.Yes, nil
		}
	}
	r.Because("the actor has none of the listed roles")
	return pdp.No, nil
}

func (e *roleEntry) heldBy(r *pdp.Request) bool {
	for _, c := range e.client {
		if slices.Contains(r.ActorClientRoles(c.clientID), c.role) {
			if r.Explaining() {
				r.Because("the actor has the role " + c.role + " of the client " + c.clientID)
			}
			return true
		}
	}
	if e.realm == "" || !slices.Contains(r.ActorRealmRoles(), e.realm) {
		return false
	}
	if r.Explaining() {
		r.Because("the actor has the realm role " + e.realm)
	}
	return true
}
