package pdptest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// differ says where got lacks what is wanted: an object may have more members,
// at every level; lists and scalars must be equal; null wants nothing there.
func differ(want, got any, place string) []string {
	wanted, ok := want.(map[string]any)
	if !ok {
		if equal(want, got) {
			return nil
		}
		return []string{fmt.Sprintf("%s: got %s, want %s", place, show(got), show(want))}
	}
	found, ok := got.(map[string]any)
	if !ok {
		return []string{fmt.Sprintf("%s: got %s, want %s", place, show(got), show(want))}
	}
	var differences []string
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		differences = append(differences, differ(wanted[name], found[name], below(place, name))...)
	}
	return differences
}

// equal compares generic JSON exactly, numbers by value.
func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, equal)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && equalNumbers(a.String(), b.String())
	default:
		return a == b
	}
}

// exact is the greatest integer up to which a double tells all integers apart.
const exact = 1 << 53

func equalNumbers(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y && x > -exact && x < exact
}

// maxShown bounds what of a value stands in a difference.
const maxShown = 400

func show(v any) string {
	if v == nil {
		return "nothing"
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%v", v)
	}
	if len(data) > maxShown {
		return string(data[:maxShown]) + "…"
	}
	return string(data)
}
