package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:   "confidential-client",
		Doc:  "Lets only confidential clients ask; public and bearer-only ones are refused.",
		Spec: []string{"FAPI 1.0 Advanced 5.2.2-16", "FAPI 2.0 SP 5.3.2.1-3", "FAPI-CIBA 5.2.2-1"},
		Events: pdp.On(pdp.AuthorizationRequest, pdp.TokenRequest, pdp.ServiceAccountTokenRequest,
			pdp.BackchannelAuthenticationRequest, pdp.BackchannelTokenRequest),
		New: pdp.Configure(newConfidentialClient),
	})
}

// confidentialClient refuses requests of clients that cannot keep a credential
// (executors-client.md, confidential-client). Writing such a client is no matter
// of its.
type confidentialClient struct{}

func newConfidentialClient(pdp.NoConfig) (pdp.Executor, error) { return confidentialClient{}, nil }

// Execute refuses a public or a bearer-only client; an absent switch is off.
func (e confidentialClient) Execute(r *pdp.Request, v *pdp.Verdict) error {
	e.demandOff(r, v, pdp.PublicClient, "a public client may not ask")
	e.demandOff(r, v, pdp.BearerOnly, "a bearer-only client may not ask")
	return nil
}

func (confidentialClient) demandOff(r *pdp.Request, v *pdp.Verdict, f *pdp.BoolField, description string) {
	if !r.Client().IsTrue(f) {
		return
	}
	// FAPI 2.0 SP 5.3.2.1-3: only confidential clients are supported.
	v.Reject(pdp.Finding{
		Code: oauth.InvalidClient, Field: f.Pointer(), Description: description, Expected: "false", Actual: "true",
		Spec: "FAPI 2.0 SP 5.3.2.1-3", Remedy: "use a confidential client, with an authenticator of its own",
	})
}
