package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:   "secure-signature-algorithm-signed-jwt",
		Doc:  "Demands a FAPI signing algorithm of the JWT by which a client authenticates.",
		Spec: []string{"FAPI 1.0 Advanced 8.6", "FAPI 2.0 SP 5.4.1-1", "RFC 7523 §3"},
		Events: pdp.On(pdp.TokenRequest, pdp.ServiceAccountTokenRequest, pdp.TokenRefresh,
			pdp.TokenRevoke, pdp.TokenIntrospect, pdp.LogoutRequest),
		New: pdp.Configure(newSecureSignedJWT),
	})
}

type secureSignedJWTConfig struct {
	// RequireClientAssertion refuses clients that authenticate otherwise.
	RequireClientAssertion bool `config:"require-client-assertion" default:"false" doc:"Refuse clients that do not authenticate by a signed assertion."`
}

// secureSignedJWT judges the algorithm of the client assertion
// (executors-request.md, secure-signature-algorithm-signed-jwt).
type secureSignedJWT struct{ secureSignedJWTConfig }

func newSecureSignedJWT(c secureSignedJWTConfig) (pdp.Executor, error) {
	return &secureSignedJWT{c}, nil
}

// Execute goes by the registered authenticator: what a client of another kind
// sends besides is no authentication.
func (e *secureSignedJWT) Execute(r *pdp.Request, v *pdp.Verdict) error {
	switch {
	case !e.signs(r.Client()):
		e.unsigned(r, v)
	case r.FrontChannelLogout() && !r.Authenticated():
		// OIDC Front-Channel Logout §2: the browser comes, and no client authenticates.
		r.Because("no client authenticates at a logout through the browser")
	default:
		e.judge(r, v)
	}
	return nil
}

func (*secureSignedJWT) signs(c pdp.Client) bool {
	if c.IsTrue(pdp.PublicClient) {
		return false
	}
	authenticator, _ := c.String(pdp.ClientAuthenticatorType)
	return oauth.IsAssertionAuthenticator(authenticator)
}

func (e *secureSignedJWT) unsigned(r *pdp.Request, v *pdp.Verdict) {
	if !e.RequireClientAssertion {
		r.Because("the client does not authenticate by an assertion, and need not")
		return
	}
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: pdp.ClientAuthenticatorType.Pointer(),
		Description: "the client must authenticate by a signed assertion",
		Expected:    "a confidential client with client-jwt, client-secret-jwt or federated-jwt",
		Actual:      e.authenticator(r.Client()), Spec: "FAPI 2.0 SP 5.3.2.1-6",
		Remedy: "register client-jwt for the client and authenticate by private_key_jwt",
	})
}

func (*secureSignedJWT) authenticator(c pdp.Client) string {
	if c.IsTrue(pdp.PublicClient) {
		return "a public client"
	}
	authenticator, _ := c.String(pdp.ClientAuthenticatorType)
	return authenticator
}

func (e *secureSignedJWT) judge(r *pdp.Request, v *pdp.Verdict) {
	assertion, sent := r.ClientAssertion()
	switch {
	case !sent:
		e.refuse(v, "the client assertion is missing", "")
	case assertion.Unreadable:
		e.refuse(v, "the client assertion is no signed JWT", "")
	case !oauth.IsFAPIAlgorithm(assertion.Alg):
		e.refuse(v, "the signing algorithm of the client assertion is not allowed", assertion.Alg)
	}
}

// refuse tells the algorithm at most: the assertion is a credential.
func (*secureSignedJWT) refuse(v *pdp.Verdict, description, alg string) {
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: oauth.ParamClientAssertion, Description: description,
		Expected: fapiAlgorithms, Actual: alg, Spec: "FAPI 1.0 Advanced 8.6",
		Remedy: "sign the client assertion with an allowed algorithm, such as PS256",
	})
}
