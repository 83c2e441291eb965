package agree

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/sidegate"
)

// unequal are the members of a client that differ between any two clients, and
// those that no policy can touch. Protocol mappers have ids of their own.
var unequal = []string{"id", "clientId", "secret", "registrationAccessToken", "access", "protocolMappers"}

// unequalAttributes are the attributes that do.
var unequalAttributes = []string{
	"client.secret.creation.time", "client.secret.rotated", "saml.signing.certificate", "saml.signing.private.key",
}

// sets are the lists whose order Keycloak does not keep.
var sets = []string{"redirectUris", "webOrigins", "defaultClientScopes", "optionalClientScopes"}

// RotationTimes are the attributes that secret rotation writes and that Keycloak
// drops by itself when an administrator changes a client without it.
var RotationTimes = []string{
	"client.secret.expiration.time", "client.secret.remaining.expiration.time",
	"client.secret.rotated.creation.time", "client.secret.rotated.expiration.time",
}

// tolerance is how many seconds apart the two sides may have looked at the clock.
const tolerance = 60

// CompareClients returns where a client is not what is wanted, and the members that it has
// instead: those that are there, and the pointers of those that are not.
func CompareClients(got, want map[string]any) (differences []string, members map[string]any, absent []string) {
	got, want = normal(got), normal(want)
	members = map[string]any{}
	for _, name := range union(got, want) {
		if name == "attributes" || same(got[name], want[name]) {
			continue
		}
		differences = append(differences, fmt.Sprintf("/%s: keycloak %v, sidegate %v", name, got[name], want[name]))
		if v, ok := got[name]; ok {
			members[name] = v
		} else {
			absent = append(absent, "/"+name)
		}
	}
	gotAttributes, wantAttributes := sidegate.Attributes(got), sidegate.Attributes(want)
	for _, name := range union(gotAttributes, wantAttributes) {
		if same(gotAttributes[name], wantAttributes[name]) || near(name, gotAttributes[name], wantAttributes[name]) {
			continue
		}
		differences = append(differences, fmt.Sprintf("/attributes/%s: keycloak %v, sidegate %v", name, gotAttributes[name], wantAttributes[name]))
		if v, ok := gotAttributes[name]; ok {
			sidegate.SetAttribute(members, name, v)
		} else {
			absent = append(absent, "/attributes/"+name)
		}
	}
	return differences, members, absent
}

// normal returns a client without what differs between any two, lists sorted.
func normal(client map[string]any) map[string]any {
	c := sidegate.Clone(client)
	for _, name := range unequal {
		delete(c, name)
	}
	for _, name := range unequalAttributes {
		delete(sidegate.Attributes(c), name)
	}
	for _, name := range sets {
		if items, ok := c[name].([]any); ok {
			sorted := slices.Clone(items)
			slices.SortFunc(sorted, func(a, b any) int {
				return slices.Compare([]byte(fmt.Sprint(a)), []byte(fmt.Sprint(b)))
			})
			c[name] = sorted
		}
	}
	return c
}

func union(a, b map[string]any) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// same compares members; an empty list is none.
func same(a, b any) bool {
	if empty(a) && empty(b) {
		return true
	}
	return reflect.DeepEqual(a, b)
}

func empty(v any) bool {
	list, ok := v.([]any)
	return v == nil || ok && len(list) == 0
}

// near compares points in time that each side took from its own clock.
func near(attribute string, a, b any) bool {
	if !slices.Contains(RotationTimes, attribute) {
		return false
	}
	x, errX := strconv.ParseFloat(fmt.Sprint(a), 64)
	y, errY := strconv.ParseFloat(fmt.Sprint(b), 64)
	return errX == nil && errY == nil && math.Abs(x-y) <= tolerance
}
