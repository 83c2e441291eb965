// Package store keeps what the example provider knows, in memory: clients,
// users, authorization requests, tokens and device authorizations.
//
// It implements op.Storage with the optional interfaces for client credentials,
// token exchange, device authorization and claims from requests. A client is
// one document in the shape of the decision API; what the OpenID library wants
// to know of it (grant types, redirect URIs, authentication method) is derived
// from that document, so that policies and protocol never see two versions.
//
// It refuses a code, a device code or a rotating refresh token a second time,
// also when redemptions race; a second use of a code or of a rotated refresh
// token revokes what the first one gave (RFC 9700 sections 2.1.1 and 4.14.2).
// Secrets, codes and refresh tokens are kept as SHA-256 only. Every collection
// is bounded and every entry but clients and users expires.
//
// # Caveats
//
// Nothing survives a restart. Errors are *oidc.Error throughout, because the
// library shows the text of any other error to the caller.
package store
