// Package auth says who calls and what they may do.
//
// It owns API tokens and the file that keeps them ([Tokens]), client certificates
// ([Certificates]), the users of the machine on the other side of a Unix socket
// ([PeerListener]), roles per realm ([Principal]), the table of the role that each
// RPC needs ([Rules]), the interceptors that enforce it ([Guard]), and what the log
// and the audit stream are told of all that ([Reporter]). Tokens of OpenID Connect
// issuers are the business of package oidc below, user names and passwords that of
// package login; [Bearers] tells by its form whose a token is.
//
// # Design
//
// Roles form a line: evaluator, viewer, editor, admin; each may do what those
// before it may. A principal has one role per realm or for all (`*`). Which RPC
// needs which role stands in one table; a method that is not in it is refused,
// so that a new RPC is closed until somebody says who may call it. The table in
// docs/authentication.md is made from it.
//
// A token is 32 random bytes. DIR/tokens.json keeps its SHA-256 alone: who can
// read the file cannot call, who can write it can, so that a file open to others
// is refused. Every change writes a new file and renames it over the old one,
// under a lock that other processes respect; a running server notices the new
// file on the next call, so that a revoked token ends at once.
//
// A caller who sends a token is who the token says, and nobody when it is not good,
// whatever certificate comes with it. Behind the REST gateway the guard learns the
// peer's address and certificate from metadata that the gateway adds; the guard of
// that one connection alone looks at them ([Guard.Inside]).
//
// Wrong tokens and certificates are counted by address; when there are too many,
// further ones are answered with TOO_MANY_ATTEMPTS. A right one is always let in:
// 256 random bits need no lock, and who shares an address with a guesser must not
// be locked out. Passwords are another matter; see package login.
//
// # What it refuses
//
// Calls with no credentials, with several, with an unknown or expired token, with a
// certificate that names nobody: 401; calls whose principal lacks the role: 403.
// Both are told to the log and the audit stream, never with the token; repeated
// ones once a minute for each source. When credentials cannot be checked nobody
// gets in: 503.
//
// # Caveats
//
// Tokens are compared without telling by time how near a guess came. Certificates
// are not asked of their issuer whether they are revoked: give them short lives, or
// take their entry out. Who connects to a Unix socket is known on Linux and macOS alone.
package auth
