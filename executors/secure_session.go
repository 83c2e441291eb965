package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "secure-session",
		Doc:    "Binds request and answer: a nonce for OpenID Connect, a state otherwise.",
		Spec:   []string{"FAPI 1.0 Baseline 5.2.2.2-1", "FAPI 1.0 Baseline 5.2.2.3-1", "OIDC Core §3.1.2.1"},
		Events: pdp.On(pdp.AuthorizationRequest),
		New:    pdp.Configure(newSecureSession),
	})
}

// secureSession demands nonce or state; an empty one is there
// (executors-request.md, secure-session).
type secureSession struct{}

func newSecureSession(pdp.NoConfig) (pdp.Executor, error) { return secureSession{}, nil }

// Execute judges the effective authorization request.
func (secureSession) Execute(r *pdp.Request, v *pdp.Verdict) error {
	scope, _ := r.Effective(oauth.ParamScope)
	// FAPI 1.0 Baseline 5.2.2.2-1: with openid a nonce, 5.2.2.3-1: else a state.
	name, spec := oauth.ParamState, "FAPI 1.0 Baseline 5.2.2.3-1"
	if oauth.HasWord(scope, oauth.ScopeOpenID) {
		name, spec = oauth.ParamNonce, "FAPI 1.0 Baseline 5.2.2.2-1"
	}
	if !r.HasEffective(name) {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: name, Description: name + " is missing",
			Expected: "a fresh value", Actual: "none", Spec: spec, Remedy: "send a fresh " + name + " and compare it with that of the answer",
		})
	}
	return nil
}
