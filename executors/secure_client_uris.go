package executors

import (
	"strconv"
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:             "secure-client-uris",
		Doc:            "Demands https and no wildcard of every URI of a client.",
		Spec:           []string{"FAPI 1.0 Baseline 5.2.2-20", "FAPI 2.0 SP 5.3.2.2-8", "RFC 9700 §2.6"},
		Events:         pdp.On(pdp.Register, pdp.Update, pdp.AuthorizationRequest),
		Delta:          true,
		UnsafeRedirect: true,
		New:            pdp.Configure(newSecureClientURIs),
	})
}

type secureClientURIsConfig struct {
	// AllowHTTPOnLocalhost lets an authorization request use http to this machine.
	// Registered URIs are https all the same.
	AllowHTTPOnLocalhost bool `config:"allow-http-on-localhost" default:"false" hidden:"true" doc:"Let an authorization request use http to localhost; registered URIs must be https all the same."`
}

// secureClientURIs demands https of the URIs that a client registers and of the
// one that it redirects to (executors-client.md, secure-client-uris). URIs are
// compared as texts: a relative one is not resolved but refused.
type secureClientURIs struct{ secureClientURIsConfig }

func newSecureClientURIs(c secureClientURIsConfig) (pdp.Executor, error) {
	return &secureClientURIs{c}, nil
}

// Execute judges the registered URIs on writes and the redirect URI on requests.
func (e *secureClientURIs) Execute(r *pdp.Request, v *pdp.Verdict) error {
	switch {
	case r.Event() == pdp.AuthorizationRequest:
		e.authorize(r, v)
	case !refuseMetadataDocument(r, v):
		e.configure(r, v)
	}
	return nil
}

// refuseMetadataDocument refuses clients made from a metadata document, which four
// executors do not take at all (executors-client.md 0.5).
func refuseMetadataDocument(r *pdp.Request, v *pdp.Verdict) bool {
	if r.Channel() != pdp.ChannelMetadataDocument {
		return false
	}
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: "/registration/channel",
		Description: "clients made from a metadata document are not allowed",
		Expected:    "the administration API or dynamic registration", Actual: r.Channel().String(),
		Remedy: "register the client, or keep its policy from clients with a metadata document",
	})
	return true
}

func (e *secureClientURIs) configure(r *pdp.Request, v *pdp.Verdict) {
	c := clientURICheck{Client: r.Client(), verdict: v}
	c.text(pdp.RootURL)
	c.text(pdp.AdminURL)
	c.text(pdp.BaseURL)
	c.attribute(oauth.AttrBackchannelLogoutURL)
	c.list(pdp.RedirectURIs)
	c.list(pdp.WebOrigins)
	c.attribute(oauth.AttrJWKSURL)
	c.attributes(oauth.AttrRequestURIs)
	c.attribute(oauth.AttrCIBANotificationURL)
	c.attributes(oauth.AttrPostLogoutRedirectURIs)
	c.attribute(oauth.AttrLogoURI)
	c.attribute(oauth.AttrTermsOfServiceURI)
	c.attribute(oauth.AttrPolicyURI)
	if r.Event() == pdp.Register && !c.refused {
		e.narrow(r.Client(), v)
	}
}

// narrow makes the root the only redirect URI of a client that names none: the
// identity provider would make it `root/*`.
func (*secureClientURIs) narrow(c pdp.Client, v *pdp.Verdict) {
	root, sent := c.String(pdp.RootURL)
	if sent && len(c.List(pdp.RedirectURIs)) == 0 {
		v.SetList(pdp.RedirectURIs, []string{root})
	}
}

func (e *secureClientURIs) authorize(r *pdp.Request, v *pdp.Verdict) {
	uri, _ := r.RedirectURI()
	switch {
	case uri == "":
		// FAPI 1.0 Baseline 5.2.2-9: redirect_uri is required.
		refuseRedirect(v, uri, "the redirect URI is missing", "FAPI 1.0 Baseline 5.2.2-9")
	case strings.Contains(uri, "*"):
		refuseRedirect(v, uri, "the redirect URI holds a wildcard", "RFC 9700 §2.1")
	case e.AllowHTTPOnLocalhost && r.LocalHTTP(uri):
		r.Because("http to this machine is allowed")
	case !strings.HasPrefix(uri, httpsPrefix):
		refuseRedirect(v, uri, "the redirect URI is not https", "FAPI 2.0 SP 5.3.2.2-8")
	}
}

func refuseRedirect(v *pdp.Verdict, uri, description, spec string) {
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: oauth.ParamRedirectURI, Description: description, Expected: secureURI,
		Actual: withoutUserinfo(uri), Spec: spec, Remedy: "send the redirect_uri of an https URI that is registered",
	})
}

const (
	httpsPrefix = "https://"
	secureURI   = "a URI that begins with https:// and holds no *"
)

// clientURICheck judges the URIs of one client in turn.
type clientURICheck struct {
	pdp.Client
	verdict *pdp.Verdict
	refused bool
}

func (c *clientURICheck) text(f *pdp.StringField) {
	if uri, _ := c.String(f); !isSecureURI(uri) {
		c.refuse(f.Pointer(), uri)
	}
}

func (c *clientURICheck) list(f *pdp.ListField) {
	for i, uri := range c.List(f) {
		if !isSecureURI(uri) && !standsForRedirects(f == pdp.WebOrigins, uri) {
			c.refuse(f.Pointer()+"/"+strconv.Itoa(i), uri)
		}
	}
}

func (c *clientURICheck) attribute(key string) {
	if uri, _ := c.Attribute(key); !isSecureURI(uri) {
		c.refuse(pdp.AttributePointer(key), uri)
	}
}

// attributes judges an attribute that holds several URIs.
func (c *clientURICheck) attributes(key string) {
	text, _ := c.Attribute(key)
	if text == "" {
		return
	}
	for _, uri := range oauth.SplitList(text) {
		if !isSecureURI(uri) && !standsForRedirects(key == oauth.AttrPostLogoutRedirectURIs, uri) {
			c.refuse(pdp.AttributePointer(key), uri)
		}
	}
}

// standsForRedirects reports whether a value is the `+` that stands for the
// redirect URIs or their origins. Those are judged where they stand, and what is
// made of a secure one is secure.
func standsForRedirects(may bool, uri string) bool { return may && uri == "+" }

// isSecureURI takes an empty URI for none.
func isSecureURI(uri string) bool {
	return uri == "" || strings.HasPrefix(uri, httpsPrefix) && !strings.Contains(uri, "*")
}

func (c *clientURICheck) refuse(field, uri string) {
	c.refused = true
	description, spec := "a URI of the client is not https", "FAPI 2.0 SP 5.3.2.2-8"
	if strings.HasPrefix(uri, httpsPrefix) {
		description, spec = "a URI of the client holds a wildcard", "RFC 9700 §2.1"
	}
	c.verdict.Reject(pdp.Finding{
		Code: oauth.InvalidClientMetadata, Field: field, Description: description, Expected: secureURI,
		Actual: withoutUserinfo(uri), Spec: spec, Remedy: "register a whole https URI without wildcard",
	})
}

// withoutUserinfo hides the userinfo of a URI, which may hold a password.
func withoutUserinfo(uri string) string {
	scheme, rest, found := strings.Cut(uri, "//")
	if !found {
		return uri
	}
	n := strings.IndexAny(rest, "/?#")
	if n < 0 {
		n = len(rest)
	}
	if at := strings.LastIndexByte(rest[:n], '@'); at >= 0 {
		return scheme + "//***" + rest[at:]
	}
	return uri
}
