package executors

import (
	"regexp"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:             "secure-redirect-uris-enforcer",
		Doc:            "Demands safe redirect and post-logout redirect URIs, by kind of URI.",
		Spec:           []string{"RFC 9700 §2.1", "RFC 8252 §7", "OAuth 2.1 §2.3", "OAuth 2.1 §8.4"},
		Events:         pdp.On(pdp.Register, pdp.Update, pdp.PreAuthorizationRequest, pdp.AuthorizationRequest),
		Delta:          true,
		UnsafeRedirect: true,
		New:            pdp.Configure(newSecureRedirectURIs),
	})
}

type secureRedirectURIsConfig struct {
	// AllowIPv4Loopback permits IPv4 loopback addresses and localhost.
	AllowIPv4Loopback bool `config:"allow-ipv4-loopback-address" default:"false" doc:"Permit IPv4 loopback addresses and localhost."`
	// AllowIPv6Loopback permits the IPv6 loopback address.
	AllowIPv6Loopback bool `config:"allow-ipv6-loopback-address" default:"false" doc:"Permit the IPv6 loopback address."`
	// AllowPrivateUse permits schemes other than http and https, such as those of native apps.
	AllowPrivateUse bool `config:"allow-private-use-uri-scheme" default:"false" doc:"Permit schemes other than http and https, as native apps use them."`
	// AllowHTTP permits http for loopback and ordinary hosts.
	AllowHTTP bool `config:"allow-http-scheme" default:"false" doc:"Permit http."`
	// AllowWildcard permits one wildcard at the beginning of the path, and any elsewhere.
	AllowWildcard bool `config:"allow-wildcard-context-path" default:"false" doc:"Permit a wildcard; of a path that begins with one, only one."`
	// PermittedDomains are expressions for the whole host of http and https URIs.
	PermittedDomains []string `config:"allow-permitted-domains" doc:"Regular expressions (RE2), one of which must match the whole host of an http or https URI; an empty list permits every host."`
	// OAuth20 forbids fragments and wildcards.
	OAuth20 bool `config:"oauth-2-0-compliant" default:"false" doc:"Forbid fragments and wildcards, as OAuth 2.0 does."`
	// OAuth21 forbids besides what OAuth 2.1 forbids of each kind of URI.
	OAuth21 bool `config:"oauth-2-1-compliant" default:"false" doc:"Forbid what OAuth 2.1 forbids of each kind of URI."`
	// AllowOpenRedirect leaves registered URIs unjudged; those of requests are judged all the same.
	AllowOpenRedirect bool `config:"allow-open-redirect" default:"false" doc:"Do not judge registered URIs; those of requests are judged all the same."`
}

// secureRedirectURIs judges the redirect URIs that a client registers and the one
// that it redirects to (executors-client.md, secure-redirect-uris-enforcer). Hosts
// are judged by their text; none is looked up.
type secureRedirectURIs struct {
	secureRedirectURIsConfig
	domains []*regexp.Regexp
}

func newSecureRedirectURIs(c secureRedirectURIsConfig) (pdp.Executor, error) {
	domains, err := compileWhole("allow-permitted-domains", c.PermittedDomains)
	if err != nil {
		return nil, err
	}
	return &secureRedirectURIs{c, domains}, nil
}

// Execute judges the registered URIs on writes and the redirect URI on requests.
func (e *secureRedirectURIs) Execute(r *pdp.Request, v *pdp.Verdict) error {
	switch r.Event() {
	case pdp.PreAuthorizationRequest:
		e.preAuthorize(r, v)
	case pdp.AuthorizationRequest:
		e.authorize(r, v)
	default:
		e.configure(r, v)
	}
	return nil
}

func (e *secureRedirectURIs) configure(r *pdp.Request, v *pdp.Verdict) {
	if !e.redirects(r) {
		return
	}
	uris := r.Client().List(pdp.RedirectURIs)
	if len(uris) == 0 {
		// RFC 6749 §3.1.2.2: redirection endpoints are registered beforehand.
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: pdp.RedirectURIs.Pointer(), Description: "the client has no redirect URI",
			Expected: "at least one", Spec: "RFC 6749 §3.1.2.2", Remedy: "register the redirect URIs, or switch off the flows that redirect",
		})
	}
	if e.AllowOpenRedirect {
		r.Because("registered redirect URIs are not judged")
		return
	}
	for i, uri := range uris {
		e.registered(r, v, enforcedURI{text: uri, list: pdp.RedirectURIs, at: i})
	}
	e.postLogout(r, v)
}

// redirects reports whether a flow of the client uses redirect URIs; the standard
// flow is on unless it is switched off.
func (*secureRedirectURIs) redirects(r *pdp.Request) bool {
	client := r.Client()
	if standard, said := client.Bool(pdp.StandardFlowEnabled); standard || !said || client.IsTrue(pdp.ImplicitFlowEnabled) {
		return true
	}
	r.Because("no flow of the client redirects")
	return false
}

// postLogout judges the post-logout redirect URIs. A first `-` means none; a `+`
// stands for the redirect URIs, which are judged where they stand.
func (e *secureRedirectURIs) postLogout(r *pdp.Request, v *pdp.Verdict) {
	text, ok := r.Client().Attribute(oauth.AttrPostLogoutRedirectURIs)
	if !ok {
		return
	}
	for i, uri := range oauth.SplitList(text) {
		switch {
		case uri == "-" && i == 0:
			return
		case uri != "+":
			e.registered(r, v, enforcedURI{text: uri, attribute: oauth.AttrPostLogoutRedirectURIs})
		}
	}
}

// registered judges a registered URI after making it absolute.
func (e *secureRedirectURIs) registered(r *pdp.Request, v *pdp.Verdict, u enforcedURI) {
	resolved, ok := resolveRedirect(r, r.Client(), u.text)
	if !ok {
		u.refuse(v, pdp.Finding{
			Description: "a relative redirect URI has nothing to begin at", Expected: "an absolute URI",
			Spec: "RFC 6749 §3.1.2", Remedy: "register an absolute URI, or set rootUrl",
		})
		return
	}
	u.text = resolved
	e.judge(v, &u)
}

func (e *secureRedirectURIs) preAuthorize(r *pdp.Request, v *pdp.Verdict) {
	if !r.Client().Known() {
		// RFC 6749 §4.1.2.1: no redirect for a client that is not known.
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: oauth.ParamClientID, Description: "the client is unknown",
			Expected: "the id of a registered client", Spec: "RFC 6749 §4.1.2.1", Remedy: "register the client first",
		})
		return
	}
	if !e.redirects(r) {
		return
	}
	uri, sent := r.Parameter(oauth.ParamRedirectURI)
	if !sent {
		// RFC 9126 §4: behind a request_uri it may stand in the pushed request.
		r.Because("there is no redirect URI yet; the authorization request is judged on it")
		return
	}
	e.judge(v, &enforcedURI{text: uri})
}

func (e *secureRedirectURIs) authorize(r *pdp.Request, v *pdp.Verdict) {
	if !e.redirects(r) {
		return
	}
	uri, sent := r.RedirectURI()
	if !sent {
		// FAPI 1.0 Baseline 5.2.2-9: redirect_uri is required.
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: oauth.ParamRedirectURI, Description: "the redirect URI is missing",
			Expected: "an absolute URI", Spec: "FAPI 1.0 Baseline 5.2.2-9", Remedy: "send the redirect_uri, or register exactly one",
		})
		return
	}
	e.judge(v, &enforcedURI{text: uri})
}
