// Package storage keeps what administrators wrote: realms, their settings,
// profiles and policies, and the revisions that led there.
//
// It owns the [Store] contract, its errors, and everything that drivers must
// not do differently: how documents become hashed items, how a change is
// checked and compared with its parent, which revisions retention keeps, and
// how changes are announced. Drivers live below it: storage/bolt (one file,
// durable) and storage/memory (for tests and trials). Every driver passes
// storage/storagetest.
//
// # Design
//
// A realm is a line of revisions, counted from 1. A revision says which items
// the realm holds, in which order, and who made it, when, through which surface
// and why. An item (a profile, a policy, the settings) is kept once, under the
// SHA-256 of its kind and bytes, so that a revision that changes one of 5,000
// policies costs one item and a few numbers. A commit states the revision it
// was based on and the whole content wanted; the store computes the difference.
// A realm that is deleted and created again counts on, so that an entity tag or
// page token given out before never matches new content.
//
// An item keeps its document as bytes and decodes it anew for whoever asks.
// Whatever a store returns therefore belongs to the caller: changing it changes
// nothing in the store.
//
// # What it refuses
//
// It has no clock, makes no policy decision and compiles nothing: a set that
// does not compile must be refused before it comes here. It never repairs and
// never guesses: a record that does not match its checksum is [ErrCorrupt], and
// no part of it is returned.
//
// # Caveats
//
// Checksums find damage, not forgery: whoever may write the store's files may
// write checksums too. Equal documents have equal hashes as long as the
// protobuf library serializes them alike; after an upgrade of it, rewriting an
// unchanged document may count as a change, never the other way round.
package storage
