package zitadel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"google.golang.org/protobuf/proto"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// metadata is client metadata of RFC 7591 section 2 and OpenID Connect Dynamic
// Client Registration section 2, as far as this provider reads it.
type metadata struct {
	ClientName                string          `json:"client_name,omitempty"`
	ClientURI                 string          `json:"client_uri,omitempty"`
	LogoURI                   string          `json:"logo_uri,omitempty"`
	PolicyURI                 string          `json:"policy_uri,omitempty"`
	TosURI                    string          `json:"tos_uri,omitempty"`
	RedirectURIs              []string        `json:"redirect_uris,omitempty"`
	PostLogoutRedirectURIs    []string        `json:"post_logout_redirect_uris,omitempty"`
	GrantTypes                []string        `json:"grant_types,omitempty"`
	ResponseTypes             []string        `json:"response_types,omitempty"`
	Scope                     string          `json:"scope,omitempty"`
	TokenEndpointAuthMethod   string          `json:"token_endpoint_auth_method,omitempty"`
	TokenEndpointAuthAlg      string          `json:"token_endpoint_auth_signing_alg,omitempty"`
	JWKS                      json.RawMessage `json:"jwks,omitempty"`
	JWKSURI                   string          `json:"jwks_uri,omitempty"`
	IDTokenSignedResponseAlg  string          `json:"id_token_signed_response_alg,omitempty"`
	UserInfoSignedResponseAlg string          `json:"userinfo_signed_response_alg,omitempty"`
	RequestObjectSigningAlg   string          `json:"request_object_signing_alg,omitempty"`
	TLSBoundTokens            *bool           `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	DPoPBoundTokens           *bool           `json:"dpop_bound_access_tokens,omitempty"`
	RequirePAR                *bool           `json:"require_pushed_authorization_requests,omitempty"`
}

const (
	maxDepth       = 16
	maxURIs        = 20
	maxScopes      = 50
	defaultScopes  = "profile email offline_access"
	grantImplicit  = "implicit"
	grantPassword  = "password"
	attrTLSBound   = "tls.client.certificate.bound.access.tokens"
	attrDPoPBound  = "dpop.bound.access.tokens"
	attrRequirePAR = "require.pushed.authorization.requests"
	attrIDTokenAlg = "id.token.signed.response.alg"
	attrInfoAlg    = "user.info.response.signature.alg"
	attrObjectAlg  = "request.object.signature.alg"
	attrClientAlg  = "token.endpoint.auth.signing.alg"
	attrJWKSURI    = "jwks.url"
)

func parseMetadata(raw []byte) (*metadata, *fault) {
	if err := checkJSON(raw); err != nil {
		return nil, &fault{http.StatusBadRequest, invalidMetadata, err.Error()}
	}
	m := &metadata{}
	if err := json.Unmarshal(raw, m); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return nil, &fault{http.StatusBadRequest, invalidMetadata, fmt.Sprintf("%s: expected another type than %s", wrong.Field, wrong.Value)}
		}
		return nil, &fault{http.StatusBadRequest, invalidMetadata, "the document is not valid JSON"}
	}
	return m, nil
}

var errNotObject = errors.New("expected one JSON object and nothing else")

// checkJSON walks the document once: one object, no member twice, not too deep.
func checkJSON(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errNotObject
	}
	if err := checkObjectMembers(dec, 1); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errNotObject
	}
	return nil
}

// checkObjectMembers reads the members of an object whose brace is read.
func checkObjectMembers(dec *json.Decoder, depth int) error {
	seen := make(map[string]bool)
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return errNotObject
		}
		// encoding/json matches names without regard to case.
		if seen[strings.ToLower(name)] {
			return fmt.Errorf("member %q comes twice", name)
		}
		seen[strings.ToLower(name)] = true
		if err := checkValue(dec, depth); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

func checkValue(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if err != nil {
		return errNotObject
	}
	if depth >= maxDepth {
		return fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	switch t {
	case json.Delim('{'):
		return checkObjectMembers(dec, depth+1)
	case json.Delim('['):
		for dec.More() {
			if err := checkValue(dec, depth+1); err != nil {
				return err
			}
		}
		_, err := dec.Token()
		return err
	default:
		return nil
	}
}

// document is the client in the shape of the decision API, complete: what the
// metadata leaves out has the default of RFC 7591 section 2.
func (m *metadata) document(id string) (*clientpolicyv1.Client, *fault) {
	if len(m.RedirectURIs) > maxURIs || len(m.PostLogoutRedirectURIs) > maxURIs || len(strings.Fields(m.Scope)) > maxScopes {
		return nil, &fault{http.StatusBadRequest, invalidMetadata, "too many redirect URIs or scopes"}
	}
	if len(m.GrantTypes) == 0 {
		m.GrantTypes = []string{string(oidc.GrantTypeCode)}
	}
	if i := slices.IndexFunc(m.GrantTypes, func(g string) bool { return !knownGrant(g) }); i >= 0 {
		return nil, &fault{http.StatusBadRequest, invalidMetadata, fmt.Sprintf("grant_types: %q is unknown", m.GrantTypes[i])}
	}
	c := &clientpolicyv1.Client{
		ClientId:                  &id,
		Protocol:                  proto.String("openid-connect"),
		Enabled:                   proto.Bool(true),
		BearerOnly:                proto.Bool(false),
		ConsentRequired:           proto.Bool(false),
		FullScopeAllowed:          proto.Bool(true),
		FrontchannelLogout:        proto.Bool(false),
		PublicClient:              proto.Bool(m.TokenEndpointAuthMethod == string(oidc.AuthMethodNone)),
		StandardFlowEnabled:       proto.Bool(m.grants(string(oidc.GrantTypeCode))),
		ImplicitFlowEnabled:       proto.Bool(m.grants(grantImplicit) || m.frontChannelTokens()),
		DirectAccessGrantsEnabled: proto.Bool(m.grants(grantPassword)),
		ServiceAccountsEnabled:    proto.Bool(m.grants(string(oidc.GrantTypeClientCredentials))),
		RedirectUris:              slices.Clone(m.RedirectURIs),
		OptionalClientScopes:      m.scopes(),
		Attributes:                m.attributes(),
	}
	if m.ClientName != "" {
		c.Name = &m.ClientName
	}
	if m.ClientURI != "" {
		c.BaseUrl = &m.ClientURI
	}
	authenticator, f := m.authenticator()
	if authenticator != "" {
		c.ClientAuthenticatorType = &authenticator
	}
	return c, f
}

// knownGrant tells grants that the client document can express, those included
// that the provider refuses later: policies see them first.
func knownGrant(g string) bool {
	return g == grantImplicit || g == grantPassword || slices.Contains(supportedGrants, oidc.GrantType(g))
}

func (m *metadata) grants(g string) bool { return slices.Contains(m.GrantTypes, g) }

// frontChannelTokens tells response types that hand out tokens at the
// authorization endpoint.
func (m *metadata) frontChannelTokens() bool {
	return slices.ContainsFunc(m.ResponseTypes, func(t string) bool {
		words := strings.Fields(t)
		return slices.Contains(words, "token") || slices.Contains(words, "id_token")
	})
}

// scopes are the optional scopes of the client; openid goes without saying.
func (m *metadata) scopes() []string {
	text := m.Scope
	if text == "" {
		text = defaultScopes
	}
	return slices.DeleteFunc(strings.Fields(text), func(s string) bool { return s == oidc.ScopeOpenID })
}

// authenticator is Keycloak's name of a token endpoint authentication method.
func (m *metadata) authenticator() (string, *fault) {
	switch m.TokenEndpointAuthMethod {
	case "none":
		return "", nil
	case "", "client_secret_basic", "client_secret_post":
		return store.ClientSecret, nil
	case "private_key_jwt":
		return store.ClientJWT, nil
	case "client_secret_jwt":
		return "client-secret-jwt", nil
	case "tls_client_auth", "self_signed_tls_client_auth":
		return "client-x509", nil
	default:
		return "", &fault{http.StatusBadRequest, invalidMetadata, "token_endpoint_auth_method is unknown"}
	}
}

// attributes are the members that Keycloak keeps as attributes.
func (m *metadata) attributes() map[string]string {
	out := make(map[string]string)
	set := func(name, value string) {
		if value != "" {
			out[name] = value
		}
	}
	flag := func(name string, value *bool) {
		if value != nil {
			out[name] = fmt.Sprint(*value)
		}
	}
	on := func(name string, grant oidc.GrantType) {
		if m.grants(string(grant)) {
			out[name] = "true"
		}
	}
	set("logoUri", m.LogoURI)
	set("policyUri", m.PolicyURI)
	set("tosUri", m.TosURI)
	set(store.AttrPostLogout, strings.Join(m.PostLogoutRedirectURIs, "##"))
	set(attrClientAlg, m.TokenEndpointAuthAlg)
	set(attrIDTokenAlg, m.IDTokenSignedResponseAlg)
	set(attrInfoAlg, m.UserInfoSignedResponseAlg)
	set(attrObjectAlg, m.RequestObjectSigningAlg)
	set(attrJWKSURI, m.JWKSURI)
	if len(m.JWKS) > 0 {
		out[store.AttrUseJWKS], out[store.AttrJWKS] = "true", string(m.JWKS)
	}
	flag(attrTLSBound, m.TLSBoundTokens)
	flag(attrDPoPBound, m.DPoPBoundTokens)
	flag(attrRequirePAR, m.RequirePAR)
	on(store.AttrDevice, oidc.GrantTypeDeviceCode)
	on(store.AttrTokenExchange, oidc.GrantTypeTokenExchange)
	on(store.AttrJWTGrant, oidc.GrantTypeBearer)
	out[store.AttrRefreshTokens] = fmt.Sprint(m.grants(string(oidc.GrantTypeRefreshToken)))
	return out
}
