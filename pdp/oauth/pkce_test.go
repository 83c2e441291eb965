package oauth_test

import (
	"strings"
	"testing"

	"github.com/sidegate/sidegate/pdp/oauth"
)

// Verifier and challenge of RFC 7636 appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func TestValidCodeVerifier(t *testing.T) {
	for s, want := range map[string]bool{
		verifier:                       true,
		challenge:                      true,
		strings.Repeat("a", 42):        false,
		strings.Repeat("a", 43):        true,
		strings.Repeat("~", 128):       true,
		strings.Repeat("a", 129):       false,
		strings.Repeat("-._~", 11):     true,
		strings.Repeat("a", 43) + " ":  false,
		strings.Repeat("a", 43) + "=":  false,
		strings.Repeat("a", 43) + "+":  false,
		strings.Repeat("a", 43) + "/":  false,
		strings.Repeat("a", 43) + "\n": false,
		strings.Repeat("é", 30):        false,
		"":                             false,
	} {
		if got := oauth.ValidCodeVerifier(s); got != want {
			t.Errorf("ValidCodeVerifier(%q) = %t", s, got)
		}
	}
}

func TestVerifyPKCE(t *testing.T) {
	long := strings.Repeat("a", 128)
	for _, c := range []struct {
		name, method, challenge, verifier string
		want                              bool
	}{
		{"appendix B", oauth.S256, challenge, verifier, true},
		{"other verifier", oauth.S256, challenge, long, false},
		{"padded challenge", oauth.S256, challenge + "=", verifier, false},
		{"shorter challenge", oauth.S256, challenge[:42], verifier, false},
		{"challenge is the verifier", oauth.S256, verifier, verifier, false},
		{"other case", oauth.S256, strings.ToLower(challenge), verifier, false},
		{"no challenge", oauth.S256, "", verifier, false},
		{"no verifier", oauth.S256, challenge, "", false},
		{"malformed verifier", oauth.S256, challenge, verifier[:42], false},
		{"plain", oauth.Plain, verifier, verifier, true},
		{"plain, 128", oauth.Plain, long, long, true},
		{"plain, 129", oauth.Plain, long + "a", long + "a", false},
		{"plain, challenge goes on", oauth.Plain, long + "a", long, false},
		{"plain, hashed challenge", oauth.Plain, challenge, verifier, false},
		{"plain, malformed verifier", oauth.Plain, "abc", "abc", false},
		{"plain, nothing", oauth.Plain, "", "", false},
		{"no method is plain", "", verifier, verifier, true},
		{"no method, hashed", "", challenge, verifier, false},
		{"s256 in small letters is plain", "s256", challenge, verifier, false},
	} {
		if got := oauth.VerifyPKCE(c.method, c.challenge, c.verifier); got != c.want {
			t.Errorf("%s: got %t, want %t", c.name, got, c.want)
		}
	}
}
