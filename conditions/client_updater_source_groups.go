package conditions

import (
	"slices"
	"strings"

	"github.com/sidegate/sidegate/pdp"
)

func init() {
	register(pdp.ConditionInfo{
		ID:       "client-updater-source-groups",
		Doc:      "Votes YES when whoever creates or changes the client is a member of one of the listed groups.",
		Events:   pdp.ClientWrites,
		MayFault: true, // see updaterKnown
		New:      pdp.Configure(newClientUpdaterSourceGroups),
	})
}

type clientUpdaterSourceGroupsConfig struct {
	// Groups are names of groups, without the path.
	Groups []string `config:"groups" form:"topGroup" doc:"Names of groups, without their path; membership in one of them suffices."`
}

// clientUpdaterSourceGroups votes on the groups that the actor is a direct member
// of (conditions.md 10). As in Keycloak the name alone counts: groups of one name
// below different parents are one.
type clientUpdaterSourceGroups struct{ groups []string } // as paths spell them

func newClientUpdaterSourceGroups(c clientUpdaterSourceGroupsConfig) (pdp.Condition, error) {
	groups := make([]string, len(c.Groups))
	for i, name := range c.Groups {
		groups[i] = strings.ReplaceAll(name, "/", "~/")
	}
	return &clientUpdaterSourceGroups{groups}, nil
}

// Vote votes YES when the actor is a member of a listed group. It cannot decide
// about a metadata document, nor without an actor where there must be one.
func (c *clientUpdaterSourceGroups) Vote(r *pdp.Request) (pdp.Vote, error) {
	known, err := updaterKnown(r)
	if err != nil || !known {
		return pdp.No, err
	}
	for _, path := range r.ActorGroups() {
		if slices.Contains(c.groups, groupName(path)) {
			if r.Explaining() {
				r.Because("the actor is a member of " + path)
			}
			return pdp.Yes, nil
		}
	}
	r.Because("the actor is a member of none of the listed groups")
	return pdp.No, nil
}

// groupName returns the name at the end of a group's path, as it is spelled there:
// a slash within a name is `~/`.
func groupName(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' && (i == 0 || path[i-1] != '~') {
			return path[i+1:]
		}
	}
	return path
}
