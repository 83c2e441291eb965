package conditions_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sidegate/sidegate/conditions"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/types/known/structpb"
)

// TestIndex tells by which values the policies of a condition are reached. An index
// without values leads nowhere, which is right for a condition that never votes YES.
func TestIndex(t *testing.T) {
	attributes := func(v *structpb.Value) pdp.Condition { return made(t)(conditions.NewClientAttributes(v)) }
	text := structpb.NewStringValue
	for _, test := range []struct {
		name      string
		condition pdp.Condition
		kind      pdp.KeyKind
		keys      []pdp.Key
	}{
		{"grants", made(t)(conditions.NewGrantType("password", "implicit")), pdp.GrantTypeKey, []pdp.Key{{Value: "password"}, {Value: "implicit"}}},
		{"no grants", made(t)(conditions.NewGrantType()), pdp.GrantTypeKey, nil},
		{"roles", made(t)(conditions.NewClientRoles("vip")), pdp.ClientRoleKey, []pdp.Key{{Value: "vip"}}},
		{"all pairs are needed, so that one suffices", attributes(text(`[{"key":"tier","value":"gold"},{"key":"zone","value":"eu"}]`)), pdp.ClientAttributeKey, []pdp.Key{{Name: "tier", Value: "gold"}}},
		{"no attributes never match", attributes(nil), pdp.ClientAttributeKey, nil},
		{"an attribute listed twice never matches", attributes(text(`[{"key":"a","value":"1"},{"key":"a","value":"1"}]`)), pdp.ClientAttributeKey, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			indexed, ok := test.condition.(pdp.Indexed)
			if !ok {
				t.Fatal("is not indexed")
			}
			kind, keys := indexed.Index()
			if d := cmp.Diff(test.keys, keys, cmpopts.EquateEmpty()); d != "" || kind != test.kind {
				t.Errorf("kind %d, want %d; keys (-want +got):\n%s", kind, test.kind, d)
			}
		})
	}
}

// TestEmptyPairsAreNotIndexed guards against an index that hides what matches every
// known client.
func TestEmptyPairsAreNotIndexed(t *testing.T) {
	for _, v := range []*structpb.Value{
		structpb.NewStringValue("[]"), structpb.NewStringValue("{}"),
		structpb.NewListValue(&structpb.ListValue{}), structpb.NewStructValue(&structpb.Struct{}),
	} {
		if _, ok := made(t)(conditions.NewClientAttributes(v)).(pdp.Indexed); ok {
			t.Errorf("%v is indexed", v)
		}
	}
}

func made(t *testing.T) func(pdp.Condition, error) pdp.Condition {
	return func(c pdp.Condition, err error) pdp.Condition {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

func FuzzClientAttributes(f *testing.F) {
	for _, seed := range []string{
		`[{"key":"tier","value":"gold"}]`, `{"tier":"gold","n":5}`, `[]`, `{}`, ``, `null`, `[{"key":"a"`, `[{}] x`, `{"a":{}}`, `[[[[`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := conditions.NewClientAttributes(structpb.NewStringValue(text))
		if (c == nil) == (err == nil) {
			t.Errorf("%q: condition %v, error %v", text, c, err)
		}
	})
}
