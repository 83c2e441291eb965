package conditions

import (
	"slices"

	"github.com/sidegate/sidegate/pdp"
)

func init() {
	register(pdp.ConditionInfo{
		ID:     "client-updater-context",
		Doc:    "Votes YES when the client is created or changed in one of the listed ways.",
		Spec:   []string{"RFC 7591 §3", "RFC 7592 §2.2"},
		Events: pdp.ClientWrites,
		New:    pdp.Configure(newClientUpdaterContext),
	})
}

type clientUpdaterContextConfig struct {
	// Sources are ways by which a client document comes; any other word matches none.
	Sources []string `config:"update-client-source" type:"MultivaluedList" form:"ByAuthenticatedUser" options:"ByAuthenticatedUser,ByAnonymous,ByInitialAccessToken,ByRegistrationAccessToken" doc:"Ways by which the client is created or changed; one of them suffices."`
}

// clientUpdaterContext votes on the way by which a client document came
// (conditions.md 9).
type clientUpdaterContext struct{ sources []string }

func newClientUpdaterContext(c clientUpdaterContextConfig) (pdp.Condition, error) {
	return &clientUpdaterContext{c.Sources}, nil
}

// Vote votes YES when the name of the channel is listed.
func (c *clientUpdaterContext) Vote(r *pdp.Request) (pdp.Vote, error) {
	source := updateSource(r.Channel())
	if r.Explaining() {
		r.Because("the client document came " + source)
	}
	return pdp.VoteIf(slices.Contains(c.sources, source)), nil
}

// updateSource returns Keycloak's name of a channel. On the events of the
// condition the engine demands a known one.
func updateSource(c pdp.Channel) string {
	switch c {
	case pdp.ChannelAdmin, pdp.ChannelAuthenticatedUser:
		return "ByAuthenticatedUser"
	case pdp.ChannelInitialAccessToken:
		return "ByInitialAccessToken"
	case pdp.ChannelRegistrationAccessToken:
		return "ByRegistrationAccessToken"
	}
	// Nobody is behind an anonymous registration, nor behind a metadata document.
	return "ByAnonymous"
}
