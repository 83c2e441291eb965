package generate

import (
	"fmt"
	"reflect"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/policyset"
	"github.com/sidegate/sidegate/pdp/profiles"
)

// Keycloak keeps one instance of a provider for each hash of its configuration
// during a request. Two configurations of the same provider whose hashes happen to
// be equal share an instance, and the one that is read later counts for both:
// `{"auto-configure": 1}` and `{"auto-configure": false}` are such a pair, and so
// are `{"a": true, "b": false}` and `{"a": false, "b": true}` for many names. Sets
// in which that happens would compare an accident, so they are drawn anew.

// configured is a provider with a configuration.
type configured struct {
	id            string
	configuration map[string]any
}

// confused reports whether Keycloak would take one configuration for another.
func confused(s policyset.Set) (bool, error) {
	all, err := everything(s)
	if err != nil {
		return false, err
	}
	for i, a := range all {
		for _, b := range all[:i] {
			if a.id == b.id && hash(a.configuration) == hash(b.configuration) && !reflect.DeepEqual(a.configuration, b.configuration) {
				return true, nil
			}
		}
	}
	return false, nil
}

// everything returns all providers of a set and of the built-in profiles.
func everything(s policyset.Set) ([]configured, error) {
	builtin, err := profiles.Builtin()
	if err != nil {
		return nil, fmt.Errorf("read built-in profiles: %w", err)
	}
	var all []configured
	for _, p := range builtin {
		for _, x := range p.Executors {
			all = append(all, configured{x.Executor, x.Configuration.AsMap()})
		}
	}
	for _, p := range s.Profiles {
		for _, x := range p.Executors {
			all = append(all, configured{x.ID, x.Configuration})
		}
	}
	for _, p := range s.Policies {
		for _, c := range p.Conditions {
			all = append(all, configured{c.ID, c.Configuration})
		}
	}
	return all, nil
}

// hash is the hash code that Java's JSON values have.
func hash(v any) int32 {
	const (
		hashOfTrue, hashOfFalse = 3, 1
		factor                  = 31
	)
	switch v := v.(type) {
	case bool:
		if v {
			return hashOfTrue
		}
		return hashOfFalse
	case int:
		return int32(v)
	case float64:
		return int32(v)
	case string:
		h := int32(0)
		for _, c := range v { // the configurations hold ASCII
			h = factor*h + c
		}
		return h
	case map[string]any:
		h := int32(0)
		for key, value := range v {
			h += hash(key) ^ hash(value)
		}
		return h
	}
	return hashOfList(reflect.ValueOf(v), factor)
}

func hashOfList(list reflect.Value, factor int32) int32 {
	h := int32(1)
	if list.Kind() != reflect.Slice {
		return 0
	}
	for i := range list.Len() {
		h = factor*h + hash(list.Index(i).Interface())
	}
	return h
}
