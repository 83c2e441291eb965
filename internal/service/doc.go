// Package service answers the RPCs of clientpolicy.v1: decisions, realms,
// profiles and policies, revisions, the catalogue, and what the server is.
//
// It owns the loop load → compile → swap: every realm is compiled at start and
// after every write, and a decision is answered from one immutable snapshot. It
// checks documents, preconditions (If-Match, the revision a set was based on) and
// names, turns everything that can go wrong into a gRPC status with its reason,
// and hands storage what it should keep.
//
// # Design
//
// A realm is one atomic pointer to a snapshot: the compiled realm, its revision
// and its documents belong together, and a request takes the pointer once, so
// that no answer mixes two revisions. Writers of a realm stand in line; a write is
// made from the current snapshot, compiled whole, committed, and swapped in before
// it is answered, so that the caller's next Evaluate sees it. Commits of other
// processes come in by the store's Watch.
//
// Documents in a snapshot carry their output-only members (entity tag, time,
// author) and are shared by all answers; nobody changes them.
//
// Entity tags are the hash of an item's content, and for sets, lists and realms
// the revision, both quoted as in the ETag header (RFC 9110 section 8.8.3). The
// `etag` member of a document holds the same text, quotes included, so that it
// can be sent back in If-Match as it is.
//
// Revisions are read from the store, not from snapshots: they are told, compared
// (internal/policydiff) and gone back to even where what is in force cannot be
// used. A rollback is a write like any other: based on something, compiled whole,
// and refused with everything that this version finds wrong with the old set. A
// watch of revisions fills from the history what the store's Watch leaves out, so
// that a slow reader misses nothing and holds nobody up; where retention was faster
// it ends and says so.
//
// The catalogue is made from the descriptors of the registry once, at start.
//
// # What it refuses
//
// A set that does not compile is never stored. A realm whose stored policies
// cannot be loaded or compiled answers every event with REJECT and REASON_FAULT,
// and says why where it is administered; other realms are not concerned. A write
// without a principal in its context (internal/auth) is refused: the package
// leaves it to others who may call, and insists that somebody did.
//
// # Metadata
//
// `if-match`, `x-sidegate-revision` and `x-change-comment-bin` may come with a
// write; `etag` goes out with what has one. `x-sidegate-surface` says by which
// way a call came (rest, keycloak, cli, bootstrap) and is believed only of calls
// made within this process; all others are `grpc`.
//
// # Caveats
//
// Answers may share text with the request; who keeps one copies it.
package service
