package service_test

import (
	"slices"

	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

// thing is a profile or policy of the model. Only a policy has a reference.
type thing struct{ name, text, profile string }

// state is what a realm of the model holds, in order.
type state struct{ profiles, policies []thing }

// beginning is what most cases begin with.
func beginning() state {
	return state{
		profiles: []thing{{name: "q0", text: "x"}, {name: "q1", text: "x"}},
		policies: []thing{{name: "p0", text: "x"}, {name: "p1", text: "x", profile: "q0"}, {name: "p2", text: "x"}, {name: "p3", text: "x"}},
	}
}

func (s state) clone() state { return state{slices.Clone(s.profiles), slices.Clone(s.policies)} }

func (s state) equal(other state) bool {
	return slices.Equal(s.profiles, other.profiles) && slices.Equal(s.policies, other.policies)
}

// list is one of the two lists.
func (s *state) list(profiles bool) *[]thing {
	if profiles {
		return &s.profiles
	}
	return &s.policies
}

func find(list []thing, name string) int {
	return slices.IndexFunc(list, func(x thing) bool { return x.name == name })
}

// sound reports whether every policy names a profile that is there.
func (s state) sound() bool {
	return !slices.ContainsFunc(s.policies, func(p thing) bool { return p.profile != "" && find(s.profiles, p.profile) < 0 })
}

func (s state) inUse(profile string) bool {
	return slices.ContainsFunc(s.policies, func(p thing) bool { return p.profile == profile })
}

// seen is what a client saw when it last looked.
type seen struct {
	state
	revision int64
	tags     map[thing]string
}

// base is what a write says it was based on.
type base string

const (
	baseNone     base = "nothing"
	baseTag      base = "tag"
	baseAny      base = "any"
	baseRevision base = "revision"
	baseForce    base = "force" // sets alone
)

// operation is a write of one client, made from what it saw.
type operation struct {
	verb     string // create, replace, patch, move, delete or set
	profiles bool   // of a profile, not a policy
	name     string
	to       thing  // what it becomes
	beside   string // move: the neighbour, or empty for the index
	after    bool
	index    int
	set      state
	base     base
	check    bool // validateOnly
}

// model is what the realm should hold.
type model struct {
	state
	revision int64
}

func (m *model) take(next state) {
	if next.equal(m.state) {
		return
	}
	m.revision++
	m.state = next
}

// outcome returns what an operation makes of the realm as it is, or the reason why
// it is refused.
func (m *model) outcome(o operation, v *seen) (next state, reason string) {
	next = m.clone()
	list := next.list(o.profiles)
	if o.verb == "set" {
		return o.set, m.judgeSet(o, v)
	}
	if o.verb == "create" {
		switch {
		case o.base == baseTag && v.revision != m.revision:
			return next, "ETAG_MISMATCH"
		case o.base == baseRevision && !slices.Equal(*m.list(o.profiles), *v.list(o.profiles)):
			return next, "CONFLICT"
		case find(*list, o.name) >= 0:
			return next, "ALREADY_EXISTS"
		}
		*list = append(*list, o.to)
		return next, judgeWhole(next)
	}
	i := find(*list, o.name)
	if i < 0 {
		return next, "NOT_FOUND"
	}
	now := (*list)[i]
	switch {
	case o.base == baseTag && v.tags[now] == "": // the client saw another content, or none
		return next, "ETAG_MISMATCH"
	case o.base == baseRevision && v.revision != m.revision && !slices.Contains(*v.list(o.profiles), now):
		return next, "CONFLICT"
	}
	switch o.verb {
	case "delete":
		if o.profiles && m.inUse(o.name) {
			return next, "PROFILE_IN_USE"
		}
		*list = slices.Delete(*list, i, i+1)
		return next, ""
	case "move":
		return next, moveIn(list, i, o)
	case "patch":
		now.text = o.to.text
		(*list)[i] = now
		return next, ""
	}
	if o.to.name != o.name {
		switch {
		case find(*list, o.to.name) >= 0:
			return next, "ALREADY_EXISTS"
		case o.profiles && m.inUse(o.name):
			return next, "PROFILE_IN_USE"
		}
	}
	(*list)[i] = o.to
	return next, judgeWhole(next)
}

func judgeWhole(next state) string {
	if !next.sound() {
		return "INVALID_DOCUMENT"
	}
	return ""
}

func (m *model) judgeSet(o operation, v *seen) string {
	switch {
	case o.base == baseNone:
		return "IF_MATCH_REQUIRED"
	case o.base == baseTag && v.revision != m.revision:
		return "ETAG_MISMATCH"
	case o.base == baseRevision && !v.equal(m.state):
		return "CONFLICT"
	}
	return judgeWhole(o.set)
}

func moveIn(list *[]thing, i int, o operation) string {
	moved := (*list)[i]
	rest := slices.Delete(slices.Clone(*list), i, i+1)
	to := o.index
	switch {
	case o.beside == o.name:
		return "INVALID_DOCUMENT"
	case o.beside != "":
		if to = find(rest, o.beside); to < 0 {
			return "NOT_FOUND"
		}
		if o.after {
			to++
		}
	case to > len(rest):
		return "INVALID_DOCUMENT"
	}
	*list = slices.Insert(rest, to, moved)
	return ""
}

func (x thing) asProfile() *pb.Profile {
	return &pb.Profile{Name: x.name, Description: proto.String(x.text)}
}

func (x thing) asPolicy() *pb.Policy {
	p := policy(x.name)
	p.Description = proto.String(x.text)
	if x.profile != "" {
		p.Profiles = []string{x.profile}
	}
	return p
}

func (s state) asSet() *pb.PolicySet {
	set := &pb.PolicySet{}
	for _, x := range s.profiles {
		set.Profiles = append(set.Profiles, x.asProfile())
	}
	for _, x := range s.policies {
		set.Policies = append(set.Policies, x.asPolicy())
	}
	return set
}

func thingOf(p *pb.Policy) thing {
	x := thing{name: p.GetName(), text: p.GetDescription()}
	if len(p.GetProfiles()) > 0 {
		x.profile = p.GetProfiles()[0]
	}
	return x
}

// seenOf is what a client sees in a set.
func seenOf(set *pb.PolicySet) *seen {
	v := &seen{revision: set.GetRevision(), tags: map[thing]string{}}
	for _, p := range set.GetProfiles() {
		x := thing{name: p.GetName(), text: p.GetDescription()}
		v.profiles = append(v.profiles, x)
		v.tags[x] = p.GetEtag()
	}
	for _, p := range set.GetPolicies() {
		x := thingOf(p)
		v.policies = append(v.policies, x)
		v.tags[x] = p.GetEtag()
	}
	return v
}

// stateOf is what a store holds.
func stateOf(s *storage.State) (state, error) {
	var out state
	for _, item := range s.Profiles {
		p, err := item.Profile()
		if err != nil {
			return out, err
		}
		out.profiles = append(out.profiles, thing{name: p.GetName(), text: p.GetDescription()})
	}
	for _, item := range s.Policies {
		p, err := item.Policy()
		if err != nil {
			return out, err
		}
		out.policies = append(out.policies, thingOf(p))
	}
	return out, nil
}
