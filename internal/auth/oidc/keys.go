package oidc

import (
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
)

const (
	// refreshAge is how old keys may be before they are fetched anew.
	refreshAge = 10 * time.Minute
	// discardAge is how old keys may be at all.
	discardAge = time.Hour
	// pause is how long the issuer is not asked again about a key that is not known.
	pause = 10 * time.Second
	// firstBackoff and lastBackoff bound the time after which an issuer that did not
	// answer is asked again.
	firstBackoff = time.Second
	lastBackoff  = time.Minute
	// maxKeys bounds the keys of an issuer.
	maxKeys = 100
	// minRSA is the least length of an RSA key (RFC 7518 section 3.3).
	minRSA = 2048
)

// keys are those of an issuer, as far as they are known.
type keys struct {
	source   *source
	issuer   string
	log      *zap.Logger
	reporter *auth.Reporter

	ctx     context.Context
	cancel  context.CancelFunc
	fetches sync.WaitGroup

	mu  sync.Mutex
	set []jose.JSONWebKey
	// fetched is when the keys came, tried when they were last asked for.
	fetched, tried time.Time
	// failed is how often in a row the issuer did not answer.
	failed int
	// running is closed when the fetch under way ends; nil when there is none.
	running chan struct{}
}

func newKeys(o *Options, log *zap.Logger, reporter *auth.Reporter) *keys {
	k := &keys{source: newSource(o), issuer: o.Issuer, log: log, reporter: reporter}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k
}

func (k *keys) close() {
	k.cancel()
	k.fetches.Wait()
	k.source.close()
}

// find returns the keys by which a token may have been signed. It waits for the
// issuer when none is known.
func (k *keys) find(ctx context.Context, id, algorithm string) ([]crypto.PublicKey, error) {
	found, fetch, err := k.look(id, algorithm)
	if fetch == nil || len(found) > 0 {
		return found, err
	}
	select {
	case <-fetch:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: the call ended before %s answered", auth.ErrUnavailable, k.issuer)
	}
	found, _, err = k.look(id, algorithm)
	return found, err
}

// look returns what is known now, and the end of a fetch from which more can be
// hoped for.
func (k *keys) look(id, algorithm string) (found []crypto.PublicKey, fetch <-chan struct{}, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	age := now.Sub(k.fetched)
	if age > discardAge {
		k.set = nil
	}
	found = matching(k.set, id, algorithm)
	if len(found) == 0 || age > refreshAge {
		fetch = k.fetch(now)
	}
	switch {
	case len(found) > 0:
		return found, fetch, nil
	case k.failed > 0 || len(k.set) == 0:
		return nil, fetch, fmt.Errorf("%w: the keys of %s are not known and cannot be fetched now", auth.ErrUnavailable, k.issuer)
	}
	return nil, fetch, refused("the issuer has no such key")
}

// matching are the keys that a header can mean (RFC 7515 section 4.1.4).
func matching(set []jose.JSONWebKey, id, algorithm string) (found []crypto.PublicKey) {
	for _, key := range set {
		if (id == "" || key.KeyID == id) && (key.Algorithm == "" || key.Algorithm == algorithm) {
			found = append(found, key.Key)
		}
	}
	return found
}

// fetch asks the issuer, unless it is too early for that. The caller holds k.mu.
func (k *keys) fetch(now time.Time) <-chan struct{} {
	rest := pause
	if k.failed > 0 {
		rest = backoff(k.failed)
	}
	if k.running != nil || !k.tried.IsZero() && now.Sub(k.tried) < rest || k.ctx.Err() != nil {
		return k.running
	}
	k.running = make(chan struct{})
	k.fetches.Go(func() {
		set, err := k.source.fetch(k.ctx)
		k.mu.Lock()
		defer k.mu.Unlock()
		k.settle(set, err)
		close(k.running)
		k.running = nil
	})
	return k.running
}

// backoff is how long to wait after so many failures.
func backoff(failed int) time.Duration {
	d := firstBackoff
	for range failed - 1 {
		if d *= 2; d >= lastBackoff {
			return lastBackoff
		}
	}
	return d
}

// settle takes the end of a fetch. The caller holds k.mu.
func (k *keys) settle(set []jose.JSONWebKey, err error) {
	k.tried = time.Now()
	if err != nil {
		if k.failed++; k.failed == 1 && k.ctx.Err() == nil {
			k.log.Warn("issuer does not answer; its tokens cannot be judged once its keys are unknown or too old", zap.Error(err))
		}
		return
	}
	if k.failed > 0 {
		k.log.Info("issuer answers again", zap.Int("failures", k.failed))
	}
	before := k.set
	k.set, k.fetched, k.failed = set, k.tried, 0
	if added, gone := differences(set, before), differences(before, set); len(before) > 0 && len(added)+len(gone) > 0 {
		k.reporter.Happened(auth.Event{
			Kind: pb.AuditRecord_KIND_CREDENTIALS_CHANGED, Code: codes.OK,
			Detail: fmt.Sprintf("keys of issuer %s: new %q, gone %q", k.issuer, added, gone),
		})
	}
}

// differences are the ids of the keys in a that b lacks.
func differences(a, b []jose.JSONWebKey) []string {
	ids := []string{}
	for _, key := range a {
		if !slices.ContainsFunc(b, func(other jose.JSONWebKey) bool { return same(key, other) }) {
			ids = append(ids, shorten(key.KeyID))
		}
	}
	return ids
}

func same(a, b jose.JSONWebKey) bool {
	one, err := a.Thumbprint(crypto.SHA256)
	other, otherErr := b.Thumbprint(crypto.SHA256)
	return err == nil && otherErr == nil && a.KeyID == b.KeyID && string(one) == string(other)
}

// parseKeys reads a JWK set (RFC 7517 section 5). Keys that cannot verify the
// signature of a token are left out, as section 5 asks.
func parseKeys(data []byte) ([]jose.JSONWebKey, error) {
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	if len(document.Keys) > maxKeys {
		return nil, fmt.Errorf("key set: it has %d keys, expected at most %d", len(document.Keys), maxKeys)
	}
	var set []jose.JSONWebKey
	for _, raw := range document.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) == nil && verifies(&key) {
			set = append(set, key)
		}
	}
	if len(set) == 0 {
		return nil, errors.New("key set: it holds no public key for signatures")
	}
	return set, nil
}

func verifies(key *jose.JSONWebKey) bool {
	// RFC 7517 section 4.2.
	if !key.IsPublic() || key.Use != "" && key.Use != "sig" {
		return false
	}
	if public, ok := key.Key.(*rsa.PublicKey); ok {
		return public.N.BitLen() >= minRSA
	}
	return true
}

// maxText is the greatest length of what an issuer says, in a log.
const maxText = 200

func shorten(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return s
}
