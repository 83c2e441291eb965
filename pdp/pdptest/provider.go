package pdptest

import (
	"maps"
	"slices"
)

// Kinds of what a case needs.
const (
	KindCondition = "condition"
	KindExecutor  = "executor"
	KindProfile   = "profile"
)

// Providers says what the other side has. The zero value says that it has
// everything.
type Providers struct {
	// Known tells whether a condition or executor exists; nil means all do.
	Known func(kind, id string) bool
	// Global maps the names of the built-in profiles to their executors. It is
	// read only when Known is set.
	Global map[string][]string
}

// Conditions returns the ids of the conditions that the case names, sorted.
func (c *Case) Conditions() []string {
	ids := map[string]bool{}
	for _, p := range c.Set.GetPolicies() {
		for _, x := range p.GetConditions() {
			ids[x.GetCondition()] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// Executors returns the ids of the executors that the case needs, sorted: those
// of its own profiles, and of the built-in ones that its policies name.
func (c *Case) Executors(global map[string][]string) []string {
	ids := map[string]bool{}
	for _, p := range c.Set.GetProfiles() {
		for _, x := range p.GetExecutors() {
			ids[x.GetExecutor()] = true
		}
	}
	for _, name := range c.Profiles() {
		for _, id := range global[name] {
			ids[id] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// Profiles returns the names of the profiles that the policies name and the case
// does not bring along, sorted.
func (c *Case) Profiles() []string {
	names := map[string]bool{}
	for _, p := range c.Set.GetPolicies() {
		for _, name := range p.GetProfiles() {
			names[name] = true
		}
	}
	for _, p := range c.Set.GetProfiles() {
		delete(names, p.GetName())
	}
	return slices.Sorted(maps.Keys(names))
}

// Missing returns what the case needs and the other side does not have, such as
// "executor pkce-enforcer"; none means that the case can run. A case that wants the
// call refused needs nothing: what it names may be unknown on purpose.
func (p Providers) Missing(c *Case) []string {
	if p.Known == nil || slices.Contains(c.Want.Names(), "status") {
		return nil
	}
	var missing []string
	for _, id := range c.Conditions() {
		if !p.Known(KindCondition, id) {
			missing = append(missing, KindCondition+" "+id)
		}
	}
	for _, id := range c.Executors(p.Global) {
		if !p.Known(KindExecutor, id) {
			missing = append(missing, KindExecutor+" "+id)
		}
	}
	for _, name := range c.Profiles() {
		if _, ok := p.Global[name]; !ok {
			missing = append(missing, KindProfile+" "+name)
		}
	}
	return missing
}
