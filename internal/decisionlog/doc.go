// Package decisionlog keeps what was decided, and what administrators did.
//
// It owns what of a decision may be kept at all, which decisions are kept, the
// file that they are kept in, and how they are found, followed and erased there:
// clientpolicy.v1.LoggedDecision and AuditRecord. Who may ask is the business of
// the services. docs/decision-log.md tells its users of it, and has the table of
// what is masked.
//
// # Design
//
// Record masks before anything is queued, so that nothing that is secret is in the
// queue, in the file, with a follower or in a line of JSON. It copies a request
// field by field, and only fields that have a class in classes.go: what nobody has
// classified is left out, and a test fails. What is left out of a request is named
// in `omitted` too, so that who asks the request again gets a fault, not another
// answer; names of parameters stay. Texts of the answer are searched for what was
// left out of the request. What is queued are bytes: they share nothing with the
// caller and have a known size.
//
// A clean ALLOW outside of the sample costs a hash of its id and two look-ups, and
// no allocation. The rest is queued: a mutex, a list, bounds in number and bytes. A
// gap is a number on the next decision, put there under the same lock.
//
// One goroutine writes, one transaction for all that has gathered, and in it
// removes what has expired. While the disk fails it tries again with the same
// batch; what comes meanwhile fills the queue, and is then lost (best effort) or
// refused (block). Keys are given out once, so that a batch whose fate is unknown
// can be written again.
//
// The file is bbolt's. Each realm has a bucket of records under time and number,
// and one of their keys under the ids of the decisions; audit records stand under
// number and realm, refusals apart from all else because anybody can cause them.
// A record has a CRC-32C of bucket, key and content behind it, as bbolt has none.
// Open reads everything and checks it. Numbers of records are kept in memory.
//
// Lists and exports read a bounded piece in one transaction, because bbolt cannot
// use pages again that a reader might see. Erase writes the whole file anew, and
// puts it in the place of the old one: bytes that bbolt leaves in free pages would
// survive else.
//
// # What it refuses
//
// It keeps no trace, no header, no free JSON and no text that a client or a user
// wrote for others to read; see the table. It opens no file that is empty, damaged,
// of a later version, in use by another process, or whose pseudonyms were made with
// another key. It never waits for an NDJSON reader.
//
// # Caveats
//
// Block mode waits for room in the queue, not for the disk: a crash can lose what
// was recorded in the last [Options.BatchInterval]. A secret that looks like a name
// and stands where a name belongs is kept: see the table. Erase needs room for a
// second file while it runs, and keeps the writer waiting for it; it reaches
// neither lines of JSON nor backups, nor what a disk or a file system keeps of a
// file that is gone. Retention leaves bytes of what it removes in free pages until
// they are used again, or until the next erasure. The file does not shrink but by
// erasure. One process at a time can have it open; a copy is sound only when it is
// closed.
package decisionlog
