package oidc

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"go.uber.org/zap"

	"github.com/sidegate/sidegate/internal/auth"
)

// Issuer recognises the holders of its tokens. It implements [auth.Authenticator];
// whoever makes it closes it.
type Issuer struct {
	options    Options
	realm      string // in which Keycloak's roles hold; empty when they mean nothing
	algorithms []jose.SignatureAlgorithm
	keys       *keys
}

// New makes an issuer. It asks nobody yet: an issuer that is down is no obstacle.
// reporter is told when the keys change.
func New(o Options, log *zap.Logger, reporter *auth.Reporter) (*Issuer, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("oidc issuer: %w", err)
	}
	i := &Issuer{options: o}
	for _, name := range o.Algorithms {
		i.algorithms = append(i.algorithms, jose.SignatureAlgorithm(name))
	}
	if o.KeycloakRoles {
		i.realm, _ = o.keycloakRealm()
	}
	i.keys = newKeys(&i.options, log.With(zap.String("issuer", o.Issuer)), reporter)
	return i, nil
}

// Issuer is the issuer's URL, as it is in tokens.
func (i *Issuer) Issuer() string { return i.options.Issuer }

// Close ends what is under way.
func (i *Issuer) Close() { i.keys.close() }

// refused is an [auth.ErrUnknownToken] that says why. What it says never comes from
// a token that is not verified.
func refused(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{auth.ErrUnknownToken}, args...)...)
}

// Authenticate implements [auth.Authenticator].
func (i *Issuer) Authenticate(ctx context.Context, token string) (*auth.Principal, error) {
	if len(token) > i.options.MaxTokenBytes {
		return nil, refused("it has more than %d bytes", i.options.MaxTokenBytes)
	}
	header, err := i.header(token)
	if err != nil {
		return nil, err
	}
	candidates, err := i.keys.find(ctx, header.KeyID, header.Algorithm)
	if err != nil {
		return nil, err
	}
	keys := &gooidc.StaticKeySet{PublicKeys: candidates}
	verifier := gooidc.NewVerifier(i.options.Issuer, keys, &gooidc.Config{
		ClientID: i.options.Audience, SupportedSigningAlgs: i.options.Algorithms,
		SkipExpiryCheck: true, // i.current has the bound of the clock that is configured
	})
	verified, err := verifier.Verify(ctx, token)
	if err != nil {
		return nil, i.why(ctx, token, keys)
	}
	var c claims
	if err := verified.Claims(&c); err != nil {
		return nil, refused("its claims cannot be read")
	}
	for _, check := range []func(context.Context, claims) error{usable, bound, i.current} {
		if err := check(ctx, c); err != nil {
			return nil, err
		}
	}
	return i.principal(c)
}

// header reads the protected header.
func (i *Issuer) header(token string) (*jose.Header, error) {
	// RFC 8725 section 3.1: only algorithms that are expected, whatever the token says.
	parsed, err := jose.ParseSignedCompact(token, i.algorithms)
	// RFC 7515 section 2: neither line ends nor blanks, which the parser would pass over.
	if strings.ContainsFunc(token, unicode.IsSpace) || err != nil || len(parsed.Signatures) != 1 {
		return nil, refused("it is not a JWT signed with %s", strings.Join(i.options.Algorithms, ", "))
	}
	header := &parsed.Signatures[0].Protected
	kind, present := header.ExtraHeaders[jose.HeaderType]
	name, _ := kind.(string)
	// RFC 8725 section 3.11, RFC 9068 section 4: other kinds of JWT of the same issuer
	// are not credentials.
	name = strings.TrimPrefix(strings.ToLower(name), "application/")
	if present && !slices.Contains([]string{"jwt", "at+jwt"}, name) {
		return nil, refused("its type is neither JWT nor at+jwt")
	}
	return header, nil
}

// why tells a wrong signature from wrong claims; only the latter are told, since
// only they are the issuer's words.
func (i *Issuer) why(ctx context.Context, token string, keys gooidc.KeySet) error {
	if _, err := keys.VerifySignature(ctx, token); err != nil {
		return refused("no key of the issuer verifies its signature")
	}
	return refused("issuer or audience are others than configured; expected issuer %q and audience %q", i.options.Issuer, i.options.Audience)
}

// claims are the verified claims of a token.
type claims map[string]any

func (c claims) text(name string) string {
	s, _ := c[name].(string)
	return s
}

// date reads a NumericDate (RFC 7519 section 2).
func (c claims) date(name string) (at time.Time, present bool, err error) {
	value, present := c[name]
	if !present {
		return time.Time{}, false, nil
	}
	seconds, ok := value.(float64)
	if !ok || seconds < 0 || seconds > 1<<40 {
		return time.Time{}, true, refused("its %s is no date", name)
	}
	return time.Unix(int64(seconds), 0), true, nil
}

// current refuses tokens that are not valid at this time.
func (i *Issuer) current(_ context.Context, c claims) error {
	now, skew := time.Now(), i.options.ClockSkew
	expires, present, err := c.date("exp")
	if err != nil {
		return err
	}
	if !present {
		return refused("it has no expiry")
	}
	if !now.Before(expires.Add(skew)) {
		return auth.ErrTokenExpired
	}
	for _, name := range []string{"nbf", "iat"} {
		from, _, err := c.date(name)
		if err != nil {
			return err
		}
		if now.Add(skew).Before(from) {
			return refused("it is not valid yet (%s)", name)
		}
	}
	return nil
}

// usable refuses tokens that are no credentials although their header says nothing
// against it: Keycloak tells its kinds apart by the claim typ, and RFC 8417 section 2.2
// marks security event tokens, among them logout tokens, by the claim events.
func usable(_ context.Context, c claims) error {
	if kind, present := c["typ"]; present && kind != "Bearer" && kind != "ID" {
		return refused("it is neither an access token nor an ID token")
	}
	if _, present := c["events"]; present {
		return refused("it is a security event token")
	}
	return nil
}

// bound refuses tokens whose holder must prove to hold a key, unless the caller's
// certificate does so.
func bound(ctx context.Context, c claims) error {
	confirmation, present := c["cnf"]
	if !present {
		return nil
	}
	members, _ := confirmation.(map[string]any)
	want, _ := members["x5t#S256"].(string)
	leaf := auth.CertificateFrom(ctx)
	// RFC 8705 section 3.1.
	if len(members) != 1 || want == "" {
		return refused("it is bound to a key in a way that is not understood here")
	}
	if leaf == nil || want != thumbprint(leaf.Raw) {
		return refused("it is bound to another client certificate than the one that was shown")
	}
	return nil
}

const (
	maxSubject = 255
	maxShown   = 64
)

// principal names who holds a verified token.
func (i *Issuer) principal(c claims) (*auth.Principal, error) {
	subject := c.text("sub")
	// OpenID Connect Core section 2: at most 255 characters.
	if n := utf8.RuneCountInString(subject); n < 1 || n > maxSubject || strings.ContainsFunc(subject, unprintable) {
		return nil, refused("its sub is not 1 to %d printable characters", maxSubject)
	}
	shown := c.text("preferred_username")
	if shown == subject || utf8.RuneCountInString(shown) > maxShown || strings.ContainsFunc(shown, unprintable) {
		shown = ""
	}
	// A fragment is no part of an issuer: names of two issuers are never the same.
	return &auth.Principal{Name: i.options.Issuer + "#" + subject, Kind: auth.KindOIDC, Shown: shown, Roles: i.roles(c)}, nil
}

// thumbprint is the SHA-256 of a certificate, as cnf has it (RFC 8705 section 3.1).
func thumbprint(der []byte) string {
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
