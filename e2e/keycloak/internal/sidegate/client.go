package sidegate

import (
	"maps"
	"slices"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// attributesMember is the member of a client that holds its attributes.
const attributesMember = "attributes"

// secretMembers are never told to Sidegate, nor are the administrator's rights,
// which are no property of the client.
var secretMembers = []string{"secret", "registrationAccessToken", "access"}

// secretAttributes hold secrets as well.
var secretAttributes = []string{"client.secret.rotated", "saml.signing.private.key"}

// Facts returns a client representation as it is told to Sidegate.
func Facts(representation map[string]any, roles ...string) map[string]any {
	client := Clone(representation)
	for _, name := range secretMembers {
		delete(client, name)
	}
	for _, name := range secretAttributes {
		delete(Attributes(client), name)
	}
	if len(roles) > 0 {
		client["clientRoles"] = roles
	}
	return client
}

// Emptied returns the pointers of lists that a document sends empty.
func Emptied(document map[string]any) []string {
	mask := []string{}
	for _, name := range slices.Sorted(maps.Keys(document)) {
		if list, ok := document[name].([]any); ok && len(list) == 0 {
			mask = append(mask, "/"+name)
		}
	}
	return mask
}

// Clone returns a copy whose attributes can be changed.
func Clone(client map[string]any) map[string]any {
	copied := maps.Clone(client)
	if attributes := Attributes(client); attributes != nil {
		copied[attributesMember] = maps.Clone(attributes)
	}
	return copied
}

// Attributes returns the attributes of a client, or nil.
func Attributes(client map[string]any) map[string]any {
	attributes, _ := client[attributesMember].(map[string]any)
	return attributes
}

// SetAttribute sets an attribute of a client.
func SetAttribute(client map[string]any, key string, value any) {
	if Attributes(client) == nil {
		client[attributesMember] = map[string]any{}
	}
	Attributes(client)[key] = value
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

// Apply returns the client with mutations carried out.
func Apply(client map[string]any, mutations []*pb.Mutation) map[string]any {
	changed := Clone(client)
	for _, m := range mutations {
		key, isAttribute := strings.CutPrefix(m.Path, "/"+attributesMember+"/")
		name := strings.TrimPrefix(m.Path, "/")
		switch remove := m.Op == pb.Mutation_OP_REMOVE; {
		case isAttribute && remove:
			delete(Attributes(changed), unescape.Replace(key))
		case isAttribute:
			SetAttribute(changed, unescape.Replace(key), m.Value.AsInterface())
		case remove:
			delete(changed, name)
		default:
			changed[name] = m.Value.AsInterface()
		}
	}
	return changed
}

// Mutates reports whether a mutation has one of the pointers.
func Mutates(mutations []*pb.Mutation, pointers ...string) bool {
	return slices.ContainsFunc(mutations, func(m *pb.Mutation) bool { return slices.Contains(pointers, m.Path) })
}
