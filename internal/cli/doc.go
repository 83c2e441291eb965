// Package cli is the sidegate command: its verbs, flags, output and exit codes.
//
// Verbs that need a server talk to its administration API over REST (contract of
// administration, sections 1, 2 and 5); `evaluate` and `test` can also ask the
// decision listener over gRPC, or run the engine in this process; `serve`, `config`
// and `token` need none. Local files are read by internal/document, the named
// contexts are kept by internal/cli/contexts.
//
// # Design
//
// An answer stays a tree (document.Node): -o json and -o yaml show what came,
// members of newer servers included, and tables pick from it. Every difference,
// whether this package finds it (apply, edit, diff --dir) or the server does (diff,
// rollback), is a list of ItemChanges, so that it is shown and handed on alike.
//
// Where a server is and as whom to come is said by flags, then by the context that
// --context names, then by the environment, then by the context in use. A server
// that a flag or the environment names gets no credentials of a context that was
// not asked for.
//
// What changes something is based on what was shown: it sends the entity tag or
// the revision that it read, and a change by somebody else in between is told and
// not overwritten. apply and edit write all at once; delete has every deletion
// checked before the first, and says how far it came.
//
// Names, comments and errors come from others. In tables and messages, what a
// terminal would obey or hide is spelled out; JSON and YAML escape it, which reads
// back as the same. Shells are offered only names that need no quoting.
//
// # Exit codes
//
//	0   done; for evaluate: allow
//	1   refused or failed; for test: a case disagrees; for decisions replay: another answer
//	2   usage: an unknown verb, flag or value, a configuration that is wrong
//	3   the server cannot be reached, or ended a stream
//	10  evaluate: reject
//	11  diff --dir: the folder differs
//
// # What it refuses
//
// Unknown verbs, flags and values, with a suggestion; a token on the command
// line, where other users could read it; sending a token in the clear to another
// machine; a file of contexts that others can reach. It asks before it changes
// anything, and without a terminal wants --yes.
//
// # Caveats
//
// A decision is listed a moment after it was made: the log is written behind it.
// With several names, delete is one revision for each. $VISUAL and $EDITOR are
// split at blanks, without a shell.
package cli
