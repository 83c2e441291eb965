package conditions

import (
	"slices"

	"github.com/sidegate/sidegate/pdp"
)

func init() {
	register(pdp.ConditionInfo{
		ID:     "client-access-type",
		Doc:    "Votes YES when the client is of one of the listed access types.",
		Spec:   []string{"RFC 6749 §2.1"},
		Events: clientEvents | pdp.On(pdp.Register),
		New:    pdp.Configure(newClientAccessType),
	})
}

const (
	accessConfidential = "confidential"
	accessPublic       = "public"
	accessBearerOnly   = "bearer-only"
)

type clientAccessTypeConfig struct {
	// Types are access types; any other word matches no client.
	Types []string `config:"type" type:"MultivaluedList" form:"confidential" options:"confidential,public,bearer-only" doc:"Access types of a client; one of them suffices."`
}

// clientAccessType votes on the type of the stored and of the proposed client
// (conditions.md 4). The proposed one is the effective client, so that leaving
// publicClient out of a change does not make a client confidential (D5).
type clientAccessType struct{ types []string }

func newClientAccessType(c clientAccessTypeConfig) (pdp.Condition, error) {
	return &clientAccessType{c.Types}, nil
}

// Vote votes YES when the stored or the proposed client is of a listed type.
func (c *clientAccessType) Vote(r *pdp.Request) (pdp.Vote, error) {
	if r.Event() != pdp.Register {
		stored := r.StoredClient()
		if !stored.Known() {
			r.Because("the client is unknown")
		} else if c.lists(r, stored, "the stored client: ") {
			return pdp.Yes, nil
		}
	}
	return pdp.VoteIf(r.HasProposal() && c.lists(r, r.ProposedClient(), "the proposed client: ")), nil
}

func (c *clientAccessType) lists(r *pdp.Request, client pdp.Client, whose string) bool {
	kind, reason := accessTypeOf(client)
	if r.Explaining() {
		r.Because(whose + reason)
	}
	return slices.Contains(c.types, kind)
}

// accessTypeOf returns the access type of a client, and how it came to it. An
// absent flag is off.
func accessTypeOf(client pdp.Client) (kind, reason string) {
	public, told := client.Bool(pdp.PublicClient)
	switch {
	case public:
		return accessPublic, accessPublic
	case client.IsTrue(pdp.BearerOnly):
		return accessBearerOnly, accessBearerOnly
	case !told:
		return accessConfidential, "publicClient absent, judged as confidential"
	}
	return accessConfidential, accessConfidential
}
