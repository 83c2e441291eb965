package conditions

import (
	"slices"

	"github.com/sidegate/sidegate/pdp"
)

func init() {
	register(pdp.ConditionInfo{
		ID:     "client-attributes",
		Doc:    "Votes YES when the client has all of the listed attributes.",
		Events: clientEvents | pdp.On(pdp.PreAuthorizationRequest),
		New:    pdp.Configure(newClientAttributes),
	})
}

type clientAttributesConfig struct {
	// Attributes are pairs of an attribute and its value; see [attributePairs].
	Attributes attributePairs `config:"attributes" type:"Map" doc:"Attributes and their values as JSON, such as [{\"key\":\"tier\",\"value\":\"gold\"}]; the client must have all of them."`
}

// clientAttributes votes on attributes of the stored client (conditions.md 5).
type clientAttributes struct{ pairs []pdp.Key }

// noAttributes never votes YES; it is what Keycloak makes of a configuration
// without attributes, and of an attribute that is listed twice.
type noAttributes struct{ reason string }

// knownClient votes YES for every client that is known: Keycloak's reading of an
// empty list. It is not indexed, because no attribute leads to it.
type knownClient struct{}

func newClientAttributes(c clientAttributesConfig) (pdp.Condition, error) {
	pairs := c.Attributes.pairs
	switch {
	case pairs == nil:
		return noAttributes{"no attributes are configured"}, nil
	case len(pairs) == 0:
		return knownClient{}, nil
	case repeatsName(pairs):
		return noAttributes{"an attribute is listed twice, which no client matches"}, nil
	}
	return &clientAttributes{pairs}, nil
}

func repeatsName(pairs []pdp.Key) bool {
	for i, p := range pairs {
		if slices.ContainsFunc(pairs[:i], func(before pdp.Key) bool { return before.Name == p.Name }) {
			return true
		}
	}
	return false
}

// Index returns one of the pairs: a client must have all of them, this one too.
func (c *clientAttributes) Index() (pdp.KeyKind, []pdp.Key) {
	return pdp.ClientAttributeKey, c.pairs[:1]
}

// Vote votes YES when the stored client has all pairs.
func (c *clientAttributes) Vote(r *pdp.Request) (pdp.Vote, error) {
	client := r.StoredClient()
	if !client.Known() {
		r.Because("the client is unknown")
		return pdp.No, nil
	}
	for _, p := range c.pairs {
		if value, ok := client.Attribute(p.Name); !ok || value != p.Value {
			if r.Explaining() {
				r.Because("the client lacks the attribute " + p.Name + ", or has it with another value")
			}
			return pdp.No, nil
		}
	}
	r.Because("the client has all of the listed attributes")
	return pdp.Yes, nil
}

// Index returns no value: the condition never votes YES.
func (noAttributes) Index() (pdp.KeyKind, []pdp.Key) { return pdp.ClientAttributeKey, nil }

// Vote votes NO.
func (n noAttributes) Vote(r *pdp.Request) (pdp.Vote, error) {
	r.Because(n.reason)
	return pdp.No, nil
}

// Vote votes YES when the client is known.
func (knownClient) Vote(r *pdp.Request) (pdp.Vote, error) {
	known := r.StoredClient().Known()
	if known {
		r.Because("no attributes are asked for, and the client is known")
	} else {
		r.Because("the client is unknown")
	}
	return pdp.VoteIf(known), nil
}
