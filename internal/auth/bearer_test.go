package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/internal/auth"
)

// issuer is a TokenIssuer of a name.
type issuer struct {
	one
	name string
}

func (i issuer) Issuer() string { return i.name }

// seen records what it is asked about.
type seen struct{ tokens []string }

func (s *seen) Authenticate(_ context.Context, token string) (*auth.Principal, error) {
	s.tokens = append(s.tokens, token)
	return root, nil
}

func jwt(payload string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
}

// Each token goes to one authenticator alone, by its form.
func TestBearers(t *testing.T) {
	api := &seen{}
	b, err := auth.NewBearers(api, issuer{one{p: &auth.Principal{Name: "x"}}, "https://x"}, issuer{one{p: &auth.Principal{Name: "y"}}, "https://y"})
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]string{
		"sgt_" + strings.Repeat("A", 43): "root", jwt(`{"iss":"https://x"}`): "x", jwt(`{"iss":"https://y"}`): "y",
		"sgt_" + jwt(`{"iss":"https://x"}`): "root",
	} {
		p, err := b.Authenticate(t.Context(), token)
		if err != nil || p.Name != want {
			t.Errorf("%s: %v, %v", token, p, err)
		}
	}
	asked := len(api.tokens)
	for name, token := range map[string]string{
		"empty": "", "text": "x", "unknown issuer": jwt(`{"iss":"https://z"}`), "no issuer": jwt(`{}`), "empty issuer": jwt(`{"iss":""}`),
		"list of issuers": jwt(`{"iss":["https://x"]}`), "letter case": jwt(`{"ISS":"https://x"}`), "no JSON": jwt(`x`), "null": jwt("null"),
		"two parts": "e30.e30", "five parts": "a.b.c.d.e", "no base64": "e30.=.c", "SGT": "SGT_x", "a blank": "sgt_ x",
		"a line":   jwt(`{"iss":"https://x"}`) + "\n",
		"too long": "sgt_" + strings.Repeat("A", 32<<10-3),
	} {
		if p, err := b.Authenticate(t.Context(), token); !errors.Is(err, auth.ErrUnknownToken) || token != "" && strings.Contains(err.Error(), token) && len(token) > 3 {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	if len(api.tokens) != asked {
		t.Error("the API tokens were asked about others")
	}
	if _, err := b.Authenticate(t.Context(), "sgt_"+strings.Repeat("A", 32<<10-4)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := auth.NewBearers(api, issuer{name: "https://x"}, issuer{name: "https://x"}); err == nil {
		t.Error("two issuers of one name are taken")
	}
}
