package oidc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/zap"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/auth/oidc"
)

var nopLog = zap.NewNop()

// inBubble runs a test with a clock of its own; the issuer is closed in it.
func inBubble(t *testing.T, f *fake, test func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, f, nil)) })
}

// Nobody is asked before a token comes, and one answer serves them all.
func TestKeysAreFetchedOnce(t *testing.T) {
	s := newSigner(t, jose.ES256, "k")
	inBubble(t, newFake(s.key()), func(t *testing.T, w *world) {
		time.Sleep(time.Hour)
		if w.fetches() != 0 {
			t.Error("the issuer was asked for nothing")
		}
		for range 100 {
			if _, err := w.Authenticate(t.Context(), s.token(t, good())); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.fetches(); n != 1 {
			t.Errorf("%d fetches", n)
		}
		if len(w.audit()) != 0 {
			t.Error("the first keys are told as a change")
		}
	})
}

func TestOneFetchForAllWhoWait(t *testing.T) {
	s := newSigner(t, jose.ES256, "k")
	f := newFake(s.key())
	synctest.Test(t, func(t *testing.T) {
		f.hold = make(chan struct{})
		w := newWorld(t, f, nil)
		token := s.token(t, good())
		impatient, cancel := context.WithCancel(t.Context())
		var calls sync.WaitGroup
		calls.Go(func() {
			if _, err := w.Authenticate(impatient, token); !errors.Is(err, auth.ErrUnavailable) {
				t.Errorf("the call that gave up: %v", err)
			}
		})
		for range 50 {
			calls.Go(func() {
				if _, err := w.Authenticate(t.Context(), token); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		cancel() // the call that may have begun the fetch does not end it
		synctest.Wait()
		close(f.hold)
		calls.Wait()
		if n := w.fetches(); n != 1 {
			t.Errorf("%d fetches", n)
		}
	})
}

// An issuer that is down is asked again after one second, two, four, up to a
// minute; meanwhile its tokens cannot be judged. Each change is logged once.
func TestIssuerDownAtTheStart(t *testing.T) {
	s := newSigner(t, jose.ES256, "k")
	f := newFake(s.key())
	f.down = true
	inBubble(t, f, func(t *testing.T, w *world) {
		try := func() error {
			_, err := w.Authenticate(t.Context(), s.token(t, good()))
			return err
		}
		for i, pause := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
			for range 3 {
				if err := try(); !errors.Is(err, auth.ErrUnavailable) || !strings.Contains(err.Error(), name) {
					t.Fatal(err)
				}
			}
			if n := w.fetches(); n != i+1 {
				t.Errorf("%d fetches, want %d", n, i+1)
			}
			time.Sleep(time.Duration(pause)*time.Second - time.Nanosecond)
			if err := try(); !errors.Is(err, auth.ErrUnavailable) || w.fetches() != i+1 {
				t.Errorf("asked too early: %d, %v", w.fetches(), err)
			}
			time.Sleep(time.Nanosecond)
		}
		w.set(func(f *fake) { f.down = false })
		if err := try(); err != nil {
			t.Error(err)
		}
		if w.logs.FilterMessageSnippet("does not answer").Len() != 1 || w.logs.FilterMessageSnippet("answers again").Len() != 1 {
			t.Error(w.logs.All())
		}
	})
}

// A token with a key that is not known makes the issuer be asked, once in ten
// seconds: neither a rotation nor a flood of made-up keys does harm.
func TestRotation(t *testing.T) {
	old, next := newSigner(t, jose.ES256, "old"), newSigner(t, jose.RS256, "next")
	inBubble(t, newFake(old.key()), func(t *testing.T, w *world) {
		if _, err := w.Authenticate(t.Context(), old.token(t, good())); err != nil {
			t.Fatal(err)
		}
		w.set(func(f *fake) { f.keys = []jose.JSONWebKey{next.key()} })
		if _, err := w.Authenticate(t.Context(), next.token(t, good())); !errors.Is(err, auth.ErrUnknownToken) || w.fetches() != 1 {
			t.Errorf("asked at once: %d, %v", w.fetches(), err)
		}
		time.Sleep(10 * time.Second)
		if _, err := w.Authenticate(t.Context(), next.token(t, good())); err != nil || w.fetches() != 2 {
			t.Errorf("after the pause: %d, %v", w.fetches(), err)
		}
		if _, err := w.Authenticate(t.Context(), old.token(t, good())); !errors.Is(err, auth.ErrUnknownToken) {
			t.Errorf("the old key is still good: %v", err)
		}
		for i := range 60 {
			made := &signer{algorithm: next.algorithm, id: fmt.Sprint(i), private: next.private}
			if _, err := w.Authenticate(t.Context(), made.token(t, good())); !errors.Is(err, auth.ErrUnknownToken) {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if n := w.fetches(); n > 2+6 {
			t.Errorf("%d fetches", n)
		}
		list := w.audit()
		if len(list) != 1 || list[0].GetKind() != pb.AuditRecord_KIND_CREDENTIALS_CHANGED || list[0].GetDetail() != `keys of issuer `+name+`: new ["next"], gone ["old"]` {
			t.Error(list)
		}
	})
}

// A key under the same id is another key.
func TestKeyReplacedUnderItsID(t *testing.T) {
	old, next := newSigner(t, jose.ES256, "k"), newSigner(t, jose.ES256, "k")
	inBubble(t, newFake(old.key()), func(t *testing.T, w *world) {
		if _, err := w.Authenticate(t.Context(), old.token(t, good())); err != nil {
			t.Fatal(err)
		}
		w.set(func(f *fake) { f.keys = []jose.JSONWebKey{next.key()} })
		time.Sleep(11 * time.Minute)
		// Old keys serve while they are fetched anew.
		if _, err := w.Authenticate(t.Context(), old.token(t, good())); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := w.Authenticate(t.Context(), next.token(t, good())); err != nil {
			t.Error(err)
		}
		if _, err := w.Authenticate(t.Context(), old.token(t, good())); !errors.Is(err, auth.ErrUnknownToken) {
			t.Error(err)
		}
		if len(w.audit()) != 1 {
			t.Error(w.audit())
		}
	})
}

// Known keys outlast an issuer that is down for an hour, and no longer.
func TestKeysGrowOld(t *testing.T) {
	s := newSigner(t, jose.ES256, "k")
	inBubble(t, newFake(s.key()), func(t *testing.T, w *world) {
		try := func() error {
			_, err := w.Authenticate(t.Context(), s.token(t, good()))
			synctest.Wait()
			return err
		}
		if err := try(); err != nil {
			t.Fatal(err)
		}
		w.set(func(f *fake) { f.down = true })
		time.Sleep(10 * time.Minute)
		if err := try(); err != nil || w.fetches() != 1 {
			t.Errorf("asked too early: %d, %v", w.fetches(), err)
		}
		time.Sleep(time.Second)
		if err := try(); err != nil || w.fetches() != 2 {
			t.Errorf("not asked: %d, %v", w.fetches(), err)
		}
		stranger := newSigner(t, jose.ES256, "other")
		if _, err := w.Authenticate(t.Context(), stranger.token(t, good())); !errors.Is(err, auth.ErrUnavailable) {
			t.Errorf("an unknown key while the issuer is down: %v", err)
		}
		time.Sleep(50*time.Minute - time.Second)
		if err := try(); err != nil {
			t.Errorf("after an hour: %v", err)
		}
		time.Sleep(time.Second)
		if err := try(); !errors.Is(err, auth.ErrUnavailable) {
			t.Errorf("after more than an hour: %v", err)
		}
		w.set(func(f *fake) { f.down = false })
		time.Sleep(time.Minute)
		if err := try(); err != nil {
			t.Errorf("when the issuer is back: %v", err)
		}
		if w.logs.Len() != 2 {
			t.Error(w.logs.All())
		}
	})
}

// Tokens need not name their key; keys need not say what they are for.
func TestKeysWithoutID(t *testing.T) {
	s, other := newSigner(t, jose.ES256, ""), newSigner(t, jose.ES256, "other")
	key := s.key()
	key.KeyID, key.Algorithm, key.Use = "named", "", ""
	w := newWorld(t, newFake(other.key(), key), nil)
	if _, err := w.Authenticate(t.Context(), s.token(t, good())); err != nil {
		t.Error(err)
	}
	// A key says what it is for: it is not good for anything else.
	for what, change := range map[string]func(*jose.JSONWebKey){
		"encryption": func(k *jose.JSONWebKey) { k.Use = "enc" }, "another algorithm": func(k *jose.JSONWebKey) { k.Algorithm = "ES384" },
		"another id": func(k *jose.JSONWebKey) { k.KeyID = "x" },
	} {
		named := newSigner(t, jose.ES256, "k")
		key := named.key()
		change(&key)
		w := newWorld(t, newFake(other.key(), key), nil)
		if _, err := w.Authenticate(t.Context(), named.token(t, good())); !errors.Is(err, auth.ErrUnknownToken) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Nothing is asked once the issuer is closed.
func TestClosedIssuer(t *testing.T) {
	s := newSigner(t, jose.ES256, "k")
	w := newWorld(t, newFake(s.key()), nil)
	w.Close()
	if _, err := w.Authenticate(t.Context(), s.token(t, good())); !errors.Is(err, auth.ErrUnavailable) || w.fetches() != 0 {
		t.Error(err, w.fetches())
	}
	var _ auth.TokenIssuer = (*oidc.Issuer)(nil)
}
