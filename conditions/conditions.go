// Package conditions holds the conditions that policies may name, one file each,
// with Keycloak's ids and configuration keys.
//
// What they do is Keycloak 26.7.3's behaviour; where Sidegate is stricter the file
// says so. A condition decides from the request alone: it looks nothing up, and
// reads the client as stored, never as an earlier executor changed it. Negation,
// the event filter, faults and the trace are the engine's business.
//
// To add one, write a file with an init function that calls register, and a
// vector file of the same name under testdata.
package conditions

import (
	"cmp"
	"errors"
	"slices"

	"github.com/sidegate/sidegate/pdp"
)

var registered []pdp.ConditionInfo

func register(info pdp.ConditionInfo) { registered = append(registered, info) }

// All returns the descriptors of all conditions, sorted by id.
func All() []pdp.ConditionInfo {
	return slices.SortedFunc(slices.Values(registered), func(a, b pdp.ConditionInfo) int { return cmp.Compare(a.ID, b.ID) })
}

// clientEvents are the events on which the stored client is a voting fact
// (conditions.md 1, set M).
var clientEvents = pdp.AllEvents.Without(
	pdp.Register, pdp.PreAuthorizationRequest, pdp.DeviceAuthorizationRequest, pdp.DeviceTokenRequest,
	pdp.DeviceTokenResponse, pdp.ResourceOwnerPasswordCredentialsResponse, pdp.ImplicitHybridTokenResponse,
)

var errUnknownUpdater = errors.New("who changes a client that comes as a metadata document cannot be told")

// updaterKnown reports whether it is known who changes the client. Without an
// actor on a channel where there must be one, reading makes a fault.
func updaterKnown(r *pdp.Request) (bool, error) {
	// conditions.md 10: Keycloak answers server_error.
	if r.Channel() == pdp.ChannelMetadataDocument {
		return false, errUnknownUpdater
	}
	if !r.Actor() {
		r.Because("nobody is known who changes the client")
		return false, nil
	}
	return true, nil
}
