package executors

import (
	"strconv"
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "saml-secure-client-uris",
		Doc:    "Demands https for all URLs of a SAML client.",
		Spec:   []string{"SAML 2.0 Security §6.1"},
		Events: pdp.On(pdp.Registered, pdp.Updated, pdp.SAMLAuthnRequest, pdp.SAMLLogoutRequest),
		New:    pdp.Configure(newSAMLSecureClientURIs),
	})
}

type samlSecureClientURIsConfig struct {
	// AllowWildcardRedirects lets redirect URIs end in a wildcard.
	AllowWildcardRedirects bool `config:"allow-wildcard-redirects" doc:"Let redirect URIs end in a wildcard."`
}

// samlSecureClientURIs wants every URL to begin with `https:`, case-sensitive; a
// blank one is none (executors-client.md, saml-secure-client-uris).
type samlSecureClientURIs struct{ samlSecureClientURIsConfig }

func newSAMLSecureClientURIs(c samlSecureClientURIsConfig) (pdp.Executor, error) {
	return &samlSecureClientURIs{c}, nil
}

var (
	samlConsumerURLs = []string{oauth.AttrSAMLConsumerPOST, oauth.AttrSAMLConsumerRedirect, oauth.AttrSAMLArtifactBinding}
	samlLogoutURLs   = []string{oauth.AttrSAMLLogoutPOST, oauth.AttrSAMLLogoutArtifact, oauth.AttrSAMLLogoutRedirect, oauth.AttrSAMLLogoutSOAP}
)

// Execute judges the URLs of the client that the event is about.
func (e *samlSecureClientURIs) Execute(r *pdp.Request, v *pdp.Verdict) error {
	client := r.Client()
	switch r.Event() {
	case pdp.SAMLAuthnRequest:
		if url := r.AssertionConsumerServiceURL(); url != "" {
			e.check(r, v, "/request/assertionConsumerServiceUrl", url)
			return nil
		}
		e.member(r, v, client, pdp.AdminURL)
		e.attributes(r, v, client, samlConsumerURLs)
	case pdp.SAMLLogoutRequest:
		e.member(r, v, client, pdp.AdminURL)
		e.attributes(r, v, client, samlLogoutURLs)
	default:
		e.configured(r, v, client)
	}
	return nil
}

func (e *samlSecureClientURIs) configured(r *pdp.Request, v *pdp.Verdict, client pdp.Client) {
	if !samlClient(client) {
		r.Because("the client does not speak SAML")
		return
	}
	e.member(r, v, client, pdp.RootURL)
	e.member(r, v, client, pdp.AdminURL)
	e.member(r, v, client, pdp.BaseURL)
	e.redirects(r, v, client)
	e.attributes(r, v, client, samlConsumerURLs)
	e.attributes(r, v, client, samlLogoutURLs)
	e.attribute(r, v, client, oauth.AttrSAMLArtifactResolution)
}

func (e *samlSecureClientURIs) redirects(r *pdp.Request, v *pdp.Verdict, client pdp.Client) {
	for i, uri := range client.List(pdp.RedirectURIs) {
		resolved, known := resolveRedirect(r, client, uri)
		if !known {
			e.refuseRedirect(r, v, i, "a relative URI cannot be resolved: there is neither a root URL nor an issuer", uri)
			continue
		}
		if !secureSAMLURL(resolved) {
			e.refuseRedirect(r, v, i, insecureSAMLURL, resolved)
		}
		if !e.AllowWildcardRedirects && strings.HasSuffix(resolved, "*") && !strings.ContainsAny(resolved, "?#") {
			e.refuseRedirect(r, v, i, "a redirect URI must not end in a wildcard", resolved)
		}
	}
}

func (e *samlSecureClientURIs) refuseRedirect(r *pdp.Request, v *pdp.Verdict, i int, description, actual string) {
	e.refuse(r, v, pdp.RedirectURIs.Pointer()+"/"+strconv.Itoa(i), description, actual)
}

func (e *samlSecureClientURIs) member(r *pdp.Request, v *pdp.Verdict, client pdp.Client, f *pdp.StringField) {
	url, _ := client.String(f)
	e.check(r, v, f.Pointer(), url)
}

func (e *samlSecureClientURIs) attributes(r *pdp.Request, v *pdp.Verdict, client pdp.Client, keys []string) {
	for _, key := range keys {
		e.attribute(r, v, client, key)
	}
}

func (e *samlSecureClientURIs) attribute(r *pdp.Request, v *pdp.Verdict, client pdp.Client, key string) {
	if url, _ := client.Attribute(key); !secureSAMLURL(url) {
		e.refuse(r, v, pdp.AttributePointer(key), insecureSAMLURL, url)
	}
}

func (e *samlSecureClientURIs) check(r *pdp.Request, v *pdp.Verdict, field, url string) {
	if !secureSAMLURL(url) {
		e.refuse(r, v, field, insecureSAMLURL, url)
	}
}

const insecureSAMLURL = "the URL must use https"

func secureSAMLURL(url string) bool {
	return strings.HasPrefix(url, "https:") || strings.TrimSpace(url) == ""
}

func (e *samlSecureClientURIs) refuse(r *pdp.Request, v *pdp.Verdict, field, description, actual string) {
	v.Reject(pdp.Finding{
		Code: samlCode(r), Field: field, Description: description, Expected: "https:…", Actual: withoutUserinfo(actual),
		Spec: "SAML 2.0 Security §6.1", Remedy: "register and use https URLs without wildcards",
	})
}
