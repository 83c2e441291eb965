package generate

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/policyset"
)

// globalProfiles are built-in profiles that policies name at times.
var globalProfiles = []string{
	"fapi-1-baseline", "fapi-1-advanced", "fapi-2-security-profile", "fapi-2-dpop-security-profile",
	"oauth-2-1-for-confidential-client", "oauth-2-1-for-public-client", "saml-security-profile",
}

// WriteSet makes the policies of a numbered set for the writing of clients.
func WriteSet(r Random, n int) (policyset.Set, error) {
	return unconfused(r, n, onWrites, writeConditions, 12)
}

// RequestSet makes the policies of a numbered set for protocol requests.
func RequestSet(r Random, n int) (policyset.Set, error) {
	return unconfused(r, n, onRequests, requestConditions, 8)
}

// Focus returns the executor that comes first in a set: they take turns, so that
// none is left out.
func Focus(s policyset.Set) string { return s.Profiles[0].Executors[0].ID }

// errConfused means that chance made no usable set.
var errConfused = errors.New("all sets that were drawn have configurations of equal hash")

// unconfused draws sets until Keycloak confuses no configurations of one.
func unconfused(r Random, n int, executors []kind, conditions []conditionKind, builtin int) (policyset.Set, error) {
	const tries = 100
	for range tries {
		s := set(r, n, executors, conditions, builtin)
		if bad, err := confused(s); err != nil || !bad {
			return s, err
		}
	}
	return policyset.Set{}, errConfused
}

func set(r Random, n int, executors []kind, conditions []conditionKind, builtin int) policyset.Set {
	s := policyset.Set{}
	turn := executors[n%len(executors)]
	for i := range 1 + r.IntN(3) {
		p := policyset.Profile{Name: fmt.Sprintf("profile-%d", i+1)}
		if i == 0 {
			p.Executors = append(p.Executors, policyset.Executor{ID: turn.id, Configuration: turn.configuration(r)})
		}
		for range Pick(r, 0, 1, 1, 2) + min(i, 1) {
			p.Executors = append(p.Executors, pickExecutor(r, executors))
		}
		s.Profiles = append(s.Profiles, p)
	}
	for i := range 1 + r.IntN(3) {
		s.Policies = append(s.Policies, policy(r, fmt.Sprintf("policy-%d", i+1), s.Profiles, conditions, builtin))
	}
	if first := &s.Policies[0]; r.Chance(60) {
		first.Conditions[0] = policyset.Condition{ID: anyClient.id, Configuration: map[string]any{}}
		if !slices.Contains(first.Profiles, s.Profiles[0].Name) {
			first.Profiles[0] = s.Profiles[0].Name
		}
	}
	return s
}

func policy(r Random, name string, profiles []policyset.Profile, conditions []conditionKind, builtin int) policyset.Policy {
	p := policyset.Policy{Name: name, Enabled: r.Chance(95), Profiles: []string{}}
	if r.Chance(20) {
		p.Mode = Pick(r, "STRICT", "DEFAULT")
	}
	for range Pick(r, 1, 1, 1, 2, 2, 3) {
		p.Conditions = append(p.Conditions, pickCondition(r, conditions))
	}
	for _, profile := range Some(r, 1, 2, profiles...) {
		p.Profiles = append(p.Profiles, profile.Name)
	}
	if r.Chance(builtin) {
		p.Profiles = append(p.Profiles, Pick(r, globalProfiles...))
	}
	return p
}
