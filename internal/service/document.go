package service

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
	"github.com/sidegate/sidegate/storage"
)

// document is a profile or a policy.
type document interface {
	*pb.Profile | *pb.Policy
	GetName() string
	GetDescription() string
	GetEtag() string
	GetUpdateTime() *timestamppb.Timestamp
	SizeVT() int
	ProtoReflect() protoreflect.Message
}

// kept is a stored document and what is known of it. It is shared by all answers
// and never changed.
type kept[D document] struct {
	// doc has its output-only members, save revision and warnings.
	doc  D
	item *storage.Item
	// size is the number of bytes of the bare document.
	size int
}

// kind is what sets profiles and policies apart.
type kind[D document] struct {
	// noun names one, list all of them in a set.
	noun, list string
	unknown    pb.ErrorReason
	// globalFirst tells that built-in documents are listed before the realm's own.
	globalFirst bool

	of      func(*content) *[]*kept[D]
	items   func(*storage.State) []*storage.Item
	globals func(*globals) []*kept[D]
	newItem func(D) (*storage.Item, error)
	decode  func(*storage.Item) (D, error)
	// stamp sets the output-only members that stay with the document.
	stamp func(D, stamp)
	// answer copies a document for an answer that is about it alone.
	answer func(d D, revision int64, warnings []*pb.Warning) D
	// name gives a document its name.
	name     func(d D, name string)
	check    func(c *checker, d D)
	warnings func(d D, at string) []*pb.Warning
	// terms are the keys that its list is filtered by.
	terms terms[D]
}

// stamp is what the server knows of a document.
type stamp struct {
	etag      string
	updated   time.Time
	author    string
	global    bool
	available *bool
}

func (s stamp) time() *timestamppb.Timestamp {
	if s.updated.IsZero() {
		return nil
	}
	return timestamppb.New(s.updated)
}

var profileKind = &kind[*pb.Profile]{
	noun: "profile", list: "/profiles", unknown: pb.ErrorReason_ERROR_REASON_PROFILE_NOT_FOUND,
	of:      func(c *content) *[]*kept[*pb.Profile] { return &c.profiles },
	items:   func(s *storage.State) []*storage.Item { return s.Profiles },
	globals: func(g *globals) []*kept[*pb.Profile] { return g.profiles },
	newItem: newProfileItem, decode: (*storage.Item).Profile,
	stamp: func(p *pb.Profile, s stamp) {
		p.Etag, p.UpdateTime, p.Author, p.Global, p.Available = s.etag, s.time(), s.author, s.global, s.available
	},
	answer: func(p *pb.Profile, revision int64, warnings []*pb.Warning) *pb.Profile {
		p = p.CloneVT()
		p.Revision, p.Warnings = revision, warnings
		return p
	},
	name:  func(p *pb.Profile, name string) { p.Name = name },
	check: (*checker).profile, warnings: profileWarnings, terms: profileTerms,
}

var policyKind = &kind[*pb.Policy]{
	noun: "policy", list: "/policies", unknown: pb.ErrorReason_ERROR_REASON_POLICY_NOT_FOUND, globalFirst: true,
	of:      func(c *content) *[]*kept[*pb.Policy] { return &c.policies },
	items:   func(s *storage.State) []*storage.Item { return s.Policies },
	globals: func(g *globals) []*kept[*pb.Policy] { return g.policies },
	newItem: storage.NewPolicy, decode: (*storage.Item).Policy,
	stamp: func(p *pb.Policy, s stamp) {
		p.Etag, p.UpdateTime, p.Author, p.Global = s.etag, s.time(), s.author, s.global
	},
	answer: func(p *pb.Policy, revision int64, warnings []*pb.Warning) *pb.Policy {
		p = p.CloneVT()
		p.Revision, p.Warnings = revision, warnings
		return p
	},
	name:  func(p *pb.Policy, name string) { p.Name = name },
	check: (*checker).policy, warnings: policyWarnings, terms: policyTerms,
}

