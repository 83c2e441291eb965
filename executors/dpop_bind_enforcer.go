package executors

import (
	"net/http"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:   "dpop-bind-enforcer",
		Doc:  "Demands DPoP-bound tokens.",
		Spec: []string{"RFC 9449", "FAPI 2.0 SP 5.3.2.1-5"},
		Events: pdp.On(pdp.Register, pdp.Update, pdp.AuthorizationRequest, pdp.PreTokenRequest, pdp.TokenRequest,
			pdp.TokenRefresh, pdp.TokenRevoke, pdp.UserinfoRequest, pdp.BackchannelTokenRequest),
		Delta: true,
		New:   pdp.Configure(newDPoPBindEnforcer),
	})
}

type dpopBindConfig struct {
	// AutoConfigure switches DPoP-bound tokens on instead of refusing.
	AutoConfigure bool `config:"auto-configure" default:"false" doc:"Switch DPoP-bound tokens of the client on instead of refusing a client that has them off."`
	// EnforceCodeBinding demands dpop_jkt at the authorization endpoint.
	EnforceCodeBinding bool `config:"enforce-authorization-code-binding-to-dpop" default:"false" doc:"Demand dpop_jkt, so that the code itself is bound to the key."`
	// OnlyRefreshTokens binds the refresh tokens of public clients and leaves access tokens bearer.
	OnlyRefreshTokens bool `config:"allow-only-refresh-token-binding" default:"false" doc:"Let public clients bind the refresh token only; the access token stays a bearer token."`
}

// dpopBindEnforcer demands a DPoP proof where tokens are issued and used
// (executors-request.md and executors-client.md, dpop-bind-enforcer).
type dpopBindEnforcer struct{ dpopBindConfig }

func newDPoPBindEnforcer(c dpopBindConfig) (pdp.Executor, error) { return &dpopBindEnforcer{c}, nil }

const (
	dpopBindSpec   = "RFC 9449 §5"
	dpopBindRemedy = "send a DPoP header with a proof of possession of the client's key"
)

// Execute judges the client on its writes, and the proof on requests.
func (e *dpopBindEnforcer) Execute(r *pdp.Request, v *pdp.Verdict) error {
	switch r.Event() {
	case pdp.Register, pdp.Update:
		e.configure(r, v)
	case pdp.AuthorizationRequest:
		e.authorize(r, v)
	case pdp.PreTokenRequest:
		e.beforeToken(r, v)
	case pdp.TokenRequest, pdp.TokenRefresh:
		e.issue(r, v)
	case pdp.TokenRevoke:
		e.revoke(r, v)
	case pdp.UserinfoRequest:
		e.present(r, v, http.StatusUnauthorized)
	default:
		e.present(r, v, http.StatusBadRequest)
	}
	return nil
}

func (e *dpopBindEnforcer) configure(r *pdp.Request, v *pdp.Verdict) {
	if e.AutoConfigure {
		v.SetAttribute(oauth.AttrDPoPBoundTokens, "true")
	}
	if client := r.Client(); !dpopBound(client) {
		found, _ := client.Attribute(oauth.AttrDPoPBoundTokens)
		v.Reject(pdp.Finding{
			Code: oauth.InvalidClientMetadata, Field: pdp.AttributePointer(oauth.AttrDPoPBoundTokens),
			Description: "the client's tokens must be DPoP-bound", Expected: "true", Actual: orNone(found),
			Spec: "RFC 9449 §5.2", Remedy: "set the attribute to true, or turn auto-configure on",
		})
	}
}

func (e *dpopBindEnforcer) authorize(r *pdp.Request, v *pdp.Verdict) {
	if !e.EnforceCodeBinding {
		r.Because("the code need not be bound to a key")
		return
	}
	// RFC 9449 §10: the code is bound to the key by dpop_jkt.
	if !r.HasEffective(oauth.ParamDPoPJKT) {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: oauth.ParamDPoPJKT, Description: "dpop_jkt is missing",
			Expected: "the thumbprint of the DPoP key", Actual: "none", Spec: "RFC 9449 §10", Remedy: "send dpop_jkt, or a DPoP proof with the pushed request",
		})
	}
}

func dpopBound(c pdp.Client) bool {
	flag, _ := c.Attribute(oauth.AttrDPoPBoundTokens)
	return strings.EqualFold(flag, "true")
}

func (e *dpopBindEnforcer) beforeToken(r *pdp.Request, v *pdp.Verdict) {
	client := r.Client()
	if !client.Known() {
		r.Because("the client of the code is not known")
		return
	}
	// Keycloak's code here; RFC 9449 §5 would have invalid_dpop_proof.
	if dpopBound(client) && !r.ProofPresented() {
		e.refuse(r, v, oauth.InvalidRequest, http.StatusBadRequest, "a DPoP proof is required")
	}
}

// issue binds the refresh tokens of public clients alone, when that is allowed.
func (e *dpopBindEnforcer) issue(r *pdp.Request, v *pdp.Verdict) {
	client := r.Client()
	if !e.OnlyRefreshTokens || dpopBound(client) || !client.IsTrue(pdp.PublicClient) {
		r.Because("only public clients without DPoP-bound tokens bind the refresh token alone")
		return
	}
	if !r.ProofVerified() {
		e.refuse(r, v, oauth.InvalidDPoPProof, http.StatusBadRequest, "a valid DPoP proof is required")
		return
	}
	v.Oblige(&pb.Obligation{Obligation: &pb.Obligation_DpopBindRefreshTokenOnly{DpopBindRefreshTokenOnly: &pb.DPoPBindRefreshTokenOnly{}}})
}

func (e *dpopBindEnforcer) revoke(r *pdp.Request, v *pdp.Verdict) {
	if !r.ProofVerified() {
		e.refuse(r, v, oauth.InvalidDPoPProof, http.StatusBadRequest, "a valid DPoP proof is required")
		return
	}
	token := r.Token()
	if !token.Readable() {
		r.Because("the token cannot be read; the endpoint refuses it")
		return
	}
	// RFC 9449 §6: the confirmation names the key that the token is bound to.
	if bound := token.Confirmation(oauth.ConfirmationJKT); bound == "" || bound != r.ProofThumbprint() {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidToken, Field: "/token/claims/cnf/jkt", Description: "the token is not bound to the key of the DPoP proof",
			Expected: orNone(r.ProofThumbprint()), Actual: orNone(bound), Spec: "RFC 9449 §6", Remedy: "prove possession of the key that the token is bound to",
		})
	}
}

// present asks for the header alone; the endpoint verifies it.
func (e *dpopBindEnforcer) present(r *pdp.Request, v *pdp.Verdict, status int) {
	if !r.ProofPresented() {
		e.refuse(r, v, oauth.InvalidDPoPProof, status, "a DPoP proof is required")
	}
}

func (e *dpopBindEnforcer) refuse(r *pdp.Request, v *pdp.Verdict, code string, status int, description string) {
	actual := "none"
	if r.ProofPresented() {
		actual = "a proof that is not valid"
	}
	v.Reject(pdp.Finding{
		Code: code, Status: status, Field: "/dpop", Description: description,
		Expected: "a DPoP proof", Actual: actual, Spec: dpopBindSpec, Remedy: dpopBindRemedy,
	})
}
