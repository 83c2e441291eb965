package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/jose"
)

type jwk struct{ Kid, N, X, Y string }

func number(t *testing.T, text string) *big.Int {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return new(big.Int).SetBytes(b)
}

func TestSignaturesVerify(t *testing.T) {
	keys, err := jose.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	text, err := keys.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []jwk }
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		t.Fatal(err)
	}
	for _, key := range set.Keys {
		token, err := keys.Sign(key.Kid, nil, map[string]any{"a": "b"}, "")
		if err != nil {
			t.Fatal(err)
		}
		at := strings.LastIndex(token, ".")
		signature, err := base64.RawURLEncoding.DecodeString(token[at+1:])
		if err != nil {
			t.Fatal(err)
		}
		sum, valid := sha256.Sum256([]byte(token[:at])), false
		switch key.Kid {
		case "RS256":
			valid = rsa.VerifyPKCS1v15(&rsa.PublicKey{N: number(t, key.N), E: 65537}, crypto.SHA256, sum[:], signature) == nil
		case "PS256":
			valid = rsa.VerifyPSS(&rsa.PublicKey{N: number(t, key.N), E: 65537}, crypto.SHA256, sum[:], signature, nil) == nil
		case "ES256":
			r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
			valid = ecdsa.Verify(&ecdsa.PublicKey{Curve: elliptic.P256(), X: number(t, key.X), Y: number(t, key.Y)}, sum[:], r, s)
		}
		if !valid {
			t.Errorf("%s: the signature does not verify", key.Kid)
		}
		if claims, ok := jose.Claims(token); !ok || claims["a"] != "b" {
			t.Errorf("%s: claims %v", key.Kid, claims)
		}
	}
	if _, err := keys.Sign("RS512", nil, nil, ""); err == nil {
		t.Error("RS512: want an error")
	}
}

// TestChallenge is the example of RFC 7636 appendix B.
func TestChallenge(t *testing.T) {
	const verifier, want = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	if got := jose.Challenge(verifier); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestClaimsOfGarbage(t *testing.T) {
	for _, token := range []string{"", "garbage", "a.b.c", "a.b"} {
		if _, ok := jose.Claims(token); ok {
			t.Errorf("%q is no JWS", token)
		}
	}
}
