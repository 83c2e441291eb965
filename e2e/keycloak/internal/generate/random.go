// Package generate makes policies, clients and metadata by chance, repeatably: the
// same seed gives the same run.
//
// What it makes is accepted by both sides as configuration; it avoids what needs
// the network. Documents lean to values that executors tell apart.
package generate

import (
	"fmt"
	"math/rand/v2"
)

// Random is a source of choices.
type Random struct{ *rand.Rand }

// NewRandom returns the source of one policy set: sets do not depend on each other.
func NewRandom(seed uint64, stream string, set int) Random {
	const prime = 1099511628211 // FNV-1a
	hash := uint64(14695981039346656037)
	for _, b := range []byte(fmt.Sprintf("%s/%d", stream, set)) {
		hash = (hash ^ uint64(b)) * prime
	}
	return Random{rand.New(rand.NewPCG(seed, hash))} //nolint:gosec // repeatable on purpose
}

// Chance is true in so many of a hundred cases.
func (r Random) Chance(percent int) bool { return r.IntN(100) < percent }

// Pick returns one of the choices.
func Pick[T any](r Random, choices ...T) T { return choices[r.IntN(len(choices))] }

// Some returns from the fewest to the most of the choices, in their order.
func Some[T any](r Random, fewest, most int, choices ...T) []T {
	n := fewest + r.IntN(most-fewest+1)
	chosen := map[int]bool{}
	for _, i := range r.Perm(len(choices))[:min(n, len(choices))] {
		chosen[i] = true
	}
	some := []T{}
	for i, c := range choices {
		if chosen[i] {
			some = append(some, c)
		}
	}
	return some
}

// Flag returns a boolean as configurations spell it.
func (r Random) Flag() any {
	b := r.Chance(50)
	switch {
	case r.Chance(80):
		return b
	case b:
		return Pick[any](r, "true", "True", "TRUE", 1)
	}
	return Pick[any](r, "false", "False", 0)
}
