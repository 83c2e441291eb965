package store

import (
	"crypto/subtle"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"google.golang.org/protobuf/proto"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Authenticators of the client document that this provider can verify.
const (
	ClientSecret = "client-secret"
	ClientJWT    = "client-jwt"
)

// Attributes of the client document that this provider acts on.
const (
	AttrPKCE           = "pkce.code.challenge.method"
	AttrPostLogout     = "post.logout.redirect.uris"
	AttrDevice         = "oauth2.device.authorization.grant.enabled"
	AttrTokenExchange  = "standard.token.exchange.enabled"
	AttrJWTGrant       = "oauth2.jwt.authorization.grant.enabled"
	AttrRefreshTokens  = "use.refresh.tokens"
	AttrJWKS           = "jwks.string"
	AttrUseJWKS        = "use.jwks.string"
	listSeparator      = "##"
	loginPath          = "/login/username?authRequestID="
	idTokenLife        = time.Hour
	maxKeys            = 10
	maxKeySetSizeBytes = 32 << 10
)

// Client is one client: its document, and what may not be in it. It does not
// change; the store replaces it.
type Client struct {
	doc    *clientpolicyv1.Client
	secret digest
	by     oidc.AuthMethod
	keys   jose.JSONWebKeySet
}

// NewClient makes a client from its document. secret is empty for public
// clients and for those that authenticate by key; by is the way in which a
// secret comes, header unless told otherwise.
func NewClient(doc *clientpolicyv1.Client, secret string, by oidc.AuthMethod) (*Client, error) {
	c := &Client{doc: proto.CloneOf(doc), by: by}
	if by == "" {
		c.by = oidc.AuthMethodBasic
	}
	if doc.GetClientId() == "" {
		return nil, fmt.Errorf("client without clientId")
	}
	if text := doc.GetAttributes()[AttrJWKS]; text != "" {
		keys, err := ParseKeys([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("client %q: %w", doc.GetClientId(), err)
		}
		c.keys = *keys
	}
	needsSecret := !doc.GetPublicClient() && c.authenticator() == ClientSecret
	if needsSecret != (secret != "") {
		return nil, fmt.Errorf("client %q: a secret goes with authenticator %s and no other", doc.GetClientId(), ClientSecret)
	}
	c.secret = digestOf(secret)
	return c, nil
}

// Document is a copy of the client in the shape of the decision API.
func (c *Client) Document() *clientpolicyv1.Client { return proto.CloneOf(c.doc) }

// with is the same client with another document.
func (c *Client) with(doc *clientpolicyv1.Client) *Client {
	out := *c
	out.doc = proto.CloneOf(doc)
	return &out
}

// checkSecret compares in constant time; a client without a secret never passes.
func (c *Client) checkSecret(secret string) bool {
	if c.doc.GetPublicClient() || c.authenticator() != ClientSecret || secret == "" {
		return false
	}
	given := digestOf(secret)
	return subtle.ConstantTimeCompare(given[:], c.secret[:]) == 1
}

func (c *Client) authenticator() string {
	if t := c.doc.GetClientAuthenticatorType(); t != "" {
		return t
	}
	return ClientSecret
}

func (c *Client) attribute(name string) string { return c.doc.GetAttributes()[name] }

// PKCEMethod is the code challenge method that the client itself demands.
func (c *Client) PKCEMethod() string { return c.attribute(AttrPKCE) }

// SecretBy is how the client's secret comes: in the header or in the form.
func (c *Client) SecretBy() oidc.AuthMethod { return c.by }

// Scopes are the scopes that the client may ask for, besides openid.
func (c *Client) Scopes() []string {
	return slices.Concat(c.doc.GetDefaultClientScopes(), c.doc.GetOptionalClientScopes())
}

// GetID implements op.Client.
func (c *Client) GetID() string { return c.doc.GetClientId() }

// RedirectURIs implements op.Client.
func (c *Client) RedirectURIs() []string { return slices.Clone(c.doc.GetRedirectUris()) }

// PostLogoutRedirectURIs implements op.Client.
func (c *Client) PostLogoutRedirectURIs() []string {
	if c.attribute(AttrPostLogout) == "" {
		return nil
	}
	return strings.Split(c.attribute(AttrPostLogout), listSeparator)
}

// ApplicationType implements op.Client. Public clients on a loopback address or
// a scheme of their own are native (RFC 8252).
func (c *Client) ApplicationType() op.ApplicationType {
	if !c.doc.GetPublicClient() {
		return op.ApplicationTypeWeb
	}
	if slices.ContainsFunc(c.doc.GetRedirectUris(), isNative) {
		return op.ApplicationTypeNative
	}
	return op.ApplicationTypeUserAgent
}

func isNative(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil {
		return false
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return true
	}
	return u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
}

// AuthMethod implements op.Client.
func (c *Client) AuthMethod() oidc.AuthMethod {
	switch {
	case c.doc.GetPublicClient():
		return oidc.AuthMethodNone
	case c.authenticator() == ClientJWT:
		return oidc.AuthMethodPrivateKeyJWT
	default:
		return c.by
	}
}

// ResponseTypes implements op.Client. Tokens never leave by the front channel.
func (c *Client) ResponseTypes() []oidc.ResponseType {
	if !c.standardFlow() {
		return nil
	}
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}

func (c *Client) standardFlow() bool {
	return c.doc.StandardFlowEnabled == nil || c.doc.GetStandardFlowEnabled()
}

// GrantTypes implements op.Client.
func (c *Client) GrantTypes() []oidc.GrantType {
	var out []oidc.GrantType
	add := func(on bool, g oidc.GrantType) {
		if on {
			out = append(out, g)
		}
	}
	device := c.attribute(AttrDevice) == "true"
	add(c.standardFlow(), oidc.GrantTypeCode)
	add((c.standardFlow() || device) && c.attribute(AttrRefreshTokens) != "false", oidc.GrantTypeRefreshToken)
	add(c.doc.GetServiceAccountsEnabled(), oidc.GrantTypeClientCredentials)
	add(device, oidc.GrantTypeDeviceCode)
	add(c.attribute(AttrTokenExchange) == "true", oidc.GrantTypeTokenExchange)
	add(c.attribute(AttrJWTGrant) == "true", oidc.GrantTypeBearer)
	return out
}

// LoginURL implements op.Client.
func (c *Client) LoginURL(id string) string { return loginPath + url.QueryEscape(id) }

// AccessTokenType implements op.Client.
func (c *Client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

// IDTokenLifetime implements op.Client.
func (c *Client) IDTokenLifetime() time.Duration { return idTokenLife }

// DevMode implements op.Client.
func (c *Client) DevMode() bool { return false }

// RestrictAdditionalIdTokenScopes implements op.Client.
//
//nolint:revive // the interface spells it so
func (c *Client) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

// RestrictAdditionalAccessTokenScopes implements op.Client.
func (c *Client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

// IsScopeAllowed implements op.Client.
func (c *Client) IsScopeAllowed(scope string) bool {
	return scope == oidc.ScopeOpenID || slices.Contains(c.Scopes(), scope)
}

// IDTokenUserinfoClaimsAssertion implements op.Client.
func (c *Client) IDTokenUserinfoClaimsAssertion() bool { return false }

// ClockSkew implements op.Client.
func (c *Client) ClockSkew() time.Duration { return 0 }
