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

const samlAvoidRedirectSpec = "SAML 2.0 Bindings §3.4"

// Execute judges the client on its writes, and the binding on requests.
func (e samlAvoidRedirect) Execute(r *pdp.Request, v *pdp.Verdict) error {
	client := r.Client()
	switch {
	case samlClientWrite(r):
		e.configure(r, v, client)
	case samlAttribute(client, oauth.AttrSAMLForcePOST):
		r.Because("the client is always answered by POST")
	case r.Event() == pdp.SAMLAuthnRequest && r.SAMLProtocolBinding() != "":
		e.asked(r, v)
	case cameByRedirect(r):
		e.refuse(v, "/request/samlBinding", "the message came by HTTP-Redirect", "HTTP-Redirect")
	}
	return nil
}

func (samlAvoidRedirect) configure(r *pdp.Request, v *pdp.Verdict, client pdp.Client) {
	if !samlClient(client) {
		r.Because("the client does not speak SAML")
		return
	}
	if samlAttribute(client, oauth.AttrSAMLForcePOST) {
		return
	}
	actual, _ := client.Attribute(oauth.AttrSAMLForcePOST)
	v.Reject(pdp.Finding{
		Code: oauth.InvalidClientMetadata, Field: pdp.AttributePointer(oauth.AttrSAMLForcePOST),
		Description: "the client must be answered by POST", Expected: "true", Actual: orNone(actual),
		Spec: samlAvoidRedirectSpec, Remedy: "set the attribute to true",
	})
}

// asked judges the binding that the request asks for. How the request came counts
// only when it asks for an artifact.
func (e samlAvoidRedirect) asked(r *pdp.Request, v *pdp.Verdict) {
	asked := r.SAMLProtocolBinding()
	if asked == oauth.SAMLBindingRedirect || asked == oauth.SAMLBindingArtifact && cameByRedirect(r) {
		e.refuse(v, "/request/samlProtocolBinding", "the answer is asked for by a binding that uses redirects", asked)
	}
}

func cameByRedirect(r *pdp.Request) bool {
	return r.SAMLBinding() == pb.OAuthRequest_SAML_BINDING_REDIRECT
}

func (samlAvoidRedirect) refuse(v *pdp.Verdict, field, description, actual string) {
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: field, Description: description, Expected: "HTTP-POST", Actual: actual,
		Spec: samlAvoidRedirectSpec, Remedy: "use the HTTP-POST binding",
	})
}
