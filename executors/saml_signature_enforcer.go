package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "saml-signature-enforcer",
		Doc:    "Demands that a SAML client signs, and that documents or assertions are signed for it.",
		Spec:   []string{"SAML 2.0 Profiles §4.1.4.5"},
		Events: pdp.On(pdp.Registered, pdp.Updated, pdp.SAMLAuthnRequest, pdp.SAMLLogoutRequest),
		New:    pdp.Configure(newSAMLSignatureEnforcer),
	})
}

// samlSignatureEnforcer judges the client's settings, not the message
// (executors-client.md, saml-signature-enforcer). SAML attributes are true only
// when they are exactly `true`.
type samlSignatureEnforcer struct{}

func newSAMLSignatureEnforcer(pdp.NoConfig) (pdp.Executor, error) {
	return samlSignatureEnforcer{}, nil
}

// Execute judges the client that the event is about.
func (e samlSignatureEnforcer) Execute(r *pdp.Request, v *pdp.Verdict) error {
	client := r.Client()
	if samlClientWrite(r) && !samlClient(client) {
		r.Because("the client does not speak SAML")
		return nil
	}
	if !samlAttribute(client, oauth.AttrSAMLClientSignature) {
		e.refuse(r, v, oauth.AttrSAMLClientSignature, "the client must sign its messages")
	}
	if !samlAttribute(client, oauth.AttrSAMLServerSignature) && !samlAttribute(client, oauth.AttrSAMLAssertionSignature) {
		e.refuse(r, v, oauth.AttrSAMLServerSignature, "documents or assertions must be signed for the client")
	}
	return nil
}

func (samlSignatureEnforcer) refuse(r *pdp.Request, v *pdp.Verdict, attribute, description string) {
	actual, _ := r.Client().Attribute(attribute)
	v.Reject(pdp.Finding{
		Code: samlCode(r), Field: pdp.AttributePointer(attribute), Description: description, Expected: "true", Actual: orNone(actual),
		Spec: "SAML 2.0 Profiles §4.1.4.5", Remedy: "set the attribute " + attribute + " to true",
	})
}
