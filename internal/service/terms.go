package service

import (
	"maps"
	"slices"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/filter"
	"github.com/sidegate/sidegate/pdp"
)

// scope is what tests look things up in.
type scope struct {
	registry *pdp.Registry
	// profiles are those that policies may name.
	profiles map[string]*pb.Profile
}

func profilesByName(c *content, g *globals) map[string]*pb.Profile {
	m := make(map[string]*pb.Profile, len(c.profiles)+len(g.profiles))
	for _, list := range [][]*kept[*pb.Profile]{g.profiles, c.profiles} {
		for _, p := range list {
			m[p.doc.GetName()] = p.doc
		}
	}
	return m
}

// test reports whether a term of a filter holds for a document.
type test[D document] func(in *scope, d D) bool

// terms make tests of the values of a filter, by key (contract of administration,
// section 2, "List"). A value that cannot hold is refused with what was expected.
type terms[D document] map[string]func(value string) (t test[D], problem string)

// parseFilter returns the tests of a filter, all of which must hold.
func parseFilter[D document](known terms[D], text string) ([]test[D], error) {
	parsed, err := filter.Parse(text, slices.Sorted(maps.Keys(known)))
	if err != nil {
		return nil, invalidAt("/filter", "%v", err)
	}
	var tests []test[D]
	for _, t := range parsed {
		holds, problem := known[t.Key](t.Value)
		if problem != "" {
			return nil, invalidAt("/filter", "%s=%s: %s", t.Key, t.Value, problem)
		}
		tests = append(tests, holds)
	}
	return tests, nil
}

var profileTerms = terms[*pb.Profile]{
	"executor": text(func(_ *scope, p *pb.Profile, id string) bool { return uses(p, id) }),
	"event":    event(acts),
	"global":   truth((*pb.Profile).GetGlobal),
}

var policyTerms = terms[*pb.Policy]{
	"enabled": truth((*pb.Policy).GetEnabled),
	"condition": text(func(_ *scope, p *pb.Policy, id string) bool {
		return slices.ContainsFunc(p.GetConditions(), func(c *pb.PolicyCondition) bool { return c.GetCondition() == id })
	}),
	"profile": text(func(_ *scope, p *pb.Policy, name string) bool { return slices.Contains(p.GetProfiles(), name) }),
	"executor": text(func(in *scope, p *pb.Policy, id string) bool {
		return slices.ContainsFunc(p.GetProfiles(), func(name string) bool { return uses(in.profiles[name], id) })
	}),
	"event":  event(takesPart),
	"global": truth((*pb.Policy).GetGlobal),
}

func text[D document](holds func(in *scope, d D, value string) bool) func(string) (test[D], string) {
	return func(value string) (test[D], string) {
		return func(in *scope, d D) bool { return holds(in, d, value) }, ""
	}
}

func truth[D document](of func(D) bool) func(string) (test[D], string) {
	return func(value string) (test[D], string) {
		if value != "true" && value != "false" {
			return nil, "expected true or false"
		}
		return func(_ *scope, d D) bool { return of(d) == (value == "true") }, ""
	}
}

func event[D document](holds func(in *scope, d D, e pdp.Event) bool) func(string) (test[D], string) {
	return func(value string) (test[D], string) {
		e, problem := eventOf(value)
		return func(in *scope, d D) bool { return holds(in, d, e) }, problem
	}
}

// eventOf finds an event by its name, with or without the prefix of the wire.
func eventOf(name string) (e pdp.Event, problem string) {
	e = pb.Event(pb.Event_value["EVENT_"+strings.TrimPrefix(name, "EVENT_")])
	if pdp.KnownEvent(e) {
		return e, ""
	}
	var known []string
	for _, e := range pdp.AllEvents.List() {
		known = append(known, pdp.EventName(e))
	}
	return 0, "unknown event" + pdp.Suggest(name, known)
}

// uses reports whether a profile has an executor.
func uses(p *pb.Profile, id string) bool {
	return slices.ContainsFunc(p.GetExecutors(), func(x *pb.ProfileExecutor) bool { return x.GetExecutor() == id })
}

// acts reports whether an executor of a profile acts on an event.
func acts(in *scope, p *pb.Profile, e pdp.Event) bool {
	return slices.ContainsFunc(p.GetExecutors(), func(x *pb.ProfileExecutor) bool {
		info := in.registry.Executor(x.GetExecutor())
		return info != nil && info.Events.Has(e)
	})
}

// takesPart reports whether a policy, once enabled, can have a say in an event.
func takesPart(in *scope, p *pb.Policy, e pdp.Event) bool {
	if len(p.GetEvents()) > 0 && !slices.Contains(p.GetEvents(), e) {
		return false
	}
	return slices.ContainsFunc(p.GetProfiles(), func(name string) bool { return acts(in, in.profiles[name], e) })
}
