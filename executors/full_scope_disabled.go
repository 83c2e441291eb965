package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "full-scope-disabled",
		Doc:    "Demands that a client gets only the roles assigned to it.",
		Spec:   []string{"FAPI 2.0 SP 5.3.2.1-14", "RFC 9700 §2.3"},
		Events: pdp.On(pdp.Register, pdp.Update),
		New:    pdp.Configure(newFullScopeDisabled),
	})
}

type fullScopeDisabledConfig struct {
	// AutoConfigure switches the full scope off instead of refusing a client with it.
	AutoConfigure bool `config:"auto-configure" default:"true" doc:"Switch the full scope off instead of refusing a client with it."`
}

// fullScopeDisabled demands that `fullScopeAllowed` is off in every client that is
// written (executors-client.md, full-scope-disabled).
type fullScopeDisabled struct{ fullScopeDisabledConfig }

func newFullScopeDisabled(c fullScopeDisabledConfig) (pdp.Executor, error) {
	return &fullScopeDisabled{c}, nil
}

// Execute switches the full scope off, or refuses a client with it. A client that
// does not say is one with it: that is what the identity provider will store.
func (e *fullScopeDisabled) Execute(r *pdp.Request, v *pdp.Verdict) error {
	full, said := r.Client().Bool(pdp.FullScopeAllowed)
	switch {
	case said && !full:
		r.Because("the client gets only the roles assigned to it")
	case e.AutoConfigure:
		v.SetBool(pdp.FullScopeAllowed, false)
	default:
		// RFC 9700 §2.3: an access token carries the least privileges needed.
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRegistration, Field: pdp.FullScopeAllowed.Pointer(),
			Description: "the client must not get all roles of its users", Expected: "false", Actual: actualBool(full, said),
			Spec: "FAPI 2.0 SP 5.3.2.1-14", Remedy: "set fullScopeAllowed to false, or turn auto-configure on",
		})
	}
	return nil
}
