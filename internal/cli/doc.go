// Package cli is the sidegate command: its verbs, flags, output and exit codes.
//
// Verbs that need a server talk to its administration API over REST; `evaluate`
// and `test` can also ask the decision listener over gRPC, or run the engine in
// this process. Local files are read by internal/cli/document.
//
// # Exit codes
//
//	0   done; for evaluate: allow
//	1   refused or failed; for test: a case disagrees
//	2   usage: an unknown verb, flag or value, a configuration that is wrong
//	3   the server cannot be reached
//	10  evaluate: reject
//
// # What it refuses
//
// Unknown verbs, flags and values, with a suggestion; a token on the command
// line, where other users could read it; sending a token in the clear to another
// machine. It asks before it changes anything, and without a terminal wants --yes.
package cli
