// Package zitadel is an OpenID provider built on github.com/zitadel/oidc whose
// every protocol moment is judged by Sidegate.
//
// It owns the policy enforcement point: which hook of the library asks which
// event, which facts go with it, and how a rejection reaches the wire. Hooks are
// the methods of one struct that embeds *op.LegacyServer, one file per endpoint
// or grant. Dynamic client registration (RFC 7591), which the library lacks, is
// an endpoint of this package.
//
// It closes what the library leaves open: the client of a code is compared, PKCE
// is verified whenever a challenge was stored, codes, device codes and client
// assertions are used once, parameters come once and not in the query of a POST
// endpoint, answers are not cached, wrong client credentials are 401, errors of
// browser endpoints are pages.
//
// It refuses to go on when Sidegate does not answer, answers something it does
// not understand, asks for an obligation it cannot fulfil, or asks for a change
// that its client record cannot hold.
//
// # Caveats
//
// It is an example: everything is in memory, there is no browser session, the id
// of a sign-in is a bearer value. Not supported: pushed authorization requests,
// JARM, CIBA, the password grant, implicit and hybrid flows, mutual TLS and DPoP
// binding, client update and deletion, request_uri. Errors that the library
// finds between the two authorization events are pages, not redirects.
package zitadel
