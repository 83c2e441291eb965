package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// RFC 7636 §4.1 and §4.2: verifier and challenge have 43 to 128 characters.
const (
	minCodeVerifier = 43
	maxCodeVerifier = 128
)

// ValidCodeVerifier reports whether s has the form of a code verifier, which is
// that of a code challenge too (RFC 7636 §4.1, §4.2).
func ValidCodeVerifier(s string) bool {
	if len(s) < minCodeVerifier || len(s) > maxCodeVerifier {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case alnum.holds(c), c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}

// VerifyPKCE reports whether a code verifier fits the code challenge. A method
// other than [S256], or none, compares the two as they stand, as Keycloak does; a
// caller that wants S256 asks for it. An ill-formed verifier fits nothing. The
// comparison takes the same time wherever the texts differ.
func VerifyPKCE(method, challenge, verifier string) bool {
	if !ValidCodeVerifier(verifier) {
		return false
	}
	var v [maxCodeVerifier]byte
	n := copy(v[:], verifier)
	if method != S256 {
		return equalChallenge(challenge, v[:n])
	}
	// RFC 7636 §4.6: base64url without padding over the SHA-256 of the verifier.
	sum := sha256.Sum256(v[:n])
	var encoded [minCodeVerifier]byte
	base64.RawURLEncoding.Encode(encoded[:], sum[:])
	return equalChallenge(challenge, encoded[:])
}

func equalChallenge(challenge string, want []byte) bool {
	if len(challenge) != len(want) {
		return false
	}
	var got [maxCodeVerifier]byte
	n := copy(got[:], challenge)
	return subtle.ConstantTimeCompare(got[:n], want) == 1
}
