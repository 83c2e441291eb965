// Package bolt keeps a store in one bbolt file. It is the driver for a single
// server: durable, transactional, no service to run beside it.
//
// It owns the layout of the file and the check of the file before it is used;
// what a revision is and how its records look it takes from storage and
// storage/internal/record.
//
// # Design
//
// The file has four buckets: "store" with the format and the root record,
// "heads" with one record per realm name ever used, "revisions" and "items" with
// one bucket per realm. Commits run one at a time, in one bbolt
// transaction each. The current snapshot of every realm that was asked for once
// stays in memory, so that loading it reads nothing and a commit writes only
// what it changes.
//
// bbolt has no checksums on its pages, trusts every pointer in them, and when
// the newer of its two meta pages is damaged goes back to the older one without
// a word. So Open walks the whole tree before bbolt does: both meta pages, every
// page and its elements, the free list, with each page referenced exactly once.
// Above that, the number of the last transaction in the meta page vouches for the
// root record, the root record for the heads, and checksums for every record
// below: damage is found, and so is a page that is sound but out of date.
//
// # Caveats
//
// One process at a time: a second one gets storage.ErrLocked after
// Options.Timeout. A file that is truncated or overwritten while it is open
// cannot be defended against; to restore a backup, stop the server, and put the
// new file in place by rename. A failed write whose outcome is unknown makes
// the store refuse further commits until it is opened anew. A meta page cut
// short by a power failure is taken for damage too (see
// Options.AcceptPreviousCommit); its 64 bytes lie in one sector, which disks
// write whole or not at all. The file does not shrink; pages freed by retention
// are used again. A file written to by other programs, bbolt's own compaction
// included, is corrupt to this package; a copy made while it is closed, or by
// bbolt's Tx.WriteTo, is not. A whole file of an earlier day is sound: nothing
// in it can tell.
package bolt
