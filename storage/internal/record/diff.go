package record

import "github.com/sidegate/sidegate/storage"

// Diff makes the record of next, and tells which items are not in the parent.
// Parent is nil for the first revision of a realm; base is the parent's base.
// Items that stay are the same pointers in parent and child: storage.Prepare
// sees to that.
func Diff(parent, next *storage.Snapshot, base int64) (*Revision, []*storage.Item) {
	var old []*storage.Item
	if parent != nil {
		old = parent.Items()
	}
	items := next.Items()
	begin, end := common(old, items)
	at := index(old, begin, end)
	middle := items[begin : len(items)-end]
	r := &Revision{Meta: next.Meta(), Base: base}
	var added []*storage.Item
	r.Removed, added = compare(at, old[begin:len(old)-end], middle)
	if parent == nil || r.Meta.Revision-base >= MaxChain {
		r.Base = r.Meta.Revision
		r.insert(items...)
		return r, added
	}
	r.copy(0, begin)
	for _, i := range middle {
		if n, ok := at[i]; ok {
			r.copy(n, 1)
		} else {
			r.insert(i)
		}
	}
	r.copy(len(old)-end, end)
	return r, added
}

// common returns how many items two lists have in common at their beginning and,
// without those, at their end.
func common(a, b []*storage.Item) (begin, end int) {
	most := min(len(a), len(b))
	for begin < most && a[begin] == b[begin] {
		begin++
	}
	for end < most-begin && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	return begin, end
}

// index tells where the items between begin and end stand.
func index(items []*storage.Item, begin, end int) map[*storage.Item]int {
	at := make(map[*storage.Item]int, len(items)-begin-end)
	for n := begin; n < len(items)-end; n++ {
		at[items[n]] = n
	}
	return at
}

// compare tells which items of old are gone and which of next are not in at.
func compare(at map[*storage.Item]int, old, next []*storage.Item) (removed []storage.Hash, added []*storage.Item) {
	stays := make(map[*storage.Item]bool, len(next))
	for _, i := range next {
		stays[i] = true
		if _, ok := at[i]; !ok {
			added = append(added, i)
		}
	}
	for _, i := range old {
		if !stays[i] {
			removed = append(removed, i.Hash())
		}
	}
	return removed, added
}

// copy copies count entries of the parent from start on, as part of the last run
// when they continue it.
func (r *Revision) copy(start, count int) {
	if count == 0 {
		return
	}
	if n := len(r.Runs); n > 0 {
		if last := &r.Runs[n-1]; last.Count > 0 && last.Start+last.Count == start {
			last.Count += count
			return
		}
	}
	r.Runs = append(r.Runs, Run{Start: start, Count: count})
}

// insert inserts items, as part of the last run when that is an insertion.
func (r *Revision) insert(items ...*storage.Item) {
	if n := len(r.Runs); n == 0 || r.Runs[n-1].Count > 0 {
		r.Runs = append(r.Runs, Run{})
	}
	last := &r.Runs[len(r.Runs)-1]
	for _, i := range items {
		last.Inserted = append(last.Inserted, Entry{Hash: i.Hash(), Stamp: Stamp{Time: i.UpdateTime(), Author: i.Author()}})
	}
}
