package zitadel

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// registration is the answer of RFC 7591 section 3.2.1: the metadata as it was
// stored, after what policies changed. The last three members are extensions
// that show what policies typically set.
type registration struct {
	ClientID              string `json:"client_id"`
	ClientSecret          string `json:"client_secret,omitempty"`
	ClientSecretExpiresAt *int64 `json:"client_secret_expires_at,omitempty"`
	ClientIDIssuedAt      int64  `json:"client_id_issued_at"`
	metadata
	CodeChallengeMethod string `json:"code_challenge_method,omitempty"`
	ConsentRequired     bool   `json:"consent_required"`
	FullScopeAllowed    bool   `json:"full_scope_allowed"`
}

func answerOf(c *store.Client, secret string, now time.Time) registration {
	doc := c.Document()
	out := registration{
		ClientID: c.GetID(), ClientSecret: secret, ClientIDIssuedAt: now.Unix(), metadata: metadataOf(c, doc),
		CodeChallengeMethod: c.PKCEMethod(), ConsentRequired: doc.GetConsentRequired(), FullScopeAllowed: doc.GetFullScopeAllowed(),
	}
	if secret != "" {
		out.ClientSecretExpiresAt = new(int64) // 0: it does not expire
	}
	return out
}

func metadataOf(c *store.Client, doc *clientpolicyv1.Client) metadata {
	attr := doc.GetAttributes()
	out := metadata{
		ClientName: doc.GetName(), ClientURI: doc.GetBaseUrl(), LogoURI: attr["logoUri"], PolicyURI: attr["policyUri"], TosURI: attr["tosUri"],
		RedirectURIs: doc.GetRedirectUris(), PostLogoutRedirectURIs: c.PostLogoutRedirectURIs(),
		Scope:                   strings.Join(append([]string{oidc.ScopeOpenID}, c.Scopes()...), " "),
		TokenEndpointAuthMethod: string(c.AuthMethod()), TokenEndpointAuthAlg: attr[attrClientAlg],
		IDTokenSignedResponseAlg: attr[attrIDTokenAlg], UserInfoSignedResponseAlg: attr[attrInfoAlg], RequestObjectSigningAlg: attr[attrObjectAlg],
	}
	for _, g := range c.GrantTypes() {
		out.GrantTypes = append(out.GrantTypes, string(g))
	}
	for _, t := range c.ResponseTypes() {
		out.ResponseTypes = append(out.ResponseTypes, string(t))
	}
	if keys := attr[store.AttrJWKS]; keys != "" {
		out.JWKS = json.RawMessage(keys)
	}
	return out
}
