// Package record is the binary form in which durable drivers keep revisions,
// heads and items, and the difference between two revisions.
//
// A record is its fields one after another: numbers as varints, texts and lists
// led by their length. Behind them stands a seal, the SHA-256 of the record's
// name (what it is and of which realm and revision) and its bytes, so that
// neither a flipped bit nor a record that has moved to another key goes
// unnoticed. Items need no seal: their key is their hash. The package knows
// nothing of where records are kept.
//
// A revision lists its items either whole or as copies of runs of its parent's
// list and insertions between them. Every revision names its base, the revision
// before it, or itself, that is written whole; no base is more than MaxChain
// revisions away.
package record

// Format is the version of everything in this package. A change to any record
// raises it.
const Format = 1

// MaxChain is the number of revisions from one written whole to the next.
const MaxChain = 64
