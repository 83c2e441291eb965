package zitadel

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// supported is the provider's own word on a client, after policies had theirs:
// what it cannot do it does not promise. Policies may have asked for it.
func supported(c *clientpolicyv1.Client) *fault {
	attr := c.GetAttributes()
	for _, wrong := range []struct {
		is   bool
		text string
	}{
		{c.GetProtocol() != "openid-connect" || c.GetBearerOnly(), "only OpenID Connect clients that log users in or act for themselves are supported"},
		{c.GetImplicitFlowEnabled(), "grant_types, response_types: no tokens are issued by the authorization endpoint; use response type code"},
		{c.GetDirectAccessGrantsEnabled(), "grant_types: the password grant is not supported"},
		{!authenticates(c), "token_endpoint_auth_method: expected none, client_secret_basic, client_secret_post or private_key_jwt"},
		{c.GetClientAuthenticatorType() == store.ClientJWT && attr[store.AttrJWKS] == "", "jwks: private_key_jwt needs the client's public keys"},
		{attr[attrJWKSURI] != "", "jwks_uri: keys are not fetched; send jwks"},
		{strings.EqualFold(attr[attrTLSBound], "true"), "tls_client_certificate_bound_access_tokens: certificate-bound tokens are not supported"},
		{strings.EqualFold(attr[attrDPoPBound], "true"), "dpop_bound_access_tokens: DPoP is not supported"},
		{strings.EqualFold(attr[attrRequirePAR], "true"), "require_pushed_authorization_requests: pushed authorization requests are not supported"},
		{unlike(attr[attrIDTokenAlg], "ES256"), "id_token_signed_response_alg: expected ES256"},
		{attr[attrInfoAlg] != "" && attr[attrInfoAlg] != "none", "userinfo_signed_response_alg: UserInfo is not signed"},
		{unlike(attr[attrObjectAlg], assertionAlgs...), "request_object_signing_alg: expected RS256, PS256 or ES256"},
		{unlike(attr[attrClientAlg], assertionAlgs...), "token_endpoint_auth_signing_alg: expected RS256, PS256 or ES256"},
		{c.GetPublicClient() && c.GetServiceAccountsEnabled(), "grant_types: client_credentials needs a client that authenticates (RFC 6749 section 4.4)"},
	} {
		if wrong.is {
			return &fault{http.StatusBadRequest, invalidMetadata, wrong.text}
		}
	}
	return supportedURIs(c)
}

func authenticates(c *clientpolicyv1.Client) bool {
	return c.GetPublicClient() || slices.Contains([]string{store.ClientSecret, store.ClientJWT}, c.GetClientAuthenticatorType())
}

func unlike(value string, known ...string) bool { return value != "" && !slices.Contains(known, value) }

// supportedURIs checks redirect URIs: absolute, without fragment or wildcard
// (RFC 6749 section 3.1.2), https unless native (RFC 8252 section 7).
func supportedURIs(c *clientpolicyv1.Client) *fault {
	if c.GetStandardFlowEnabled() && len(c.GetRedirectUris()) == 0 {
		return &fault{http.StatusBadRequest, invalidRedirectURI, "redirect_uris: at least one is needed"}
	}
	uris := slices.Clone(c.GetRedirectUris())
	if text := c.GetAttributes()[store.AttrPostLogout]; text != "" {
		uris = append(uris, strings.Split(text, "##")...)
	}
	for _, uri := range uris {
		if !usable(uri) {
			return &fault{http.StatusBadRequest, invalidRedirectURI, "redirect URIs must be absolute, without fragment or *, and https, http on loopback, or of a scheme of the application's own"}
		}
	}
	return nil
}

func usable(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" || u.User != nil || strings.ContainsAny(uri, "#*") {
		return false
	}
	switch u.Scheme {
	case "https":
		return u.Host != ""
	case "http":
		return isLoopback(u.Hostname())
	default:
		// RFC 8252 section 7.1: a domain name in reverse. It also keeps out
		// javascript: and data:.
		return strings.Contains(u.Scheme, ".")
	}
}
