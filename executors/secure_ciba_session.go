package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "secure-ciba-session",
		Doc:    "Demands a binding message of CIBA authentication requests.",
		Spec:   []string{"FAPI-CIBA 5.2.2-2"},
		Events: pdp.On(pdp.BackchannelAuthenticationRequest),
		New:    pdp.Configure(newSecureCIBASession),
	})
}

// secureCIBASession demands a binding message, inside the signed request or beside
// it; an empty one is there (executors-request.md, secure-ciba-session). What a
// message may look like is the endpoint's business.
type secureCIBASession struct{}

func newSecureCIBASession(pdp.NoConfig) (pdp.Executor, error) { return secureCIBASession{}, nil }

// Execute judges the effective authentication request.
func (secureCIBASession) Execute(r *pdp.Request, v *pdp.Verdict) error {
	// FAPI-CIBA 5.2.2-2: a unique authorization context; Keycloak takes none but this.
	if !r.HasEffective(oauth.ParamBindingMessage) {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: oauth.ParamBindingMessage, Description: "binding_message is missing",
			Expected: "a text that both devices show", Actual: "none", Spec: "FAPI-CIBA 5.2.2-2",
			Remedy: "send a fresh binding_message and show it to the user",
		})
	}
	return nil
}
