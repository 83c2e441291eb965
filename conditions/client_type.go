package conditions

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ConditionInfo{
		ID:     "client-type",
		Doc:    "Votes YES when the client speaks the given protocol.",
		Events: clientEvents | pdp.On(pdp.Register),
		New:    pdp.Configure(newClientType),
	})
}

type clientTypeConfig struct {
	// Protocol is the protocol; without one no client matches.
	Protocol string `config:"protocol" type:"List" form:"docker-v2" options:"docker-v2,saml,openid-connect" doc:"The protocol that the client speaks."`
}

// clientType votes on the protocol of the stored and of the proposed client
// (conditions.md 8). A client without one speaks openid-connect.
type clientType struct{ protocol string }

func newClientType(c clientTypeConfig) (pdp.Condition, error) { return &clientType{c.Protocol}, nil }

// Vote votes YES when the stored or the proposed client speaks the protocol.
func (c *clientType) Vote(r *pdp.Request) (pdp.Vote, error) {
	if c.protocol == "" {
		r.Because("no protocol is configured")
		return pdp.No, nil
	}
	if r.Event() != pdp.Register {
		stored := r.StoredClient()
		if !stored.Known() {
			r.Because("the client is unknown")
		} else if c.speaks(r, stored, true, "the stored client speaks ") {
			return pdp.Yes, nil
		}
	}
	return pdp.VoteIf(r.HasProposal() &&
		c.speaks(r, r.ProposedClient(), r.ProtocolImplied(), "the proposed client speaks ")), nil
}

// speaks reports whether a client speaks the protocol; implied says whether one
// that names none speaks openid-connect.
func (c *clientType) speaks(r *pdp.Request, client pdp.Client, implied bool, whose string) bool {
	protocol, named := client.String(pdp.Protocol)
	if !named && implied {
		protocol = oauth.ProtocolOpenIDConnect
	}
	if r.Explaining() && protocol != "" {
		r.Because(whose + protocol)
	}
	return protocol == c.protocol
}
