package store

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Interfaces of the library that the store implements.
var (
	_ op.Storage                        = (*Store)(nil)
	_ op.ClientCredentialsStorage       = (*Store)(nil)
	_ op.TokenExchangeStorage           = (*Store)(nil)
	_ op.DeviceAuthorizationStorage     = (*Store)(nil)
	_ op.CanSetUserinfoFromRequest      = (*Store)(nil)
	_ op.CanGetPrivateClaimsFromRequest = (*Store)(nil)
	_ op.JWTProfileTokenStorage         = (*Store)(nil)
)

// Bounds of the collections. A provider that reaches one refuses new entries.
const (
	maxClients    = 10_000
	maxRequests   = 10_000
	maxTokens     = 100_000
	maxDevices    = 10_000
	maxAssertions = 100_000
)

// Lifetimes.
const (
	requestLife = 10 * time.Minute
	// RFC 6749 section 4.1.2 recommends at most ten minutes; FAPI 2.0 one.
	codeLife    = time.Minute
	accessLife  = 5 * time.Minute
	refreshLife = 5 * time.Hour
)

// Store is the whole memory of one provider. It is safe for concurrent use.
type Store struct {
	now     func() time.Time
	signing signingKey

	mu         sync.Mutex
	users      map[string]User // by id
	clients    map[string]*Client
	requests   shelf[string, *AuthRequest]
	codes      shelf[digest, string] // code to request id
	usedCodes  shelf[digest, string] // code to grant
	access     shelf[string, AccessToken]
	refresh    shelf[digest, RefreshToken]
	spent      shelf[digest, string] // rotated refresh token to grant
	devices    shelf[digest, *deviceEntry]
	userCodes  shelf[string, digest]
	assertions shelf[digest, struct{}]
}

// New makes an empty store with these users. now is the clock; nil is the
// system's.
func New(users []User, now func() time.Time) (*Store, error) {
	if now == nil {
		now = time.Now
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make signing key: %w", err)
	}
	s := &Store{
		now:        now,
		signing:    signingKey{id: rand.Text(), key: key},
		users:      make(map[string]User),
		clients:    make(map[string]*Client),
		requests:   newShelf[string, *AuthRequest](maxRequests),
		codes:      newShelf[digest, string](maxRequests),
		usedCodes:  newShelf[digest, string](maxRequests),
		access:     newShelf[string, AccessToken](maxTokens),
		refresh:    newShelf[digest, RefreshToken](maxTokens),
		spent:      newShelf[digest, string](maxTokens),
		devices:    newShelf[digest, *deviceEntry](maxDevices),
		userCodes:  newShelf[string, digest](maxDevices),
		assertions: newShelf[digest, struct{}](maxAssertions),
	}
	for _, u := range users {
		s.users[u.ID] = u
	}
	return s, nil
}

// Health implements op.Storage.
func (s *Store) Health(context.Context) error { return nil }

// signingKey is the ES256 key of the provider's own tokens.
type signingKey struct {
	id  string
	key *ecdsa.PrivateKey
}

// SignatureAlgorithm implements op.SigningKey.
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }

// Key implements op.SigningKey.
func (k signingKey) Key() any { return k.key }

// ID implements op.SigningKey.
func (k signingKey) ID() string { return k.id }

// publicKey is the same key as the key set shows it.
type publicKey struct{ signingKey }

// Algorithm implements op.Key.
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.ES256 }

// Use implements op.Key.
func (k publicKey) Use() string { return "sig" }

// Key implements op.Key.
func (k publicKey) Key() any { return &k.key.PublicKey }

// SigningKey implements op.Storage.
func (s *Store) SigningKey(context.Context) (op.SigningKey, error) { return s.signing, nil }

// SignatureAlgorithms implements op.Storage.
func (s *Store) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

// KeySet implements op.Storage.
func (s *Store) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{publicKey{s.signing}}, nil
}
