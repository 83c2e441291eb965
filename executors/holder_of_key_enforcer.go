package executors

import (
	"net/http"
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:   "holder-of-key-enforcer",
		Doc:  "Demands certificate-bound tokens.",
		Spec: []string{"RFC 8705 §3", "FAPI 1.0 Advanced 5.2.2-5", "FAPI 2.0 SP 5.3.2.1-4"},
		Events: pdp.On(pdp.Register, pdp.Update, pdp.TokenRequest, pdp.ServiceAccountTokenRequest, pdp.BackchannelTokenRequest,
			pdp.TokenRefresh, pdp.TokenRevoke, pdp.UserinfoRequest, pdp.LogoutRequest),
		Delta: true,
		New:   pdp.Configure(newHolderOfKeyEnforcer),
	})
}

type holderOfKeyConfig struct {
	// AutoConfigure switches certificate-bound tokens on instead of refusing.
	AutoConfigure bool `config:"auto-configure" default:"false" doc:"Switch certificate-bound tokens of the client on instead of refusing a client that has them off."`
}

// holderOfKeyEnforcer demands a client certificate where tokens are issued and the
// same certificate where they are used (executors-request.md and
// executors-client.md, holder-of-key-enforcer).
type holderOfKeyEnforcer struct{ holderOfKeyConfig }

func newHolderOfKeyEnforcer(c holderOfKeyConfig) (pdp.Executor, error) {
	return &holderOfKeyEnforcer{c}, nil
}

const (
	holderOfKeyField  = "/tls/clientCertificateSha256"
	holderOfKeySpec   = "RFC 8705 §3"
	holderOfKeyRemedy = "connect with the client certificate that the token is bound to"
)

// Execute judges the client on its writes, the certificate where tokens are
// issued, and the binding where they are used.
func (e *holderOfKeyEnforcer) Execute(r *pdp.Request, v *pdp.Verdict) error {
	switch r.Event() {
	case pdp.Register, pdp.Update:
		e.configure(r, v)
	case pdp.TokenRequest, pdp.ServiceAccountTokenRequest, pdp.BackchannelTokenRequest:
		e.issue(r, v)
	case pdp.TokenRefresh:
		e.use(r, v, oauth.InvalidGrant, http.StatusBadRequest)
	default:
		// Keycloak's endpoint crashes here: there is no token to judge.
		if r.FrontChannelLogout() {
			r.Because("a front-channel logout carries no token")
			return nil
		}
		e.use(r, v, oauth.NotAllowed, http.StatusUnauthorized)
	}
	return nil
}

func (e *holderOfKeyEnforcer) configure(r *pdp.Request, v *pdp.Verdict) {
	if e.AutoConfigure {
		v.SetAttribute(oauth.AttrCertificateBoundTokens, "true")
	}
	bound, _ := r.Client().Attribute(oauth.AttrCertificateBoundTokens)
	if !strings.EqualFold(bound, "true") {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidClientMetadata, Field: pdp.AttributePointer(oauth.AttrCertificateBoundTokens),
			Description: "the client's tokens must be bound to its certificate", Expected: "true", Actual: orNone(bound),
			Spec: "RFC 8705 §3.4", Remedy: "set the attribute to true, or turn auto-configure on",
		})
	}
}

// RFC 8705 §3: a bound token can only be issued over a connection with a certificate.
func (e *holderOfKeyEnforcer) issue(r *pdp.Request, v *pdp.Verdict) {
	if r.CertificateThumbprint() == "" {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: holderOfKeyField, Description: "a client certificate is required",
			Expected: "a client certificate", Actual: "none", Spec: holderOfKeySpec, Remedy: "connect with the client's certificate",
		})
	}
}

// use lets a token pass that cannot be read: the endpoint refuses it. A token with
// `cnf` but without `x5t#S256` is not bound; Keycloak crashes on it.
func (e *holderOfKeyEnforcer) use(r *pdp.Request, v *pdp.Verdict, code string, status int) {
	token := r.Token()
	if !token.Readable() {
		r.Because("the token cannot be read; the endpoint refuses it")
		return
	}
	presented, bound := r.CertificateThumbprint(), token.Confirmation(oauth.ConfirmationX5T)
	if presented == "" || presented != bound {
		v.Reject(pdp.Finding{
			Code: code, Status: status, Field: holderOfKeyField,
			Description: "the token is not bound to the client certificate of this connection",
			Expected:    orNone(bound), Actual: orNone(presented), Spec: holderOfKeySpec, Remedy: holderOfKeyRemedy,
		})
	}
}
