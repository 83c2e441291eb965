package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "reject-ropc-grant",
		Doc:    "Refuses the resource owner password credentials grant.",
		Spec:   []string{"RFC 9700 §2.4", "OAuth 2.1 §10.1", "FAPI 2.0 SP 5.3.2.1-2"},
		Events: pdp.On(pdp.Register, pdp.Update, pdp.ResourceOwnerPasswordCredentialsRequest),
		New:    pdp.Configure(newRejectROPCGrant),
	})
}

type rejectROPCGrantConfig struct {
	// AutoConfigure switches the password grant off instead of refusing it.
	AutoConfigure bool `config:"auto-configure" default:"false" doc:"Switch the password grant of the client off instead of refusing a client that has it on."`
}

// rejectROPCGrant allows no password grant
// (executors-request.md and executors-client.md, reject-ropc-grant).
type rejectROPCGrant struct{ rejectROPCGrantConfig }

func newRejectROPCGrant(c rejectROPCGrantConfig) (pdp.Executor, error) {
	return &rejectROPCGrant{c}, nil
}

const rejectROPCGrantSpec = "RFC 9700 §2.4"

// Execute judges the client on its writes and refuses every password grant.
func (e *rejectROPCGrant) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if r.Event() != pdp.ResourceOwnerPasswordCredentialsRequest {
		e.configure(r, v)
		return nil
	}
	// RFC 9700 §2.4: the grant must not be used.
	v.Reject(pdp.Finding{
		Code: oauth.InvalidGrant, Field: oauth.ParamGrantType, Description: "the password grant is not allowed",
		Expected: "another grant", Actual: oauth.GrantPassword, Spec: rejectROPCGrantSpec,
		Remedy: "use the authorization code grant with PKCE",
	})
	return nil
}

func (e *rejectROPCGrant) configure(r *pdp.Request, v *pdp.Verdict) {
	if e.AutoConfigure {
		v.SetBool(pdp.DirectAccessGrantsEnabled, false)
	}
	on, set := r.Client().Bool(pdp.DirectAccessGrantsEnabled)
	// executors-client.md Δ11: what is left out may be stored as on.
	if on || !set && r.PasswordGrantImplied() {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidClientMetadata, Field: pdp.DirectAccessGrantsEnabled.Pointer(),
			Description: "the password grant must be off", Expected: "false", Actual: actualBool(on, set),
			Spec: rejectROPCGrantSpec, Remedy: "send directAccessGrantsEnabled=false, or turn auto-configure on",
		})
	}
}
