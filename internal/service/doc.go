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
// can be sent back in If-Match as it is. Of an item that is to be created, If-Match
// and the revision are about the list that it comes into; of a move, about the
// policy alone: its place has no tag, and moves are made from the order they find.
// Where a realm asks for If-Match, nothing stands in for it, neither a revision nor
// force, save that what does not exist has no tag.
//
// A page of profiles or policies is of the revision that the first one was of, so
// that no write shifts what it shows; its token is good for one search, filter and
// order. No revision is common to realms: pages of them go on after a name or, in
// the order of time, from what the token says is yet to come.
//
// A PATCH names members, not parts of them, and is checked as the whole document
// that it makes, by the way that a replacement takes.
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
// Every answered Evaluate is handed to the decision log (internal/decisionlog),
// with what policies under audit say, and every write to Options.Audit, by one
// interceptor. Who reads decisions needs their realm: those of one that is gone can
// be erased, and else wait until retention takes them. Who follows decisions goes on
// when the realm is deleted, and is told of those of a new one of that name. A
// replay asks a realm as it was of what was kept; facts that were masked count as
// unknown, and what of them policies ask for is told.
//
// # What it refuses
//
// A set that does not compile is never stored. A realm whose stored policies
// cannot be loaded or compiled answers every event with REJECT and REASON_FAULT,
// and says why where it is administered; other realms are not concerned. A write
// without a principal in its context (internal/auth) is refused: the package
// leaves it to others who may call, and insists that somebody did. Where every
// decision must be logged, one that cannot be is not answered.
//
// # Metadata
//
// `if-match`, `x-sidegate-revision` and `x-change-comment-bin` may come with a
// write; `etag` goes out with what has one. `x-sidegate-surface` says by which
// way a call came (rest, keycloak, cli, bootstrap) and is believed only of calls
// made within this process; all others are `grpc`. `traceparent` tells the trace
// of a call, if it is one of version 00.
//
// # Caveats
//
// Answers may share text with the request; who keeps one copies it.
package service
