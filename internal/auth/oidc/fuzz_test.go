package oidc_test

import (
	"errors"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/sidegate/sidegate/internal/auth"
)

// Whatever is sent, nobody is recognised who does not hold a token of the issuer.
func FuzzAuthenticate(f *testing.F) {
	s := newSigner(f, jose.ES256, "k")
	w := newWorld(f, newFake(s.key()), nil)
	genuine := s.token(f, good())
	f.Add("")
	f.Add("a.b.c")
	f.Add("e30.e30.")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJ4In0.AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		if p, err := w.Authenticate(t.Context(), token); !errors.Is(err, auth.ErrUnknownToken) {
			t.Fatalf("%v, %v", p, err)
		}
		if p, err := w.Authenticate(t.Context(), genuine+token); token != "" && !errors.Is(err, auth.ErrUnknownToken) {
			t.Fatalf("%v, %v", p, err)
		}
	})
}
