package executors

import (
	"slices"
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/types/known/structpb"
)

// Members of a client id metadata document (RFC 7591 §2).
const (
	metaClientID     = "client_id"
	metaAuthMethod   = "token_endpoint_auth_method"
	metaSecret       = "client_secret"
	metaSecretExpiry = "client_secret_expires_at"
	metaRedirectURIs = "redirect_uris"
	metaClientURI    = "client_uri"
	metaJWKS         = "jwks"
	metaJWKSURI      = "jwks_uri"
	metaPointer      = "/clientMetadataDocument/content/"
)

// metaURLs are the single URLs of a document, in the order of checking.
var metaURLs = []string{"logo_uri", metaClientURI, "tos_uri", "policy_uri", metaJWKSURI}

// document judges the fetched document in Keycloak's order (M1–M10).
func (e *clientIDMetadataDocument) document(r *pdp.Request, v *pdp.Verdict) {
	d := r.MetadataDocument()
	if d.GetContent() == nil {
		e.refuse(v, "/clientMetadataDocument/content", "there is no metadata document", "a JSON object", "")
		return
	}
	members := d.Content.Fields
	if id := members[metaClientID].GetStringValue(); id == "" || id != d.Url {
		e.refuse(v, metaPointer+metaClientID, "client_id of the document must be its URL", d.Url, id)
	}
	e.method(v, members)
	redirect, requested := r.Parameter(oauth.ParamRedirectURI)
	e.redirects(v, members, redirect, requested)
	e.hosts(v, members, d.Url)
	if e.RestrictSameDomain {
		e.sameDomain(v, members, d.Url, redirect, requested)
	}
	e.required(v, members)
	if e.OnlyConfidential {
		e.confidential(v, members)
	}
}

func (e *clientIDMetadataDocument) method(v *pdp.Verdict, members map[string]*structpb.Value) {
	// OAuth Client ID Metadata Document §4.1: no shared secret can be used.
	switch method := members[metaAuthMethod].GetStringValue(); method {
	case oauth.AuthMethodClientSecretBasic, oauth.AuthMethodClientSecretPost, oauth.AuthMethodClientSecretJWT:
		e.refuse(v, metaPointer+metaAuthMethod, "a method with a shared secret is not allowed", "none, private_key_jwt or tls_client_auth", method)
	}
	for _, name := range []string{metaSecret, metaSecretExpiry} {
		if _, there := members[name]; there {
			e.refuse(v, metaPointer+name, "the document must not hold a secret", "no "+name, "")
		}
	}
}

func (e *clientIDMetadataDocument) redirects(v *pdp.Verdict, members map[string]*structpb.Value, redirect string, requested bool) {
	registered := metaTexts(members[metaRedirectURIs])
	if len(registered) == 0 {
		e.refuse(v, metaPointer+metaRedirectURIs, "redirect_uris are missing", "at least one redirect URI", "")
		return
	}
	root := members[metaClientURI].GetStringValue()
	if requested && !slices.ContainsFunc(registered, func(uri string) bool { return matchesRegistered(uri, root, redirect) }) {
		e.refuse(v, oauth.ParamRedirectURI, "the redirect URI is not one of the document's", strings.Join(registered, " "), redirect)
	}
}

// matchesRegistered is the identity provider's ordinary rule: equal, or below a
// registered URI that ends in a wildcard and has no query.
func matchesRegistered(registered, root, redirect string) bool {
	if strings.HasPrefix(registered, "/") {
		registered = root + registered
	}
	if registered == redirect {
		return true
	}
	prefix, wildcard := strings.CutSuffix(registered, "*")
	if !wildcard || strings.Contains(registered, "?") {
		return false
	}
	plain, _, _ := strings.Cut(redirect, "#")
	plain, _, _ = strings.Cut(plain, "?")
	return strings.HasPrefix(plain, prefix) || plain == strings.TrimSuffix(prefix, "/")
}

func (e *clientIDMetadataDocument) hosts(v *pdp.Verdict, members map[string]*structpb.Value, url string) {
	e.host(v, metaPointer+metaClientID, url)
	for _, uri := range metaTexts(members[metaRedirectURIs]) {
		e.host(v, metaPointer+metaRedirectURIs, uri)
	}
	for _, name := range metaURLs {
		if value, there := members[name]; there {
			e.host(v, metaPointer+name, value.GetStringValue())
		}
	}
}

func (e *clientIDMetadataDocument) host(v *pdp.Verdict, field, url string) {
	if !e.trusted(hostOf(url)) {
		e.refuse(v, field, "the host is not trusted", "a host of cimd-allow-permitted-domains", url)
	}
}

func hostOf(url string) string {
	u, err := oauth.ParseURI(url)
	if err != nil {
		return ""
	}
	return u.Host
}

// sameDomain wants one trusted entry for the client id and the redirect URI, and
// one for each other URL and the redirect URI.
func (e *clientIDMetadataDocument) sameDomain(v *pdp.Verdict, members map[string]*structpb.Value, url, redirect string, requested bool) {
	target := hostOf(redirect)
	if !requested {
		target = hostOf(url) // without the request the client id stands for it
	}
	if !e.shared(hostOf(url), target) {
		e.refuse(v, metaPointer+metaClientID, "the client id and the redirect URI must share a trusted entry", "one entry for both", url)
	}
	for _, name := range metaURLs {
		if value, there := members[name]; there && !e.shared(hostOf(value.GetStringValue()), target) {
			e.refuse(v, metaPointer+name, "the URL and the redirect URI must share a trusted entry", "one entry for both", value.GetStringValue())
		}
	}
}

func (e *clientIDMetadataDocument) shared(a, b string) bool {
	return slices.ContainsFunc(e.PermittedDomains, func(entry string) bool {
		return oauth.MatchDomain(entry, a) && oauth.MatchDomain(entry, b)
	})
}

func (e *clientIDMetadataDocument) required(v *pdp.Verdict, members map[string]*structpb.Value) {
	for _, name := range e.RequiredProperties {
		_, null := members[name].GetKind().(*structpb.Value_NullValue)
		// The method always counts as there: absent means none.
		if name != metaAuthMethod && (members[name] == nil || null) {
			e.refuse(v, metaPointer+name, "the document lacks a required member", name, "")
		}
	}
}

func (e *clientIDMetadataDocument) confidential(v *pdp.Verdict, members map[string]*structpb.Value) {
	method := members[metaAuthMethod].GetStringValue()
	if method != oauth.AuthMethodPrivateKeyJWT && method != oauth.AuthMethodTLSClientAuth {
		e.refuse(v, metaPointer+metaAuthMethod, "only confidential clients are allowed", "private_key_jwt or tls_client_auth", orNone(method))
		return
	}
	if (members[metaJWKS] == nil) == (members[metaJWKSURI] == nil) {
		e.refuse(v, metaPointer+metaJWKS, "exactly one of jwks and jwks_uri is required", "one of them", "")
	}
}

func metaTexts(v *structpb.Value) []string {
	var texts []string
	for _, element := range v.GetListValue().GetValues() {
		texts = append(texts, element.GetStringValue())
	}
	return texts
}
