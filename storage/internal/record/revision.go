package record

import (
	"crypto/sha256"
	"time"

	"github.com/sidegate/sidegate/storage"
)

// Stamp is when and by whom an item last changed.
type Stamp struct {
	// Time of the change.
	Time time.Time
	// Author of the change.
	Author string
}

// Entry is one item in the list of a revision.
type Entry struct {
	// Hash of the item.
	Hash storage.Hash
	// Stamp of the item.
	Stamp Stamp
}

// Run is a part of a list: Count entries of the parent's list from Start on, or
// the Inserted ones.
type Run struct {
	// Start is the first entry copied.
	Start int
	// Count is the number of entries copied; 0 on an insertion.
	Count int
	// Inserted are entries that the parent's list lacks.
	Inserted []Entry
}

// Revision is one revision as stored.
type Revision struct {
	// Meta tells the revision.
	Meta storage.Meta
	// Base is the revision to begin with when the list is made up; the revision
	// itself when it is written whole.
	Base int64
	// Removed are the items of the parent that are no longer listed.
	Removed []storage.Hash
	// Runs make the list up.
	Runs []Run
}

// Apply makes the list of the revision from its parent's, which is not looked
// at when the revision is written whole. The list takes the place of what is in
// space, which must not be the parent's.
func (r *Revision) Apply(realm string, parent, space []Entry) ([]Entry, error) {
	if r.Base == r.Meta.Revision {
		parent = nil
	}
	list := space[:0]
	for _, run := range r.Runs {
		if run.Count == 0 {
			list = append(list, run.Inserted...)
			continue
		}
		if run.Start > len(parent) || run.Count > len(parent)-run.Start || len(list)+run.Count > maxEntries {
			return nil, corrupt(revisionName(realm, r.Meta.Revision), "it copies more than its parent has")
		}
		list = append(list, parent[run.Start:run.Start+run.Count]...)
	}
	return list, nil
}

// maxEntries is the longest list: all items and the settings.
const maxEntries = storage.MaxItems + 1

// Encode writes the record of a revision of the realm.
func (r *Revision) Encode(realm string) []byte {
	w := &writer{}
	w.meta(r.Meta)
	w.number(r.Base)
	w.number(int64(len(r.Removed)))
	for _, h := range r.Removed {
		w.hash(h)
	}
	stamps := r.writeStamps(w)
	w.number(int64(len(r.Runs)))
	for _, run := range r.Runs {
		run.write(w, stamps)
	}
	return w.seal(revisionName(realm, r.Meta.Revision))
}

// writeStamps writes the stamps of all entries once each.
func (r *Revision) writeStamps(w *writer) map[Stamp]int {
	number := map[Stamp]int{}
	var stamps []Stamp
	for _, run := range r.Runs {
		for _, e := range run.Inserted {
			if _, ok := number[e.Stamp]; !ok {
				number[e.Stamp] = len(stamps)
				stamps = append(stamps, e.Stamp)
			}
		}
	}
	w.number(int64(len(stamps)))
	for _, s := range stamps {
		w.time(s.Time)
		w.text(s.Author)
	}
	return number
}

func (run *Run) write(w *writer, stamps map[Stamp]int) {
	w.number(int64(run.Count))
	if run.Count > 0 {
		w.number(int64(run.Start))
		return
	}
	w.number(int64(len(run.Inserted)))
	for _, e := range run.Inserted {
		w.hash(e.Hash)
		w.number(int64(stamps[e.Stamp]))
	}
}

// DecodeRevision reads the record of a revision. Nil bytes are a record that is
// missing, which is ErrCorrupt too.
func DecodeRevision(realm string, revision int64, b []byte) (*Revision, error) {
	name := revisionName(realm, revision)
	rd, err := open(name, b)
	if err != nil {
		return nil, err
	}
	r := &Revision{Meta: rd.meta(), Base: rd.number()}
	for n := rd.count(sha256.Size); n > 0; n-- {
		r.Removed = append(r.Removed, rd.hash())
	}
	stamps := readStamps(rd)
	for n := rd.count(2); n > 0; n-- {
		r.Runs = append(r.Runs, readRun(rd, stamps))
	}
	if err := rd.done(name); err != nil {
		return nil, err
	}
	if r.Meta.Revision != revision || r.Base < 1 || r.Base > revision || revision-r.Base > MaxChain {
		return nil, corrupt(name, "its numbers contradict each other")
	}
	return r, nil
}

func readStamps(rd *reader) []Stamp {
	var stamps []Stamp
	for n := rd.count(3); n > 0; n-- {
		stamps = append(stamps, Stamp{Time: rd.time(), Author: rd.text()})
	}
	return stamps
}

func readRun(rd *reader, stamps []Stamp) Run {
	if n := rd.number(); n > 0 {
		run := Run{Count: int(n), Start: int(rd.number())}
		if n > maxEntries || run.Start > maxEntries {
			rd.fail(errRange)
		}
		return run
	}
	var run Run
	for n := rd.count(sha256.Size + 1); n > 0; n-- {
		hash, s := rd.hash(), rd.number()
		if s >= int64(len(stamps)) {
			rd.fail(errRange)
			return run
		}
		run.Inserted = append(run.Inserted, Entry{Hash: hash, Stamp: stamps[s]})
	}
	return run
}
