// Package jose signs the few kinds of JWT that the requests need: client
// assertions, request objects and DPoP proofs. It verifies nothing.
package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Keys are the keys of one run.
type Keys struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
}

// NewKeys makes keys.
func NewKeys() (*Keys, error) {
	const bits = 2048
	r, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return &Keys{r, e}, nil
}

// encode is base64url without padding (RFC 7515 section 2).
func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// ecJWK returns the public EC key (RFC 7518 section 6.2).
func (k *Keys) ecJWK() (map[string]any, error) {
	point, err := k.ec.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	half := (len(point) - 1) / 2
	return map[string]any{"kty": "EC", "crv": "P-256", "x": encode(point[1 : 1+half]), "y": encode(point[1+half:])}, nil
}

// JWKS returns the public keys as a JWK set, each for one algorithm.
func (k *Keys) JWKS() (string, error) {
	ec, err := k.ecJWK()
	if err != nil {
		return "", err
	}
	const exponent = "AQAB" // 65537
	keys := []any{}
	for _, alg := range []string{"RS256", "PS256"} {
		keys = append(keys, map[string]any{
			"kty": "RSA", "use": "sig", "kid": alg, "alg": alg, "n": encode(k.rsa.N.Bytes()), "e": exponent,
		})
	}
	ec["use"], ec["kid"], ec["alg"] = "sig", "ES256", "ES256"
	data, err := json.Marshal(map[string]any{"keys": append(keys, ec)})
	return string(data), err
}

// Thumbprint returns the thumbprint of the EC key (RFC 7638).
func (k *Keys) Thumbprint() (string, error) {
	jwk, err := k.ecJWK()
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(jwk) // members in the order of RFC 7638 section 3.2
	if err != nil {
		return "", fmt.Errorf("encode key: %w", err)
	}
	sum := sha256.Sum256(data)
	return encode(sum[:]), nil
}

// Sign returns a compact JWS. The algorithm is none, HS256 with the secret, RS256,
// PS256 or ES256.
func (k *Keys) Sign(alg string, header, claims map[string]any, secret string) (string, error) {
	h := map[string]any{"alg": alg}
	if _, own := header["jwk"]; !own && alg != "none" && alg != "HS256" {
		h["kid"] = alg
	}
	for name, v := range header {
		h[name] = v
	}
	head, err := json.Marshal(h)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	input := encode(head) + "." + encode(body)
	signature, err := k.signature(alg, []byte(input), secret)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return input + "." + encode(signature), nil
}

var errAlgorithm = errors.New("unknown algorithm")

func (k *Keys) signature(alg string, input []byte, secret string) ([]byte, error) {
	sum := sha256.Sum256(input)
	switch alg {
	case "none":
		return nil, nil
	case "HS256":
		mac := hmac.New(sha256.New, []byte(secret))
		_, _ = mac.Write(input) // never fails
		return mac.Sum(nil), nil
	case "RS256":
		return rsa.SignPKCS1v15(rand.Reader, k.rsa, crypto.SHA256, sum[:])
	case "PS256":
		return rsa.SignPSS(rand.Reader, k.rsa, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case "ES256":
		r, s, err := ecdsa.Sign(rand.Reader, k.ec, sum[:])
		if err != nil {
			return nil, err
		}
		const size = 32
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), nil
	}
	return nil, fmt.Errorf("%w: %s", errAlgorithm, alg)
}

// Proof returns a DPoP proof for a request (RFC 9449 section 4.2).
func (k *Keys) Proof(method, uri, accessToken string) (string, error) {
	jwk, err := k.ecJWK()
	if err != nil {
		return "", err
	}
	claims := map[string]any{"htm": method, "htu": uri, "iat": time.Now().Unix(), "jti": rand.Text()}
	if accessToken != "" {
		sum := sha256.Sum256([]byte(accessToken))
		claims["ath"] = encode(sum[:])
	}
	return k.Sign("ES256", map[string]any{"typ": "dpop+jwt", "jwk": jwk}, claims, "")
}

// Challenge returns the S256 challenge of a verifier (RFC 7636 section 4.2).
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return encode(sum[:])
}

// Claims returns the claims of a compact JWS, unverified; ok is false when it is
// none.
func Claims(token string) (claims map[string]any, ok bool) {
	const parts = 3
	split := strings.Split(token, ".")
	if len(split) != parts {
		return nil, false
	}
	body, err := base64.RawURLEncoding.DecodeString(split[1])
	if err != nil || json.Unmarshal(body, &claims) != nil {
		return nil, false
	}
	return claims, true
}
