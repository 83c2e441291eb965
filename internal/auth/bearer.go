package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Authenticator recognises principals by a bearer token.
type Authenticator interface {
	// Authenticate returns who holds the token. It answers ErrUnknownToken or
	// ErrTokenExpired when nobody does; any other error means that it could not
	// find out. No error may hold the token. It must be safe for concurrent use.
	Authenticate(ctx context.Context, token string) (*Principal, error)
}

// ErrUnavailable means that it cannot be told now whether a token is good, because
// its issuer does not answer.
var ErrUnavailable = errors.New("issuer unavailable")

// maxBearer is the greatest length of a token that is looked at.
const maxBearer = 32 << 10

// TokenIssuer recognises the holders of the JWTs of one issuer.
type TokenIssuer interface {
	Authenticator
	// Issuer is `iss` of its tokens.
	Issuer() string
}

// Bearers tell by its form who knows a bearer token: this server's own, which begin
// with sgt_, or the issuer that a JWT names.
type Bearers struct {
	api     Authenticator
	issuers map[string]Authenticator
}

// NewBearers puts the API tokens and the issuers together. No two issuers may have
// one name.
func NewBearers(api Authenticator, issuers ...TokenIssuer) (*Bearers, error) {
	b := &Bearers{api: api, issuers: map[string]Authenticator{}}
	for _, i := range issuers {
		if b.issuers[i.Issuer()] != nil {
			return nil, fmt.Errorf("issuer %q is configured twice", i.Issuer())
		}
		b.issuers[i.Issuer()] = i
	}
	return b, nil
}

const tokenAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

// Authenticate implements [Authenticator]: each token is judged by one
// authenticator alone.
func (b *Bearers) Authenticate(ctx context.Context, token string) (*Principal, error) {
	if len(token) > maxBearer {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrUnknownToken, maxBearer)
	}
	// RFC 6750 section 2.1, b64token.
	if strings.Trim(token, tokenAlphabet) != "" {
		return nil, fmt.Errorf("%w: it holds what no token does", ErrUnknownToken)
	}
	if strings.HasPrefix(token, secretPrefix) {
		return b.api.Authenticate(ctx, token)
	}
	issuer, ok := claimedIssuer(token)
	if !ok {
		return nil, ErrUnknownToken
	}
	known := b.issuers[issuer]
	if known == nil {
		return nil, fmt.Errorf("%w: its issuer is not configured", ErrUnknownToken)
	}
	return known.Authenticate(ctx, token)
}

// claimedIssuer is what a JWT says of itself (RFC 7519 section 4.1.1). It chooses
// the keys by which all that it says will be verified, and proves nothing.
func claimedIssuer(token string) (issuer string, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var claims map[string]json.RawMessage
	if json.Unmarshal(payload, &claims) != nil || json.Unmarshal(claims["iss"], &issuer) != nil {
		return "", false
	}
	return issuer, issuer != ""
}
