package service

import (
	"strconv"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage"
)

// content is what a realm holds. It is never changed once it is in a snapshot.
type content struct {
	settings *pb.RealmSettings
	profiles []*kept[*pb.Profile]
	policies []*kept[*pb.Policy]
}

// snapshot is a realm at one revision, compiled. It is immutable.
type snapshot struct {
	realm string
	meta  storage.Meta
	content
	// compiled answers events; that of a faulty realm always with a fault.
	compiled *pdp.Realm
	// fault is why the realm is faulty, or nil.
	fault *fault
}

// contentOf reads what is stored. Documents that the realm has had before are
// taken over.
func contentOf(state *storage.State, before *snapshot) (content, error) {
	if before == nil {
		before = &snapshot{}
	}
	c := content{settings: state.Settings}
	var err error
	if c.profiles, err = restoreAll(profileKind, state.Profiles, &before.content); err != nil {
		return content{}, err
	}
	c.policies, err = restoreAll(policyKind, state.Policies, &before.content)
	return c, err
}

func restoreAll[D document](k *kind[D], items []*storage.Item, before *content) ([]*kept[D], error) {
	old := k.byHash(before)
	list := make([]*kept[D], 0, len(items))
	for _, item := range items {
		if same := old[item.Hash()]; same != nil && item.UpdateTime().Equal(same.doc.GetUpdateTime().AsTime()) {
			list = append(list, same)
			continue
		}
		kd, err := k.restore(item)
		if err != nil {
			return nil, err
		}
		list = append(list, kd)
	}
	return list, nil
}

// set is the policy set that is compiled and answered; its documents are shared.
func (c *content) set() *pb.PolicySet {
	s := &pb.PolicySet{
		Profiles: make([]*pb.Profile, len(c.profiles)),
		Policies: make([]*pb.Policy, len(c.policies)),
	}
	for i, p := range c.profiles {
		s.Profiles[i] = p.doc
	}
	for i, p := range c.policies {
		s.Policies[i] = p.doc
	}
	return s
}

// size is the number of bytes of all documents.
func (c *content) size() int {
	total := 0
	for _, p := range c.profiles {
		total += p.size
	}
	for _, p := range c.policies {
		total += p.size
	}
	return total
}

// stored is the content as storage takes it.
func (c *content) stored() storage.Content {
	s := storage.Content{
		Settings: c.settings,
		Profiles: make([]*storage.Item, len(c.profiles)),
		Policies: make([]*storage.Item, len(c.policies)),
	}
	for i, p := range c.profiles {
		s.Profiles[i] = p.item
	}
	for i, p := range c.policies {
		s.Policies[i] = p.item
	}
	return s
}

// tag is the entity tag of the realm, of its set and of its lists.
func (s *snapshot) tag() string { return revisionTag(s.meta.Revision) }

func revisionTag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// itemTag is the entity tag of a document.
func itemTag(item *storage.Item) string { return `"` + item.Hash().String() + `"` }

// document is the realm as callers see it.
func (s *snapshot) document() *pb.Realm {
	d := &pb.Realm{Name: s.realm, Settings: s.settings, Warnings: s.fault.warnings()}
	if s.meta.Revision > 0 { // else it is only checked, or nothing of it can be read
		d.Etag, d.Revision, d.Author, d.UpdateTime = s.tag(), s.meta.Revision, s.meta.Author, timestamppb.New(s.meta.Time)
	}
	return d
}
