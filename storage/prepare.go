package storage

import (
	"fmt"
	"slices"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Prepare checks a change against the current snapshot of its realm, nil when
// there is none, and returns the snapshot that follows. Last is the last
// revision that the name ever had. When the change changes nothing it returns
// current itself; for a deletion it returns a snapshot without items, good for
// its Meta only. Drivers call it with the realm locked against other commits.
func Prepare(current *Snapshot, last int64, c Change) (*Snapshot, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := c.checkParent(current); err != nil {
		return nil, err
	}
	next := &Snapshot{realm: c.Realm, meta: Meta{
		Revision: last + 1, Parent: c.Parent, Time: c.Time.Round(0).UTC(),
		Author: c.Author, Surface: c.Surface, Comment: c.Comment,
	}}
	if c.Delete {
		return next, nil
	}
	if err := next.fill(current, c.Content); err != nil {
		return nil, err
	}
	if current != nil && slices.Equal(current.items, next.items) {
		return current, nil
	}
	return next, nil
}

// checkParent compares the revision that the change was based on.
func (c *Change) checkParent(current *Snapshot) error {
	switch {
	case current == nil && c.Parent == 0:
		return nil
	case current == nil:
		return fmt.Errorf("%w: %q", ErrRealmNotFound, c.Realm)
	case c.Parent == 0:
		return fmt.Errorf("%w: %q", ErrRealmExists, c.Realm)
	case c.Parent != current.meta.Revision:
		return &ConflictError{Realm: c.Realm, Parent: c.Parent, Current: current.meta.Revision}
	}
	return nil
}

// fill takes over the content wanted. Items that the parent has stay the
// parent's, so that they keep their update time and author. Most changes touch
// one item of many: only what lies between the equal beginning and the equal end
// of both lists is looked at closely.
func (s *Snapshot) fill(parent *Snapshot, c Content) error {
	wanted, err := c.items()
	if err != nil {
		return err
	}
	if s.settings, err = decode(wanted[0], KindSettings, &clientpolicyv1.RealmSettings{}); err != nil {
		return err
	}
	var old []*Item
	if parent != nil {
		old = parent.items
	}
	begin, end := common(old, wanted)
	s.items = append(make([]*Item, 0, len(wanted)), old[:begin]...)
	kept := itemsByHash(old[begin : len(old)-end])
	for _, i := range wanted[begin : len(wanted)-end] {
		s.add(kept, i)
	}
	s.items = append(s.items, old[len(old)-end:]...)
	return uniqueNames(s.items, begin, end)
}

// items lists the content as a snapshot does.
func (c *Content) items() ([]*Item, error) {
	settings, err := newSettings(c.Settings)
	if err != nil {
		return nil, err
	}
	list := append(make([]*Item, 0, 1+len(c.Profiles)+len(c.Policies)), settings)
	for _, part := range []struct {
		kind  Kind
		items []*Item
	}{{KindProfile, c.Profiles}, {KindPolicy, c.Policies}} {
		for n, i := range part.items {
			if i == nil || i.kind != part.kind {
				return nil, invalid("entry %d of the %s list is not a %s", n, part.kind, part.kind)
			}
		}
		list = append(list, part.items...)
	}
	return list, nil
}

// common returns how many items two lists have in common at their beginning and,
// without those, at their end. The hash covers kind and name.
func common(a, b []*Item) (begin, end int) {
	same := func(x, y *Item) bool { return x == y || x.hash == y.hash }
	most := min(len(a), len(b))
	for begin < most && same(a[begin], b[begin]) {
		begin++
	}
	for end < most-begin && same(a[len(a)-1-end], b[len(b)-1-end]) {
		end++
	}
	return begin, end
}

func itemsByHash(items []*Item) map[Hash]*Item {
	m := make(map[Hash]*Item, len(items))
	for _, i := range items {
		m[i.hash] = i
	}
	return m
}

func (s *Snapshot) add(kept map[Hash]*Item, i *Item) {
	if old := kept[i.hash]; old != nil {
		s.items = append(s.items, old)
		return
	}
	stamped := *i
	stamped.update, stamped.author = s.meta.Time, s.meta.Author
	s.items = append(s.items, &stamped)
}

// uniqueNames checks the names of the items between begin and end against each
// other and against the rest, whose names are unique among themselves.
func uniqueNames(items []*Item, begin, end int) error {
	type key struct {
		kind Kind
		name string
	}
	middle, after := items[begin:len(items)-end], items[len(items)-end:]
	names := make(map[key]struct{}, len(middle))
	for _, i := range middle {
		k := key{i.kind, i.name}
		if _, twice := names[k]; twice {
			return invalid("%s %q is listed twice", i.kind, i.name)
		}
		names[k] = struct{}{}
	}
	for _, part := range [][]*Item{items[:begin], after} {
		for _, i := range part {
			if _, twice := names[key{i.kind, i.name}]; twice {
				return invalid("%s %q is listed twice", i.kind, i.name)
			}
		}
	}
	return nil
}
