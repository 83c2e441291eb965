package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// ErrClientExists is returned when a client id is taken.
var ErrClientExists = errors.New("client id is taken")

// ErrKeys is wrapped when a key set cannot be accepted.
var ErrKeys = errors.New("jwks")

// ErrFull is returned when the store takes no further clients.
var ErrFull = errFull

// ParseKeys reads a JWK set of public signature keys.
func ParseKeys(raw []byte) (*jose.JSONWebKeySet, error) {
	if len(raw) > maxKeySetSizeBytes {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrKeys, maxKeySetSizeBytes)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("%w: not a JWK set (RFC 7517 section 5)", ErrKeys)
	}
	if len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("%w: %d keys, expected 1 to %d", ErrKeys, len(set.Keys), maxKeys)
	}
	seen := make(map[string]bool)
	for i, k := range set.Keys {
		if !k.Valid() || !k.IsPublic() {
			return nil, fmt.Errorf("%w: key %d is not a valid public key", ErrKeys, i)
		}
		if k.KeyID == "" || seen[k.KeyID] {
			return nil, fmt.Errorf("%w: key %d has no kid of its own", ErrKeys, i)
		}
		seen[k.KeyID] = true
	}
	return &set, nil
}

// AddClient adds a client whose id is not taken.
func (s *Store) AddClient(c *Client) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.clients[c.GetID()]; taken {
		return fmt.Errorf("add client %q: %w", c.GetID(), ErrClientExists)
	}
	if len(s.clients) >= maxClients {
		return fmt.Errorf("add client %q: %w", c.GetID(), ErrFull)
	}
	s.clients[c.GetID()] = c
	return nil
}

// Client returns a client by its id.
func (s *Store) Client(id string) (*Client, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.clients[id]
	return c, ok
}

// ChangeClient replaces the document of a stored client by what change makes of
// a copy; an error of change leaves the client as it is.
func (s *Store) ChangeClient(id string, change func(*clientpolicyv1.Client) (*clientpolicyv1.Client, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.clients[id]
	if !ok {
		return fmt.Errorf("change client %q: no such client", id)
	}
	doc, err := change(c.Document())
	if err != nil {
		return fmt.Errorf("change client %q: %w", id, err)
	}
	s.clients[id] = c.with(doc)
	return nil
}

// GetClientByClientID implements op.Storage.
func (s *Store) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	c, ok := s.Client(id)
	if !ok {
		return nil, oidc.ErrInvalidClient().WithDescription("unknown client")
	}
	return c, nil
}

// AuthorizeClientIDSecret implements op.Storage.
func (s *Store) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	c, ok := s.Client(id)
	if !ok || !c.checkSecret(secret) {
		return oidc.ErrInvalidClient().WithDescription("wrong client id or secret")
	}
	return nil
}

// ClientCredentials implements op.ClientCredentialsStorage.
func (s *Store) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	if err := s.AuthorizeClientIDSecret(ctx, id, secret); err != nil {
		return nil, err
	}
	return s.GetClientByClientID(ctx, id)
}

// GetKeyByIDAndClientID implements op.Storage.
func (s *Store) GetKeyByIDAndClientID(_ context.Context, keyID, id string) (*jose.JSONWebKey, error) {
	c, ok := s.Client(id)
	if !ok {
		return nil, oidc.ErrInvalidClient().WithDescription("unknown client")
	}
	if keys := c.keys.Key(keyID); keyID != "" && len(keys) == 1 {
		return &keys[0], nil
	}
	return nil, oidc.ErrInvalidClient().WithDescription("unknown key")
}

// UseAssertion remembers that a client used an assertion; false when it had
// done so before (RFC 7523 section 3, jti).
func (s *Store) UseAssertion(id, jti string, expires time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := digestOf(id + "\x00" + jti)
	if _, used := s.assertions.get(s.now(), key); used {
		return false
	}
	return s.assertions.put(s.now(), key, struct{}{}, expires) == nil
}
