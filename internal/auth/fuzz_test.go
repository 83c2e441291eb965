package auth_test

import (
	"errors"
	"testing"

	"github.com/sidegate/sidegate/internal/auth"
)

// No token is taken that is neither an API token nor a JWT of a configured issuer.
func FuzzBearers(f *testing.F) {
	b, err := auth.NewBearers(one{err: auth.ErrUnknownToken}, issuer{one{err: auth.ErrTokenExpired}, "https://x"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("sgt_x")
	f.Add(jwt(`{"iss":"https://x"}`))
	f.Add(jwt(`{"iss":{}}`))
	f.Fuzz(func(t *testing.T, token string) {
		if p, err := b.Authenticate(t.Context(), token); p != nil || !errors.Is(err, auth.ErrUnknownToken) && !errors.Is(err, auth.ErrTokenExpired) {
			t.Fatal(p, err)
		}
	})
}
