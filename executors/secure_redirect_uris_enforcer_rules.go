package executors

import (
	"math"
	"strconv"
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

// enforcedURI is a redirect URI under judgement and where it stands: in a list or
// an attribute of the client, else it came as parameter of a request.
type enforcedURI struct {
	oauth.URI
	text      string // as judged, resolved
	list      *pdp.ListField
	at        int
	attribute string
}

// requested reports whether the URI came with a request.
func (u *enforcedURI) requested() bool { return u.list == nil && u.attribute == "" }

func (u *enforcedURI) field() string {
	switch {
	case u.list != nil:
		return u.list.Pointer() + "/" + strconv.Itoa(u.at)
	case u.attribute != "":
		return pdp.AttributePointer(u.attribute)
	}
	return oauth.ParamRedirectURI
}

func (u *enforcedURI) refuse(v *pdp.Verdict, f pdp.Finding) {
	f.Code, f.Field, f.Actual = oauth.InvalidRequest, u.field(), withoutUserinfo(u.text)
	v.Reject(f)
}

const (
	schemeHTTP  = "http"
	schemeHTTPS = "https"
)

// judge finds the kind of a URI, the first that fits, and applies its rules.
// Schemes count as written, so `HTTPS:` is one for private use.
func (e *secureRedirectURIs) judge(v *pdp.Verdict, u *enforcedURI) {
	var err error
	if u.URI, err = oauth.ParseURI(u.text); err != nil {
		u.refuse(v, pdp.Finding{
			Description: "the redirect URI is malformed: " + err.Error(), Expected: "an absolute URI",
			Spec: "RFC 6749 §3.1.2", Remedy: "write the URI out, with other characters as %XX",
		})
		return
	}
	switch host := oauth.KindOfHost(u.Host); {
	case host == oauth.HostLocalhost, host == oauth.HostIPv4Loopback:
		e.loopback(v, u, host, e.AllowIPv4Loopback, "allow-ipv4-loopback-address")
	case host == oauth.HostIPv6Loopback:
		e.loopback(v, u, host, e.AllowIPv6Loopback, "allow-ipv6-loopback-address")
	case u.Scheme == "":
		u.refuse(v, pdp.Finding{
			Description: "the redirect URI has no scheme", Expected: "an absolute URI",
			Spec: "RFC 6749 §3.1.2", Remedy: "write the whole URI, from its scheme on",
		})
	case u.Scheme == schemeHTTP, u.Scheme == schemeHTTPS:
		e.normal(v, u)
	default:
		e.privateUse(v, u)
	}
}

func (e *secureRedirectURIs) loopback(v *pdp.Verdict, u *enforcedURI, host oauth.HostKind, allowed bool, key string) {
	if !allowed {
		u.refuse(v, pdp.Finding{
			Description: "a loopback redirect URI is not allowed", Expected: "an https URI of another host",
			Spec: "FAPI 1.0 Baseline 7.5", Remedy: "use an https URI of your own domain, or turn " + key + " on",
		})
		return
	}
	if u.Scheme == schemeHTTP && !e.AllowHTTP {
		e.refuseHTTP(v, u)
	}
	e.characters(v, u)
	if !e.OAuth21 {
		return
	}
	// OAuth 2.1 §8.4.2: addresses instead of localhost, which others may resolve.
	if host == oauth.HostLocalhost {
		u.refuse(v, pdp.Finding{
			Description: "localhost is not allowed in a redirect URI", Expected: "127.0.0.1 or [::1]",
			Spec: "RFC 8252 §8.3", Remedy: "write the loopback address",
		})
	}
	e.port(v, u)
	if host == oauth.HostIPv6Loopback && u.Host != "[::1]" {
		u.refuse(v, pdp.Finding{
			Description: "the loopback address is not in its short form", Expected: "[::1]",
			Spec: "RFC 8252 §7.3", Remedy: "write [::1]",
		})
	}
}

// port demands that the port is open until the request. OAuth 2.1 §8.4.2: native
// apps take whatever port is free.
func (*secureRedirectURIs) port(v *pdp.Verdict, u *enforcedURI) {
	switch {
	case !u.requested() && u.Port != oauth.NoPort:
		u.refuse(v, pdp.Finding{
			Description: "a registered loopback redirect URI names a port", Expected: "no port",
			Spec: "RFC 8252 §7.3", Remedy: "register the URI without its port",
		})
	case u.requested() && (u.Port == oauth.NoPort || u.Port > math.MaxUint16):
		u.refuse(v, pdp.Finding{
			Description: "a loopback redirect URI of a request names no port that can be used", Expected: "a port from 0 to 65535",
			Spec: "RFC 8252 §7.3", Remedy: "send the port on which the app listens",
		})
	}
}

func (e *secureRedirectURIs) privateUse(v *pdp.Verdict, u *enforcedURI) {
	if !e.AllowPrivateUse {
		u.refuse(v, pdp.Finding{
			Description: "a redirect URI with a scheme for private use is not allowed", Expected: "https",
			Spec: "FAPI 1.0 Baseline 7.5", Remedy: "use an https URI, or turn allow-private-use-uri-scheme on",
		})
		return
	}
	e.characters(v, u)
	// OAuth 2.1 §8.4.3, RFC 8252 §7.1: the scheme is a domain name the other way round.
	if e.OAuth21 && !strings.Contains(u.Scheme, ".") {
		u.refuse(v, pdp.Finding{
			Description: "the private-use scheme holds no dot", Expected: "a domain of the app's own, reversed",
			Spec: "RFC 8252 §7.1", Remedy: "use a scheme such as com.example.app",
		})
	}
}

func (e *secureRedirectURIs) normal(v *pdp.Verdict, u *enforcedURI) {
	if u.Scheme == schemeHTTP && (!e.AllowHTTP || e.OAuth21) {
		e.refuseHTTP(v, u)
	}
	e.characters(v, u)
	if len(e.domains) > 0 && !e.permitted(u.Host) {
		u.refuse(v, pdp.Finding{
			Description: "the host of the redirect URI is not permitted", Expected: "a host that allow-permitted-domains matches whole",
			Spec: "RFC 6749 §10.15", Remedy: "use a host of a permitted domain, or add its expression",
		})
	}
}

// permitted reports whether an expression matches a whole host. A URI without
// host has none that could match.
func (e *secureRedirectURIs) permitted(host string) bool {
	if host == "" {
		return false
	}
	for _, domain := range e.domains {
		if domain.MatchString(host) {
			return true
		}
	}
	return false
}

func (e *secureRedirectURIs) refuseHTTP(v *pdp.Verdict, u *enforcedURI) {
	// RFC 9700 §2.6: no http, save to the loopback interface.
	f := pdp.Finding{
		Description: "http is not allowed in a redirect URI", Expected: schemeHTTPS,
		Spec: "RFC 9700 §2.6", Remedy: "use https, or turn allow-http-scheme on",
	}
	if e.AllowHTTP {
		f.Remedy = "use https: oauth-2-1-compliant forbids http to other hosts than loopback ones"
	}
	u.refuse(v, f)
}

// characters judges wildcards and fragments. A permitted wildcard is held to be
// alone only where the path begins with one.
func (e *secureRedirectURIs) characters(v *pdp.Verdict, u *enforcedURI) {
	compliant := e.OAuth20 || e.OAuth21
	wildcards := strings.Count(u.text, "*")
	if wildcards > 0 && (compliant || !e.AllowWildcard) || wildcards > 1 && strings.HasPrefix(u.Path, "/*") {
		// RFC 9700 §2.1: redirect URIs are compared by exact match.
		u.refuse(v, pdp.Finding{
			Description: "the redirect URI holds a wildcard that is not allowed", Expected: "no *",
			Spec: "RFC 9700 §2.1", Remedy: "name each redirect URI in full",
		})
	}
	if compliant && u.HasFragment {
		// RFC 6749 §3.1.2: no fragment component.
		u.refuse(v, pdp.Finding{
			Description: "the redirect URI has a fragment", Expected: "no #",
			Spec: "RFC 6749 §3.1.2", Remedy: "leave the fragment out",
		})
	}
}
