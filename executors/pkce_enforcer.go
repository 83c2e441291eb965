package executors

import (
	"strconv"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "pkce-enforcer",
		Doc:    "Demands PKCE with S256.",
		Spec:   []string{"RFC 7636", "FAPI 2.0 SP 5.3.2.2-5", "OAuth 2.1 §4.1.1"},
		Events: pdp.On(pdp.Register, pdp.Update, pdp.AuthorizationRequest, pdp.TokenRequest),
		Delta:  true,
		New:    pdp.Configure(newPKCEEnforcer),
	})
}

type pkceConfig struct {
	// AutoConfigure sets S256 on the client instead of refusing one without it.
	AutoConfigure bool `config:"auto-configure" default:"false" doc:"Set S256 on the client instead of refusing one without it."`
}

// pkceEnforcer demands PKCE with S256 of every authorization request and code
// redemption (executors-request.md and executors-client.md, pkce-enforcer).
type pkceEnforcer struct{ pkceConfig }

func newPKCEEnforcer(c pkceConfig) (pdp.Executor, error) { return &pkceEnforcer{c}, nil }

const (
	pkceSpec   = "RFC 7636 §4.3"
	pkceRemedy = "send code_challenge_method=S256 and a code_challenge made from a fresh code_verifier"
)

// Execute judges the client on its writes, and the challenge and verifier on requests.
func (e *pkceEnforcer) Execute(r *pdp.Request, v *pdp.Verdict) error {
	switch r.Event() {
	case pdp.AuthorizationRequest:
		e.authorize(r, v)
	case pdp.TokenRequest:
		e.redeem(r, v)
	default:
		e.configure(r, v)
	}
	return nil
}

func (e *pkceEnforcer) configure(r *pdp.Request, v *pdp.Verdict) {
	method, _ := r.Client().Attribute(oauth.AttrPKCEMethod)
	switch {
	case method == oauth.S256:
		r.Because("the client is bound to PKCE with S256")
	case e.AutoConfigure:
		v.SetAttribute(oauth.AttrPKCEMethod, oauth.S256)
	default:
		v.Reject(pdp.Finding{
			Code: oauth.InvalidClientMetadata, Field: pdp.AttributePointer(oauth.AttrPKCEMethod),
			Description: "the client must be bound to PKCE with S256", Expected: oauth.S256, Actual: method,
			Spec: pkceSpec, Remedy: "set the attribute to S256, or turn auto-configure on",
		})
	}
}

func (e *pkceEnforcer) authorize(r *pdp.Request, v *pdp.Verdict) {
	method, sent := r.Effective(oauth.ParamCodeChallengeMethod)
	challenge, _ := r.Effective(oauth.ParamCodeChallenge)
	registered, bound := r.Client().Attribute(oauth.AttrPKCEMethod)
	// RFC 7636 §4.4.1: a server that requires PKCE answers invalid_request.
	if !sent || method != oauth.S256 {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: oauth.ParamCodeChallengeMethod, Description: "PKCE with S256 is required",
			Expected: oauth.S256, Actual: method, Spec: pkceSpec, Remedy: pkceRemedy,
		})
	} else if bound && registered != method {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: oauth.ParamCodeChallengeMethod,
			Description: "the client is registered for another code challenge method", Expected: registered, Actual: method,
			Spec: pkceSpec, Remedy: "register S256 for the client",
		})
	}
	// RFC 7636 §4.2: 43 to 128 unreserved characters. Under plain it is the verifier,
	// so it is not told.
	if !oauth.ValidCodeVerifier(challenge) {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: oauth.ParamCodeChallenge,
			Description: "the code challenge is missing or malformed", Expected: "43 to 128 unreserved characters", Actual: strconv.Itoa(len(challenge)) + " characters",
			Spec: "RFC 7636 §4.2", Remedy: pkceRemedy,
		})
	}
}

func (e *pkceEnforcer) redeem(r *pdp.Request, v *pdp.Verdict) {
	verifier, sent := r.Parameter(oauth.ParamCodeVerifier)
	switch {
	case !sent:
		e.refuse(v, oauth.CodeVerifierMissing, "the code verifier is missing")
	case r.Withheld(oauth.ParamCodeVerifier):
		// It came, and nothing can be said about it.
		r.RequireFact("/request/parameters/" + oauth.ParamCodeVerifier)
	case !oauth.ValidCodeVerifier(verifier):
		e.refuse(v, oauth.InvalidCodeVerifier, "the code verifier is malformed")
	// OAuth 2.1 §4.1.3: a verifier without a challenge must be refused.
	case r.CodeChallenge() == "" || !oauth.VerifyPKCE(r.CodeChallengeMethod(), r.CodeChallenge(), verifier):
		e.refuse(v, oauth.PKCEVerificationFailed, "the code verifier does not match the code challenge")
	}
}

// refuse never tells the verifier: it is a secret.
func (e *pkceEnforcer) refuse(v *pdp.Verdict, code, description string) {
	v.Reject(pdp.Finding{
		Code: code, Field: oauth.ParamCodeVerifier, Description: description,
		Expected: "the verifier that the code challenge was made from", Spec: "RFC 7636 §4.6",
		Remedy: "send the code_verifier of this authorization request",
	})
}
