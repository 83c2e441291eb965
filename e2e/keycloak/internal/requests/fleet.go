package requests

import (
	"context"
	"maps"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/generate"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/idp"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/jose"
)

// The ways in which the clients authenticate, by Keycloak's ids.
const (
	byNothing   = "none"
	bySecret    = "client-secret"
	byKey       = "client-jwt"
	bySecretJWT = "client-secret-jwt"
)

// party is a client that asks.
type party struct {
	id     string
	auth   string
	secret string
	bound  bool // its tokens are bound by DPoP
	extra  map[string]any
	roles  []string
	// attributes are those besides what all clients have.
	attributes map[string]any
}

func (p *party) public() bool { return p.auth == byNothing }

// redirects are the redirect URIs of all parties.
var redirects = []string{
	"https://app.example/cb", "http://app.example/cb", "http://localhost:9999/cb", "http://127.0.0.1:9999/cb",
	"com.example.app:/cb", "https://app.example/other",
}

// fleet returns the clients that ask.
func fleet() []*party {
	special := []string{generate.Role}
	return []*party{
		{id: "pub", auth: byNothing, attributes: map[string]any{generate.Team: "blue"}},
		{id: "pub-pkce", auth: byNothing, roles: special, attributes: map[string]any{
			generate.Team: "red", "pkce.code.challenge.method": "S256"}},
		{id: "https://rp.example/client", auth: byNothing, attributes: map[string]any{generate.Team: "blue", "tier": "1"}},
		{id: "sec", auth: bySecret, secret: secretOf("sec"), roles: special, attributes: map[string]any{
			generate.Team: "blue", "tier": "1", "default.acr.values": "gold", "acr.loa.map": `{"gold":2,"silver":1}`}},
		{id: "sec-consent", auth: bySecret, secret: secretOf("sec-consent"), extra: map[string]any{"fullScopeAllowed": false},
			attributes: map[string]any{generate.Team: "red"}},
		{id: "key", auth: byKey, attributes: map[string]any{generate.Team: "blue"}},
		{id: "key-2", auth: byKey, roles: special},
		{id: "hmac", auth: bySecretJWT, secret: secretOf("hmac")},
		{id: "bound", auth: bySecret, secret: secretOf("bound"), bound: true, attributes: map[string]any{
			"dpop.bound.access.tokens": "true", generate.Team: "blue"}},
	}
}

// secretOf makes the secret of a client, long enough for HS256.
func secretOf(id string) string { return id + "-0123456789-0123456789-0123456789-0123456789" }

// document returns the client as the admin API takes it.
func (p *party) document(jwks string) map[string]any {
	attributes := map[string]any{
		"oauth2.device.authorization.grant.enabled": "true", "standard.token.exchange.enabled": "true",
	}
	if p.auth == byKey {
		attributes["use.jwks.string"], attributes["jwks.string"] = "true", jwks
	}
	maps.Copy(attributes, p.attributes)
	doc := map[string]any{
		"clientId": p.id, "protocol": "openid-connect", "publicClient": p.public(), "redirectUris": redirects,
		"standardFlowEnabled": true, "implicitFlowEnabled": true, "directAccessGrantsEnabled": true,
		"serviceAccountsEnabled": !p.public(), "attributes": attributes,
	}
	if !p.public() {
		doc["clientAuthenticatorType"] = p.auth
	}
	if p.secret != "" {
		doc["secret"] = p.secret
	}
	maps.Copy(doc, p.extra)
	return doc
}

// samlParties are the SAML clients, by entity id, with their attributes.
var samlParties = map[string]map[string]any{
	"urn:saml:https": {
		"saml.client.signature": "false", "saml.force.post.binding": "false",
		"saml_assertion_consumer_url_post": "https://sp.example/acs", "saml_assertion_consumer_url_redirect": "https://sp.example/acs",
	},
	"urn:saml:http": {
		"saml.client.signature": "false", "saml.force.post.binding": "false",
		"saml_assertion_consumer_url_post": "http://sp.example/acs", generate.Team: "blue",
	},
	"urn:saml:post": {
		"saml.client.signature": "false", "saml.force.post.binding": "true",
		"saml_assertion_consumer_url_post": "https://sp.example/acs", generate.Team: "blue",
	},
}

// makeFleet creates all clients.
func makeFleet(ctx context.Context, realm *idp.Realm, keys *jose.Keys) error {
	jwks, err := keys.JWKS()
	if err != nil {
		return err
	}
	for _, p := range fleet() {
		if err := realm.MakeClient(ctx, p.document(jwks), p.roles...); err != nil {
			return err
		}
	}
	for id, attributes := range samlParties {
		doc := map[string]any{
			"clientId": id, "protocol": "saml", "attributes": attributes,
			"redirectUris": []any{"https://sp.example/*", "http://sp.example/*"},
		}
		if err := realm.MakeClient(ctx, doc); err != nil {
			return err
		}
	}
	return nil
}
