package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "reject-request",
		Doc:    "Refuses every request on every event.",
		Events: pdp.AllEvents,
		New:    pdp.Configure(newRejectRequest),
	})
}

// rejectRequest refuses everything (executors-request.md, reject-request).
type rejectRequest struct{}

func newRejectRequest(pdp.NoConfig) (pdp.Executor, error) { return rejectRequest{}, nil }

// Execute refuses the request.
func (rejectRequest) Execute(_ *pdp.Request, v *pdp.Verdict) error {
	v.Reject(pdp.Finding{
		Code:        oauth.InvalidRequest,
		Description: "a policy allows no request at all",
		Remedy:      "take reject-request out of the profile, or narrow the policy's conditions",
	})
	return nil
}
