package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "reject-implicit-grant",
		Doc:    "Refuses the implicit and hybrid flows.",
		Spec:   []string{"RFC 9700 §2.1.2", "OAuth 2.1 §10.1", "FAPI 2.0 SP 5.3.2.2-1"},
		Events: pdp.On(pdp.Register, pdp.Update, pdp.AuthorizationRequest, pdp.PushedAuthorizationRequest),
		New:    pdp.Configure(newRejectImplicitGrant),
	})
}

type rejectImplicitGrantConfig struct {
	// AutoConfigure switches the implicit flow off instead of refusing it.
	AutoConfigure bool `config:"auto-configure" default:"false" doc:"Switch the implicit flow of the client off instead of refusing a client that has it on."`
}

// rejectImplicitGrant allows no token in the front channel
// (executors-request.md and executors-client.md, reject-implicit-grant). Keycloak
// crashes on an update that leaves the switch out, so the effective client is
// judged under both compatibilities (executors-client.md Δ5).
type rejectImplicitGrant struct{ rejectImplicitGrantConfig }

func newRejectImplicitGrant(c rejectImplicitGrantConfig) (pdp.Executor, error) {
	return &rejectImplicitGrant{c}, nil
}

const (
	rejectImplicitGrantSpec   = "RFC 9700 §2.1.2"
	rejectImplicitGrantRemedy = "use response_type=code with PKCE"
)

// Execute judges the client on its writes, and the response type on requests.
func (e *rejectImplicitGrant) Execute(r *pdp.Request, v *pdp.Verdict) error {
	switch r.Event() {
	case pdp.AuthorizationRequest:
		e.authorize(r, v)
	case pdp.PushedAuthorizationRequest:
		e.push(r, v)
	default:
		e.configure(r, v)
	}
	return nil
}

func (e *rejectImplicitGrant) configure(r *pdp.Request, v *pdp.Verdict) {
	if e.AutoConfigure {
		v.SetBool(pdp.ImplicitFlowEnabled, false)
	}
	if r.Client().IsTrue(pdp.ImplicitFlowEnabled) {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidClientMetadata, Field: pdp.ImplicitFlowEnabled.Pointer(),
			Description: "the implicit flow must be off", Expected: "false", Actual: "true",
			Spec: rejectImplicitGrantSpec, Remedy: "switch the implicit flow off, or turn auto-configure on",
		})
	}
}

func (e *rejectImplicitGrant) authorize(r *pdp.Request, v *pdp.Verdict) {
	types, _ := r.Effective(oauth.ParamResponseType)
	if oauth.HasWord(types, oauth.ResponseTypeToken) || oauth.HasWord(types, oauth.ResponseTypeIDToken) {
		e.refuse(v, types)
	}
}

// push takes nothing but code: a missing or empty type is refused too.
func (e *rejectImplicitGrant) push(r *pdp.Request, v *pdp.Verdict) {
	if types, _ := r.Effective(oauth.ParamResponseType); types != oauth.ResponseTypeCode {
		e.refuse(v, types)
	}
}

func (e *rejectImplicitGrant) refuse(v *pdp.Verdict, types string) {
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: oauth.ParamResponseType,
		Description: "implicit and hybrid flows are not allowed", Expected: oauth.ResponseTypeCode, Actual: orNone(types),
		Spec: rejectImplicitGrantSpec, Remedy: rejectImplicitGrantRemedy,
	})
}
