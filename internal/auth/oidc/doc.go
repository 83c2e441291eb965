// Package oidc recognises principals by tokens of OpenID Connect issuers.
//
// It owns what is configured of an issuer ([Options]), its keys, the checks of a
// token (RFC 7519, RFC 8725, RFC 9068, OpenID Connect Core section 3.1.3.7) and the
// way from claims to roles. It takes JWT access tokens and ID tokens.
//
// # Design
//
// An issuer is asked for its keys when the first token comes, or when a token names
// a key that is not known; its answer is kept. A fetch runs once, whoever waits for
// it, is not tied to the call that began it, and is bounded in time, size and
// redirects. Keys are fetched anew when they are ten minutes old, while the old
// ones go on being used; after an hour without an answer they are not used any
// more. An unknown key costs the issuer at most one question in ten seconds, one
// that does not answer is asked after one second, two, four, up to a minute. So an
// issuer that is down at the start stops nobody but the holders of its tokens, who
// get [auth.ErrUnavailable].
//
// Signature, issuer and audience are checked by go-oidc with the keys found here.
//
// # What it refuses
//
// Algorithms that are not configured, and `none` and those with shared secrets
// always; tokens without expiry; tokens of another type, such as logout tokens;
// tokens that are bound to a key that the caller did not prove to hold (RFC 8705
// section 3; RFC 9449 is not spoken here); issuers, keys and redirects without TLS,
// unless they are on loopback; RSA keys of less than 2,048 bits.
//
// # Caveats
//
// A token is good until it expires: nobody is asked whether it was revoked. Claims
// that are kept elsewhere (aggregated and distributed claims) are not fetched.
package oidc
