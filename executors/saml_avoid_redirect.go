package executors

import (
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "saml-avoid-redirect",
		Doc:    "Refuses the SAML HTTP-Redirect binding.",
		Spec:   []string{"SAML 2.0 Bindings §3.4"},
		Events: pdp.On(pdp.Registered, pdp.Updated, pdp.SAMLAuthnRequest, pdp.SAMLLogoutRequest),
		New:    pdp.Configure(newSAMLAvoidRedirect),
	})
}

// samlAvoidRedirect demands that messages are posted
// (executors-client.md and executors-request.md, saml-avoid-redirect).
type samlAvoidRedirect struct{}

func newSAMLAvoidRedirect(pdp.NoConfig) (pdp.Executor, error) { return samlAvoidRedirect{}, nil }

// Execute judges the client on its writes, and the binding on requests.
func (e samlAvoidRedirect) Execute(r *pdp.Request, v *pdp.Verdict) error {
	forced := samlAttribute(r.Client(), oauth.AttrSAMLForcePOST)
	switch {
	case samlClientWrite(r):
		e.configure(r, v, forced)
	case forced:
		r.Because("the client is always answered by POST")
	case r.Event() == pdp.SAMLAuthnRequest && r.SAMLProtocolBinding() != "":
		e.asked(r, v)
	case r.SAMLBinding() == pb.OAuthRequest_SAML_BINDING_REDIRECT:
		e.refuse(v, "saml binding", "the message came by HTTP-Redirect", "HTTP-Redirect")
	}
	return nil
}

func (samlAvoidRedirect) configure(r *pdp.Request, v *pdp.Verdict, forced bool) {
	if !samlClient(r.Client()) || forced {
		return
	}
	actual, _ := r.Client().Attribute(oauth.AttrSAMLForcePOST)
	v.Reject(pdp.Finding{
		Code: oauth.InvalidClientMetadata, Field: pdp.AttributePointer(oauth.AttrSAMLForcePOST),
		Description: "the client must be answered by POST", Expected: "true", Actual: orNone(actual),
		Spec: "SAML 2.0 Bindings §3.4", Remedy: "set the attribute to true",
	})
}

// asked judges the binding that the request asks for.
func (e samlAvoidRedirect) asked(r *pdp.Request, v *pdp.Verdict) {
	asked := r.SAMLProtocolBinding()
	byRedirect := r.SAMLBinding() == pb.OAuthRequest_SAML_BINDING_REDIRECT
	if asked == oauth.SAMLBindingRedirect || asked == oauth.SAMLBindingArtifact && byRedirect {
		e.refuse(v, "ProtocolBinding", "the answer is asked for by a binding that uses redirects", asked)
	}
}

func (samlAvoidRedirect) refuse(v *pdp.Verdict, field, description, actual string) {
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: field, Description: description, Expected: "HTTP-POST", Actual: actual,
		Spec: "SAML 2.0 Bindings §3.4", Remedy: "use the HTTP-POST binding",
	})
}
