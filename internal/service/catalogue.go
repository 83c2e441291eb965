package service

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/jsonschema"
)

// catalogue describes what policies can be made of. It never changes, and its
// messages are shared by all answers.
type catalogue struct {
	executors, conditions *shelf[*pb.Provider]
	events                *shelf[*pb.EventDescription]
	profiles              *shelf[*pb.Profile]
}

func newCatalogue(registry *pdp.Registry, g *globals) (*catalogue, error) {
	executors := newShelf[*pb.Provider]("executor", pb.ErrorReason_ERROR_REASON_CATALOGUE_ENTRY_NOT_FOUND)
	for _, id := range registry.ExecutorIDs() {
		x := registry.Executor(id)
		schema, err := jsonschema.Executor(x)
		if err != nil {
			return nil, fmt.Errorf("schema of executor %q: %w", id, err)
		}
		executors.add(id, x.Doc, &pb.Provider{
			Id: id, Documentation: x.Doc, Events: x.Events.List(), ConfigurationSchema: schema, Specifications: x.Spec,
		})
	}
	conditions := newShelf[*pb.Provider]("condition", pb.ErrorReason_ERROR_REASON_CATALOGUE_ENTRY_NOT_FOUND)
	for _, id := range registry.ConditionIDs() {
		c := registry.Condition(id)
		schema, err := jsonschema.Condition(c)
		if err != nil {
			return nil, fmt.Errorf("schema of condition %q: %w", id, err)
		}
		conditions.add(id, c.Doc, &pb.Provider{
			Id: id, Documentation: c.Doc, Events: c.Events.List(), ConfigurationSchema: schema, Specifications: c.Spec,
		})
	}
	profiles := newShelf[*pb.Profile]("built-in profile", pb.ErrorReason_ERROR_REASON_PROFILE_NOT_FOUND)
	for _, p := range g.profiles {
		profiles.add(p.doc.GetName(), p.doc.GetDescription(), p.doc)
	}
	return &catalogue{executors.closed(), conditions.closed(), eventShelf(registry).closed(), profiles.closed()}, nil
}

func eventShelf(registry *pdp.Registry) *shelf[*pb.EventDescription] {
	s := newShelf[*pb.EventDescription]("event", pb.ErrorReason_ERROR_REASON_CATALOGUE_ENTRY_NOT_FOUND)
	for _, e := range pdp.AllEvents.List() {
		info := pdp.DescribeEvent(e)
		d := &pb.EventDescription{
			Event: e, Id: pdp.EventName(e), Documentation: info.Doc, Specifications: info.Spec, RequiredFacts: pdp.RequiredMembers(e),
		}
		for _, id := range registry.ExecutorIDs() {
			if registry.Executor(id).Events.Has(e) {
				d.Executors = append(d.Executors, id)
			}
		}
		for _, id := range registry.ConditionIDs() {
			if registry.Condition(id).Events.Has(e) {
				d.Conditions = append(d.Conditions, id)
			}
		}
		s.add(d.GetId(), d.GetDocumentation(), d)
	}
	return s
}

// shelf holds the entries of one kind, by id.
type shelf[E proto.Message] struct {
	noun    string
	unknown pb.ErrorReason
	// tag is the entity tag of all of it.
	tag     string
	entries []entryOf[E]
}

// entryOf is one entry, and what it is found by.
type entryOf[E proto.Message] struct {
	id, doc, tag string
	value        E
}

func newShelf[E proto.Message](noun string, unknown pb.ErrorReason) *shelf[E] {
	return &shelf[E]{noun: noun, unknown: unknown}
}

func (s *shelf[E]) add(id, doc string, value E) {
	// What was made from descriptors can be written.
	content, _ := proto.MarshalOptions{Deterministic: true}.Marshal(value)
	e := entryOf[E]{id, doc, contentTag(content), value}
	if tagged, ok := any(value).(interface{ GetEtag() string }); ok {
		e.tag = tagged.GetEtag()
	}
	s.entries = append(s.entries, e)
}

// closed sorts the entries and tags them as a whole.
func (s *shelf[E]) closed() *shelf[E] {
	slices.SortFunc(s.entries, func(a, b entryOf[E]) int { return cmp.Compare(a.id, b.id) })
	var all []byte
	for _, e := range s.entries {
		all = append(all, e.tag...)
	}
	s.tag = contentTag(all)
	return s
}

// contentTag is the entity tag of something that has no revision.
func contentTag(content []byte) string {
	sum := sha256.Sum256(content)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// find returns the entry with an id.
func (s *shelf[E]) find(id string) (entryOf[E], error) {
	i, there := slices.BinarySearchFunc(s.entries, id, func(e entryOf[E], id string) int { return cmp.Compare(e.id, id) })
	if there {
		return s.entries[i], nil
	}
	known := make([]string, len(s.entries))
	for i, e := range s.entries {
		known[i] = e.id
	}
	return entryOf[E]{}, refuse(s.unknown, "%s %q does not exist%s", s.noun, shorten(id), pdp.Suggest(id, known))
}

// shelfRequest asks for a page.
type shelfRequest interface {
	GetPageSize() int32
	GetPageToken() string
	GetSearch() string
}

// shelfPage is a page of entries.
type shelfPage[E proto.Message] struct {
	values []E
	next   string
	total  int32
}

// page returns the entries that are searched for. A page begins behind the last id
// of the one before.
func (s *shelf[E]) page(r shelfRequest) (*shelfPage[E], error) {
	n, err := pageSize(r.GetPageSize())
	if err != nil {
		return nil, err
	}
	search, err := parseSearch(r.GetSearch())
	if err != nil {
		return nil, err
	}
	at := cursor{list: s.noun, query: queryText(r.GetSearch(), "", "")}
	if err := at.parse(r.GetPageToken()); err != nil {
		return nil, err
	}
	p := &shelfPage[E]{}
	last := ""
	for _, e := range s.entries {
		if !found(search, e.id) && !found(search, e.doc) {
			continue
		}
		p.total++
		switch {
		case e.id <= at.rest:
		case len(p.values) < n:
			p.values, last = append(p.values, e.value), e.id
		case p.next == "":
			at.rest = last
			p.next = at.token()
		}
	}
	return p, nil
}
