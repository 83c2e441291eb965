package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/protobuf/proto"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// Clients that exist when the story begins.
const (
	reporting   = "reporting"    // a machine that authenticates by key
	legacyBatch = "legacy-batch" // a machine that authenticates by secret
	nativeApp   = "old-app"      // a public client on a loopback address
	webApp      = "single-page"  // a public client in the browser
)

const (
	keyID        = "demo-key"
	batchSecret  = "only-for-the-demo"
	nativeURI    = "http://127.0.0.1/callback"
	webURI       = "https://spa.example/callback"
	shopURI      = "https://shop.example/callback"
	assertionURN = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// seed stores them.
func seed(s *store.Store, key *ecdsa.PublicKey) error {
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key, KeyID: keyID, Algorithm: string(jose.ES256), Use: "sig"}}})
	if err != nil {
		return fmt.Errorf("encode keys: %w", err)
	}
	machine := func(id, authenticator string) *clientpolicyv1.Client {
		return &clientpolicyv1.Client{
			ClientId: &id, Protocol: proto.String("openid-connect"), Enabled: proto.Bool(true), PublicClient: proto.Bool(false), ClientAuthenticatorType: &authenticator,
			StandardFlowEnabled: proto.Bool(false), ServiceAccountsEnabled: proto.Bool(true), OptionalClientScopes: []string{"reports"}, ClientRoles: []string{"machine"},
		}
	}
	public := func(id, uri string) *clientpolicyv1.Client {
		return &clientpolicyv1.Client{
			ClientId: &id, Protocol: proto.String("openid-connect"), Enabled: proto.Bool(true), PublicClient: proto.Bool(true),
			StandardFlowEnabled: proto.Bool(true), RedirectUris: []string{uri}, OptionalClientScopes: []string{"profile"},
		}
	}
	byKey := machine(reporting, store.ClientJWT)
	byKey.Attributes = map[string]string{store.AttrUseJWKS: "true", store.AttrJWKS: string(jwks)}
	for _, c := range []struct {
		doc    *clientpolicyv1.Client
		secret string
	}{
		{byKey, ""}, {machine(legacyBatch, store.ClientSecret), batchSecret}, {public(nativeApp, nativeURI), ""}, {public(webApp, webURI), ""},
	} {
		made, err := store.NewClient(c.doc, c.secret, "")
		if err == nil {
			err = s.AddClient(made)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// assertion is a client assertion of the reporting client (RFC 7523).
func (s *stage) assertion() (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: s.key, KeyID: keyID}}, nil)
	if err != nil {
		return "", fmt.Errorf("sign assertion: %w", err)
	}
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": reporting, "sub": reporting, "aud": s.issuer, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	})
	if err != nil {
		return "", fmt.Errorf("sign assertion: %w", err)
	}
	jws, err := signer.Sign(claims)
	if err != nil {
		return "", fmt.Errorf("sign assertion: %w", err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("sign assertion: %w", err)
	}
	return out, nil
}

// clientCredentials is a token request of a machine with a secret.
func (s *stage) clientCredentials(ctx context.Context) (*reply, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"reports"}}
	return s.post(ctx, "/oauth/token", form, credentials{legacyBatch, batchSecret})
}
