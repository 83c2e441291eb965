// Package oauth is the protocol vocabulary of the engine's providers: the words
// of OAuth, OpenID Connect and SAML with the document that defines each, and the
// rules on URIs, hosts, PKCE, JWS and claims that several providers share.
//
// It owns
//   - constants: error codes, parameters, grant and response types, Keycloak's
//     authenticator ids and client attribute names;
//   - [ParseURI], a reader of RFC 2396 URIs with the bracketed IPv6 addresses of
//     RFC 2732, which answers as java.net.URI does, because Keycloak's verdicts
//     hang on it (net/url lower-cases schemes, takes any host and escapes freely);
//   - hosts: [KindOfHost], [MatchDomain], [ParseTrustedHost];
//   - PKCE (RFC 7636): [ValidCodeVerifier], [VerifyPKCE];
//   - JWS in compact form (RFC 7515): [JWSAlgorithm], [ReadJWS];
//   - JSON objects and claims: [ReadObject], [ClaimText], [ClaimNumber] and others;
//   - word lists: [Words], [HasWord], [SplitList].
//
// Everything is a pure function: no I/O, no clock, no name resolution, no state.
// Functions on the decision path do not allocate as long as they have nothing to
// complain about.
//
// # Caveats
//
// [ReadJWS] and [JWSAlgorithm] verify nothing: they read what a client sent, so
// that its shape can be judged. Whether the signature holds is the identity
// provider's business and comes as a fact.
//
// Errors name the place and the kind of the problem and never quote the value that
// they refuse, which may be a token or hold a password.
package oauth
