package pdp

import (
	"slices"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Realm is a compiled policy set: immutable, and safe for concurrent use.
type Realm struct {
	policies []*policy
	keycloak bool
	omitted  []string
	events   [eventCount]*eventIndex // equal ones are shared
}

type policy struct {
	name        string
	global      bool
	enabled     bool
	strict      bool
	events      EventSet
	enforcement pb.Policy_Enforcement
	conditions  []*boundCondition
	profiles    []*profile
}

type boundCondition struct {
	info      *ConditionInfo
	condition Condition
	negated   bool
}

type boundExecutor struct {
	info     *ExecutorInfo
	executor Executor
}

type profile struct {
	name      string
	executors []*boundExecutor
	byEvent   [eventCount][]*boundExecutor
}

func (p *profile) indexEvents() {
	for e := Event(1); int(e) < eventCount; e++ {
		for _, x := range p.executors {
			if x.info.Events.Has(e) {
				p.byEvent[e] = append(p.byEvent[e], x)
			}
		}
	}
}

// eventIndex finds the policies that may apply on one event. Policies whose
// conditions name values are reached through those values, all others always.
type eventIndex struct {
	all    []int32                                 // every policy that may apply, in order
	always []int32                                 // those that no value leads to
	keyed  []keyed                                 // those that values lead to
	byKey  [keyKinds]map[string]map[string][]int32 // kind → name → value → policies
}

// keyed is a policy and the condition whose values lead to it.
type keyed struct {
	policy    int32
	condition *boundCondition
}

const keyKinds = int(GrantTypeKey) + 1

func newRealm(policies []*policy, settings *pb.RealmSettings) *Realm {
	r := &Realm{
		policies: policies,
		keycloak: settings.GetCompatibility() == pb.RealmSettings_COMPATIBILITY_KEYCLOAK,
		omitted:  slices.Clone(settings.GetOmittedFacts()),
	}
	var built []*eventIndex
	for e := Event(1); int(e) < eventCount; e++ {
		x := newEventIndex(policies, e)
		if i := slices.IndexFunc(built, x.sameAs); i >= 0 {
			r.events[e] = built[i]
			continue
		}
		x.build()
		built, r.events[e] = append(built, x), x
	}
	return r
}

func newEventIndex(policies []*policy, e Event) *eventIndex {
	x := &eventIndex{}
	for i, p := range policies {
		if !p.mayApply(e) {
			continue
		}
		x.all = append(x.all, int32(i))
		if c := p.indexable(e); c != nil {
			x.keyed = append(x.keyed, keyed{int32(i), c})
		} else {
			x.always = append(x.always, int32(i))
		}
	}
	return x
}

func (x *eventIndex) sameAs(other *eventIndex) bool {
	return slices.Equal(x.always, other.always) && slices.Equal(x.keyed, other.keyed)
}

func (x *eventIndex) build() {
	for _, k := range x.keyed {
		kind, keys := k.condition.condition.(Indexed).Index()
		for _, key := range keys {
			x.add(kind, key, k.policy)
		}
	}
}

func (x *eventIndex) add(kind KeyKind, key Key, policy int32) {
	if x.byKey[kind] == nil {
		x.byKey[kind] = map[string]map[string][]int32{}
	}
	values := x.byKey[kind][key.Name]
	if values == nil {
		values = map[string][]int32{}
		x.byKey[kind][key.Name] = values
	}
	values[key.Value] = append(values[key.Value], policy)
}

// mayApply reports whether the policy can apply, or end in a fault, on an event.
func (p *policy) mayApply(e Event) bool {
	if !p.enabled || !p.events.Has(e) {
		return false
	}
	votes := false
	for _, c := range p.conditions {
		if c.info.Events.Has(e) {
			votes = true
		} else if p.strict && !votes {
			return false // the first condition asked abstains: not applied
		}
	}
	return votes
}

// indexable returns the condition without whose values the policy cannot apply,
// or nil. It is the first one that names values, if nothing before it can be a
// fault: a fault counts even in a policy that a later NO would keep from applying.
func (p *policy) indexable(e Event) *boundCondition {
	for _, c := range p.conditions {
		if !c.info.Events.Has(e) {
			continue
		}
		if _, ok := c.condition.(Indexed); ok && !c.negated {
			return c
		}
		if c.info.MayFault {
			return nil
		}
	}
	return nil
}

// candidates finds the policies to ask, in order. With facts omitted any condition
// may be a fault, so that every policy of the event is asked; so is it with the
// value withheld that decides on the grant.
func (e *evaluation) candidates(x *eventIndex) []int32 {
	if e.req.omitsSome() {
		return x.all
	}
	e.found, e.req.missing = e.found[:0], ""
	e.keyed(x)
	// A value that was withheld leads nowhere, and is a fault of who reads it.
	if e.req.missing != "" {
		return x.all
	}
	if len(e.found) == 0 {
		return x.always
	}
	e.found = append(e.found, x.always...)
	slices.Sort(e.found)
	e.found = slices.Compact(e.found)
	return e.found
}

// keyed finds the policies that the values of the request lead to.
func (e *evaluation) keyed(x *eventIndex) {
	if byRole := x.byKey[ClientRoleKey][""]; byRole != nil {
		for _, role := range e.req.msg.Client.GetClientRoles() {
			e.found = append(e.found, byRole[role]...)
		}
	}
	if byName := x.byKey[ClientAttributeKey]; byName != nil {
		for name, value := range e.req.msg.Client.GetAttributes() {
			e.found = append(e.found, byName[name][value]...)
		}
	}
	if byGrant := x.byKey[GrantTypeKey][""]; byGrant != nil {
		if grant, ok := e.req.GrantType(); ok {
			e.found = append(e.found, byGrant[grant]...)
		}
	}
}
