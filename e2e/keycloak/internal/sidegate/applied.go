package sidegate

import (
	"fmt"
	"slices"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/policyset"
	"github.com/sidegate/sidegate/pdp/profiles"
)

// builtin returns the executors of the built-in profiles by the profile's name.
func builtin() (map[string][]policyset.Executor, error) {
	all, err := profiles.Builtin()
	if err != nil {
		return nil, fmt.Errorf("read built-in profiles: %w", err)
	}
	executors := map[string][]policyset.Executor{}
	for _, p := range all {
		for _, x := range p.Executors {
			executors[p.Name] = append(executors[p.Name], policyset.Executor{ID: x.Executor, Configuration: x.Configuration.AsMap()})
		}
	}
	return executors, nil
}

// Ran returns the executors of the profiles of all policies that applied to a
// decision, in order.
func (r *Realm) Ran(d Decision) []policyset.Executor {
	var ran []policyset.Executor
	for _, p := range r.set.Policies {
		if !slices.Contains(d.GetAppliedPolicies(), p.Name) {
			continue
		}
		for _, name := range p.Profiles {
			ran = append(ran, r.profile(name)...)
		}
	}
	return ran
}

func (r *Realm) profile(name string) []policyset.Executor {
	for _, p := range r.set.Profiles {
		if p.Name == name {
			return p.Executors
		}
	}
	return r.builtin[name]
}
