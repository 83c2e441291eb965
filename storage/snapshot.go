package storage

import (
	"fmt"
	"slices"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Snapshot is a realm at one revision as a driver keeps it: immutable and
// shared. Callers of a Store get a State made from it.
type Snapshot struct {
	realm    string
	meta     Meta
	settings *clientpolicyv1.RealmSettings
	// items are the settings, then the profiles, then the policies.
	items []*Item
}

// NewSnapshot makes a snapshot from what a driver has read, in stored order.
// It answers a CorruptError when the items cannot be the content of a realm.
func NewSnapshot(realm string, meta Meta, items []*Item) (*Snapshot, error) {
	corrupt := func(problem string) error {
		return &CorruptError{Record: fmt.Sprintf("revision %d of realm %q", meta.Revision, realm), Problem: problem}
	}
	if len(items) == 0 || items[0].kind != KindSettings {
		return nil, corrupt("its list does not begin with the settings")
	}
	if !slices.IsSortedFunc(items[1:], func(a, b *Item) int { return int(a.kind) - int(b.kind) }) {
		return nil, corrupt("its list is not in the order of kinds")
	}
	if len(items) > 1 && items[1].kind == KindSettings {
		return nil, corrupt("its list has two settings")
	}
	settings, err := decode(items[0], KindSettings, &clientpolicyv1.RealmSettings{})
	if err != nil {
		return nil, err
	}
	return &Snapshot{realm: realm, meta: meta, settings: settings, items: items}, nil
}

// Meta tells the revision.
func (s *Snapshot) Meta() Meta { return s.meta }

// Items lists the content in stored order, the settings first. It must not be
// changed.
func (s *Snapshot) Items() []*Item { return s.items }

// State makes a state of which everything that can be changed is a copy.
func (s *Snapshot) State() *State {
	return &State{Realm: s.realm, Meta: s.meta, Content: Content{
		Settings: s.settings.CloneVT(),
		Profiles: slices.Clone(s.of(KindProfile)),
		Policies: slices.Clone(s.of(KindPolicy)),
	}}
}

// of returns the items of one kind.
func (s *Snapshot) of(kind Kind) []*Item {
	byKind := func(i *Item, k Kind) int { return int(i.kind) - int(k) }
	from, _ := slices.BinarySearchFunc(s.items, kind, byKind)
	to, _ := slices.BinarySearchFunc(s.items, kind+1, byKind)
	return s.items[from:to]
}

// NewRealm makes the entry of a list of realms from the item with its settings.
func NewRealm(name string, meta Meta, settings *Item) (Realm, error) {
	s, err := decode(settings, KindSettings, &clientpolicyv1.RealmSettings{})
	return Realm{Name: name, Meta: meta, Settings: s}, err
}
