package oauth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// ErrJWS is returned for a text that is no JWS in compact form. Its text never
// quotes the input.
var ErrJWS = errors.New("malformed jws")

// FAPIAlgorithms returns the signing algorithms that Keycloak's FAPI executors
// allow (FAPI 1 Advanced §8.6 with the longer hashes), the default first.
func FAPIAlgorithms() []string {
	return []string{
		string(jose.PS256), string(jose.PS384), string(jose.PS512),
		string(jose.ES256), string(jose.ES384), string(jose.ES512),
	}
}

// IsFAPIAlgorithm reports whether an algorithm is one of [FAPIAlgorithms]. Letter
// case counts (RFC 7515 §4.1.1).
func IsFAPIAlgorithm(alg string) bool {
	switch jose.SignatureAlgorithm(alg) {
	case jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512:
		return true
	}
	return false
}

// JWSAlgorithm returns the algorithm that the header of a JWS names. It verifies
// nothing. The form of the payload is checked, not its content.
func JWSAlgorithm(compact string) (alg string, err error) {
	header, _, err := splitJWS(compact)
	if err != nil {
		return "", err
	}
	return readAlgorithm(header)
}

// ReadJWS returns the algorithm and the claims of a JWT that is a JWS in compact
// form, or one whose signature and second dot are missing, as Keycloak reads it.
// It verifies nothing. Header and payload must be JSON objects that [ReadObject]
// takes, and the header must name an algorithm.
func ReadJWS(compact string) (alg string, claims map[string]any, err error) {
	header, payload, err := splitJWS(compact)
	if err != nil {
		return "", nil, err
	}
	if alg, err = readAlgorithm(header); err != nil {
		return "", nil, err
	}
	if claims, err = readObject(payload); err != nil {
		return "", nil, fmt.Errorf("%w: payload: %w", ErrJWS, err)
	}
	return alg, claims, nil
}

// splitJWS cuts a compact form into its two or three parts (RFC 7515 §7.1) and
// decodes the first two. A JWE has five parts and is refused.
func splitJWS(compact string) (header, payload []byte, err error) {
	if len(compact) > MaxJSONSize {
		return nil, nil, fmt.Errorf("%w: larger than %d bytes", ErrJWS, MaxJSONSize)
	}
	first, rest, ok := strings.Cut(compact, ".")
	second, signature, _ := strings.Cut(rest, ".")
	if !ok || strings.Contains(signature, ".") {
		return nil, nil, fmt.Errorf("%w: expected two or three parts", ErrJWS)
	}
	if header, err = decodePart(first); err != nil {
		return nil, nil, fmt.Errorf("%w: header: %w", ErrJWS, err)
	}
	if payload, err = decodePart(second); err != nil {
		return nil, nil, fmt.Errorf("%w: payload: %w", ErrJWS, err)
	}
	if _, err = decodePart(signature); err != nil {
		return nil, nil, fmt.Errorf("%w: signature: %w", ErrJWS, err)
	}
	return header, payload, nil
}

var (
	errBase64URL = errors.New("not base64url without padding")
	strictBase64 = base64.RawURLEncoding.Strict()
)

// decodePart decodes base64url. RFC 7515 §2: no padding, line breaks or other
// characters; the Go decoder would skip line breaks.
func decodePart(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errBase64URL
	}
	data, err := strictBase64.DecodeString(s)
	if err != nil {
		return nil, errBase64URL
	}
	return data, nil
}

// readAlgorithm reads `alg`, which every header has (RFC 7515 §4.1.1).
func readAlgorithm(header []byte) (string, error) {
	members, err := readObject(header)
	if err != nil {
		return "", fmt.Errorf("%w: header: %w", ErrJWS, err)
	}
	alg, ok := members["alg"].(string)
	if !ok || alg == "" {
		return "", fmt.Errorf("%w: header: alg: expected a text", ErrJWS)
	}
	return alg, nil
}
