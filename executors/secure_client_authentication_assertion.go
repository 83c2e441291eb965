package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/types/known/structpb"
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
	switch {
	case !sent && r.Withheld(oauth.ParamClientAssertion):
		// One came, and nothing can be said about it.
		r.RequireFact("/clientAuthentication/assertion")
	case !sent, assertion.Type != oauth.AssertionTypeJWTBearer:
		r.Because("no JWT client assertion was sent")
	case assertion.Unreadable:
		e.refuse(v, "the client assertion cannot be read", "a signed JWT", "something else")
	default:
		e.judge(r, v, assertion.Claims.GetFields()[oauth.ClaimAudience])
	}
	return nil
}

func (e secureClientAuthenticationAssertion) judge(r *pdp.Request, v *pdp.Verdict, aud *structpb.Value) {
	issuer := r.Issuer()
	audience, sole := oauth.SoleAudience(aud)
	switch {
	// FAPI 2.0 SP 5.3.2.1-8: the issuer as the sole audience.
	case !sole:
		e.refuse(v, "the client assertion must have exactly one audience", orNone(issuer), orNone(oauth.ClaimText(aud)))
	case issuer == "", audience != issuer:
		e.refuse(v, "the client assertion must be meant for the issuer", orNone(issuer), audience)
	}
}

func (secureClientAuthenticationAssertion) refuse(v *pdp.Verdict, description, expected, actual string) {
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: oauth.ParamClientAssertion, Description: description, Expected: expected, Actual: actual,
		Spec: "FAPI 2.0 SP 5.3.2.1-8", Remedy: "set aud of the client assertion to the issuer identifier alone",
	})
}
