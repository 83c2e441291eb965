package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "tls-client-auth-ca-subject-dn",
		Doc:    "Fills or demands the subject DN of the CA of clients that authenticate by certificate.",
		Spec:   []string{"Open Finance Brasil DCR 7.1-15", "RFC 8705 §2.1"},
		Events: pdp.On(pdp.Registered, pdp.Updated),
		New:    pdp.Configure(newTLSClientAuthCASubjectDN),
	})
}

type tlsClientAuthCASubjectDNConfig struct {
	// CASubjectDN is the DN, in the form of RFC 4514 or RFC 1779.
	CASubjectDN string `config:"ca-subject-dn" required:"true" doc:"Subject DN of the CA, in the form of RFC 4514 or RFC 1779."`
	// Enforced refuses another DN.
	Enforced bool `config:"enforced" default:"false" doc:"Refuse a client that names another DN."`
}

// tlsClientAuthCASubjectDN binds certificates to a CA (executors-client.md,
// tls-client-auth-ca-subject-dn).
type tlsClientAuthCASubjectDN struct {
	text     string
	dn       oauth.DN
	enforced bool
}

func newTLSClientAuthCASubjectDN(c tlsClientAuthCASubjectDNConfig) (pdp.Executor, error) {
	dn, err := oauth.ParseDN(c.CASubjectDN)
	if err != nil {
		return nil, pdp.KeyError("ca-subject-dn", "no distinguished name of RFC 4514: %s", err)
	}
	return &tlsClientAuthCASubjectDN{c.CASubjectDN, dn, c.Enforced}, nil
}

// Execute fills the DN where there is none, and compares it when it is enforced.
func (e *tlsClientAuthCASubjectDN) Execute(r *pdp.Request, v *pdp.Verdict) error {
	client := r.Client()
	if kind, _ := client.String(pdp.ClientAuthenticatorType); kind != oauth.AuthenticatorClientX509 {
		r.Because("the client does not authenticate by certificate")
		return nil
	}
	text, there := client.Attribute(oauth.AttrX509CASubjectDN)
	if !there {
		v.SetAttribute(oauth.AttrX509CASubjectDN, e.text)
		return nil
	}
	if !e.enforced || text == e.text {
		return nil
	}
	if dn, err := oauth.ParseDN(text); err != nil || !dn.Equal(e.dn) {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: pdp.AttributePointer(oauth.AttrX509CASubjectDN),
			Description: "the client names another CA", Expected: e.text, Actual: text,
			Spec: "Open Finance Brasil DCR 7.1-15", Remedy: "leave the attribute out, or set it to the DN demanded",
		})
	}
	return nil
}
