package executors

import (
	"slices"
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:   "secure-client-authenticator",
		Doc:  "Allows only the listed client authentication methods and fills in a default.",
		Spec: []string{"FAPI 1.0 Advanced 5.2.2-14", "FAPI 2.0 SP 5.3.2.1-6", "RFC 9700 §2.5"},
		Events: pdp.On(pdp.Register, pdp.Update, pdp.TokenRequest, pdp.ServiceAccountTokenRequest,
			pdp.TokenRefresh, pdp.TokenRevoke, pdp.TokenIntrospect, pdp.LogoutRequest),
		Delta: true,
		New:   pdp.Configure(newSecureClientAuthenticator),
	})
}

type secureClientAuthenticatorConfig struct {
	// Allowed are authenticator ids; an empty list allows none.
	Allowed []string `config:"allowed-client-authenticators" type:"MultivaluedList" options:"client-jwt,client-secret,federated-jwt,attestation-based,client-x509,client-secret-jwt" doc:"Ids of the allowed client authenticators; an empty list allows none."`
	// Default is filled in for a client that names no authenticator; empty fills in none.
	Default string `config:"default-client-authenticator" type:"List" form:"client-jwt" options:"client-jwt,client-secret,federated-jwt,attestation-based,client-x509,client-secret-jwt" doc:"Id that is filled in for a client that names no authenticator; empty fills in none."`
}

// secureClientAuthenticator judges the registered authenticator of a client, not
// the one that it used (executors-client.md, secure-client-authenticator).
type secureClientAuthenticator struct {
	secureClientAuthenticatorConfig
	expected string
}

func newSecureClientAuthenticator(c secureClientAuthenticatorConfig) (pdp.Executor, error) {
	expected := "no authenticator at all: the list of allowed ones is empty"
	if len(c.Allowed) > 0 {
		expected = "one of " + strings.Join(c.Allowed, ", ")
	}
	return &secureClientAuthenticator{c, expected}, nil
}

// Execute fills in the default on writes, and judges on writes and requests.
func (e *secureClientAuthenticator) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if !pdp.ClientWrites.Has(r.Event()) {
		e.judge(r, v, oauth.InvalidRequest)
		return nil
	}
	if _, named := r.Client().String(pdp.ClientAuthenticatorType); !named && e.Default != "" {
		v.SetString(pdp.ClientAuthenticatorType, e.Default)
	}
	e.judge(r, v, oauth.InvalidClientMetadata)
	return nil
}

func (e *secureClientAuthenticator) judge(r *pdp.Request, v *pdp.Verdict, code string) {
	client := r.Client()
	if client.IsTrue(pdp.PublicClient) {
		r.Because("a public client does not authenticate")
		return
	}
	authenticator, named := client.String(pdp.ClientAuthenticatorType)
	if named && slices.Contains(e.Allowed, authenticator) {
		return
	}
	// FAPI 2.0 SP 5.3.2.1-6: mutual TLS or private_key_jwt.
	v.Reject(pdp.Finding{
		Code: code, Field: pdp.ClientAuthenticatorType.Pointer(),
		Description: "the client authenticator is not allowed", Expected: e.expected, Actual: authenticator,
		Spec: "FAPI 2.0 SP 5.3.2.1-6", Remedy: "register an allowed client authenticator, or add this one to the profile",
	})
}
