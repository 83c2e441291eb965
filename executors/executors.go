// Package executors holds the executors that profiles may name, one file each,
// with Keycloak's ids and configuration keys.
//
// What they do is Keycloak 26.7.3's behaviour; where Sidegate is stricter the file
// says so. An executor judges the request view and reports objections, changes of
// the client and obligations; it does no I/O. The event filter, configuration
// decoding, order, faults, modes and the trace are the engine's business.
//
// To add one, write a file with an init function that calls register, and a
// vector file of the same name under testdata.
package executors

import (
	"cmp"
	"slices"

	"github.com/sidegate/sidegate/pdp"
)

var registered []pdp.ExecutorInfo

func register(info pdp.ExecutorInfo) { registered = append(registered, info) }

// All returns the descriptors of all executors, sorted by id.
func All() []pdp.ExecutorInfo {
	return slices.SortedFunc(slices.Values(registered), func(a, b pdp.ExecutorInfo) int { return cmp.Compare(a.ID, b.ID) })
}

// actualBool tells what a boolean member of the client was found to be.
func actualBool(value, set bool) string {
	switch {
	case !set:
		return "absent"
	case value:
		return "true"
	}
	return "false"
}

// orNone tells an absent value.
func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return value
}
