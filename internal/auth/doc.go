// Package auth says who calls and what they may do.
//
// It owns API tokens and the file that keeps them ([Tokens]), roles per realm
// ([Principal]), the table of the role that each RPC needs, and the interceptors
// that enforce it ([Guard]).
//
// # Design
//
// Roles form a line: evaluator, viewer, editor, admin; each may do what those
// before it may. A principal has one role per realm or for all (`*`). Which RPC
// needs which role stands in one table; a method that is not in it is refused,
// so that a new RPC is closed until somebody says who may call it.
//
// A token is 32 random bytes. DIR/tokens.json keeps its SHA-256 alone: who can
// read the file cannot call, who can write it can, so that a file open to others
// is refused. Every change writes a new file and renames it over the old one,
// under a lock that other processes respect; a running server notices the new
// file on the next call, so that a revoked token ends at once.
//
// # What it refuses
//
// Calls with no credentials, with several, with an unknown or expired token: 401;
// calls whose principal lacks the role: 403. Both are logged, never with the
// token. When the file cannot be read nobody gets in.
//
// # Caveats
//
// Tokens are compared without telling by time how near a guess came. There is no
// limit on the rate of guesses: 256 random bits need none.
package auth
