package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "secure-client-authentication-assertion",
		Doc:    "Demands that a client assertion names the issuer as its only audience.",
		Spec:   []string{"FAPI 2.0 SP 5.3.2.1-8", "RFC 7523 §3"},
		Events: pdp.On(pdp.PushedAuthorizationRequest, pdp.TokenRequest, pdp.TokenRefresh, pdp.TokenIntrospect, pdp.TokenRevoke),
		New:    pdp.Configure(newSecureClientAuthenticationAssertion),
	})
}

// secureClientAuthenticationAssertion judges the audience of the assertion that was
// sent, whatever the client is registered for
// (executors-request.md, secure-client-authentication-assertion).
type secureClientAuthenticationAssertion struct{}

func newSecureClientAuthenticationAssertion(pdp.NoConfig) (pdp.Executor, error) {
	return secureClientAuthenticationAssertion{}, nil
}

// Execute judges the client assertion.
func (e secureClientAuthenticationAssertion) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if r.Client().IsTrue(pdp.PublicClient) {
		r.Because("a public client does not authenticate")
		return nil
	}
	assertion, sent := r.ClientAssertion()
	if !sent || assertion.Type != oauth.AssertionTypeJWTBearer {
		r.Because("no JWT client assertion was sent")
		return nil
	}
	if assertion.Unreadable {
		e.refuse(v, "the client assertion cannot be read", "a signed JWT", "")
		return nil
	}
	issuer := r.Issuer()
	// FAPI 2.0 SP 5.3.2.1-8: the issuer as the sole audience.
	audience, sole := oauth.SoleAudience(assertion.Claims.GetFields()[oauth.ClaimAudience])
	if !sole || issuer == "" || audience != issuer {
		e.refuse(v, "the client assertion must name the issuer as its only audience", issuer, audience)
	}
	return nil
}

func (secureClientAuthenticationAssertion) refuse(v *pdp.Verdict, description, expected, actual string) {
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: "client_assertion.aud", Description: description, Expected: expected, Actual: actual,
		Spec: "FAPI 2.0 SP 5.3.2.1-8", Remedy: "set aud of the client assertion to the issuer identifier alone",
	})
}