// restore makes a kept document from a stored item.
func (k *kind[D]) restore(item *storage.Item) (*kept[D], error) {
	doc, err := k.decode(item)
	if err != nil {
		return nil, err
	}
	kd := &kept[D]{doc: doc, item: item, size: doc.SizeVT()}
	k.stamp(doc, stamp{etag: itemTag(item), updated: item.UpdateTime(), author: item.Author()})
	return kd, nil
}

// sent is a document as it came, which has no item yet.
func sent[D document](doc D) *kept[D] { return &kept[D]{doc: doc} }

// fresh makes a kept document from one that was sent, or returns the old one when
// nothing changes.
func (k *kind[D]) fresh(doc D, old map[storage.Hash]*kept[D]) (*kept[D], error) {
	item, err := k.newItem(doc)
	if err != nil {
		return nil, err
	}
	if same := old[item.Hash()]; same != nil {
		return same, nil
	}
	return k.restore(item)
}

// freshAll makes those documents of a list ready to be stored that were sent.
func freshAll[D document](k *kind[D], list []*kept[D], before *content) ([]*kept[D], error) {
	var old map[storage.Hash]*kept[D]
	all := slices.Clone(list)
	for i, kd := range all {
		if kd.item != nil {
			continue
		}
		if old == nil {
			old = k.byHash(before)
		}
		var err error
		if all[i], err = k.fresh(kd.doc, old); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// stored tells a fresh document when and by whom it was written. Until then it
// has neither, and is not shared.
func (k *kind[D]) stored(kd *kept[D], meta storage.Meta) {
	if kd.doc.GetUpdateTime() != nil {
		return
	}
	k.stamp(kd.doc, stamp{etag: kd.doc.GetEtag(), updated: meta.Time, author: meta.Author})
}

// find returns the document with a name and its place, or nil.
func (k *kind[D]) find(c *content, name string) (*kept[D], int) {
	list := *k.of(c)
	i := slices.IndexFunc(list, func(kd *kept[D]) bool { return kd.doc.GetName() == name })
	if i < 0 {
		return nil, -1
	}
	return list[i], i
}

// global returns the built-in document with a name, or nil.
func (k *kind[D]) global(g *globals, name string) *kept[D] {
	list := k.globals(g)
	i := slices.IndexFunc(list, func(kd *kept[D]) bool { return kd.doc.GetName() == name })
	if i < 0 {
		return nil
	}
	return list[i]
}

func (k *kind[D]) byHash(c *content) map[storage.Hash]*kept[D] {
	m := make(map[storage.Hash]*kept[D], len(*k.of(c)))
	for _, kd := range *k.of(c) {
		m[kd.item.Hash()] = kd
	}
	return m
}

// globals are the built-in profiles and the server-wide policies.
type globals struct {
	profiles []*kept[*pb.Profile]
	policies []*kept[*pb.Policy]
}

func newGlobals(security *profiles.SecurityProfile, compiler *pdp.Compiler) (*globals, error) {
	g := &globals{}
	for _, p := range security.Profiles {
		available, _ := compiler.Available(p.GetName())
		kd, err := builtin(profileKind, p, compiler, stamp{available: &available})
		if err != nil {
			return nil, err
		}
		g.profiles = append(g.profiles, kd)
	}
	for _, p := range security.Policies {
		kd, err := builtin(policyKind, p, compiler, stamp{})
		if err != nil {
			return nil, err
		}
		g.policies = append(g.policies, kd)
	}
	return g, nil
}

func builtin[D document](k *kind[D], doc D, compiler *pdp.Compiler, st stamp) (*kept[D], error) {
	if !compiler.GlobalName(doc.GetName()) {
		return nil, fmt.Errorf("security profile: the compiler was made without %s %q", k.noun, doc.GetName())
	}
	kd, err := k.fresh(doc, nil)
	if err != nil {
		return nil, fmt.Errorf("security profile: %w", err)
	}
	st.etag, st.global = itemTag(kd.item), true
	k.stamp(kd.doc, st)
	return kd, nil
}
