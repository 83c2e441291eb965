package conditions

import "github.com/sidegate/sidegate/pdp"

func init() {
	register(pdp.ConditionInfo{
		ID:     "any-client",
		Doc:    "Votes YES on every event, whatever facts there are.",
		Events: pdp.AllEvents,
		New:    pdp.Configure(newAnyClient),
	})
}

// anyClient votes YES always (conditions.md 3).
type anyClient struct{}

func newAnyClient(pdp.NoConfig) (pdp.Condition, error) { return anyClient{}, nil }

// Vote votes YES.
func (anyClient) Vote(r *pdp.Request) (pdp.Vote, error) {
	r.Because("every client is meant")
	return pdp.Yes, nil
}
