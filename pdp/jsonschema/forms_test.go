package jsonschema_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/sidegate/sidegate/conditions"
	"github.com/sidegate/sidegate/executors"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/jsonschema"
)

// schemas are those of all providers, by kind and id.
func schemas(t *testing.T) map[string]map[string]any {
	t.Helper()
	list := map[string]map[string]any{}
	add := func(name string, s *structpb.Struct, err error) {
		if err != nil {
			t.Fatal(err)
		}
		list[name] = s.AsMap()
	}
	for _, c := range conditions.All() {
		s, err := jsonschema.Condition(&c)
		add("condition "+c.ID, s, err)
	}
	for _, x := range executors.All() {
		s, err := jsonschema.Executor(&x)
		add("executor "+x.ID, s, err)
	}
	return list
}

func TestSchema(t *testing.T) {
	all := schemas(t)
	for name, want := range map[string]string{
		"executor pkce-enforcer": `{
			"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "pkce-enforcer",
			"description": "Demands PKCE with S256.", "type": "object", "additionalProperties": false,
			"properties": {"auto-configure": {
				"type": ["boolean", "string", "integer", "null"], "default": false,
				"pattern": "^SPACE(true|True|TRUE|false|False|FALSE)?SPACE$",
				"description": "Set S256 on the client instead of refusing one without it."
			}}
		}`,
		"executor reject-request": `{
			"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "reject-request",
			"description": "Refuses every request on every event.", "type": "object", "additionalProperties": false, "properties": {}
		}`,
		"condition identity-provider-alias": `{
			"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "identity-provider-alias",
			"description": "Votes YES when one of the listed identity providers takes part.",
			"type": "object", "additionalProperties": false, "required": ["identity_provider_aliases"],
			"properties": {
				"is-negative-logic": {
					"type": ["boolean", "string", "integer", "null"], "default": false,
					"pattern": "^SPACE(true|True|TRUE|false|False|FALSE)?SPACE$", "description": "Turns YES and NO round."
				},
				"identity_provider_aliases": {
					"type": ["array", "string"], "items": {"type": ["string", "number", "boolean", "null"]},
					"description": "Aliases of identity providers; one of them suffices."
				}
			}
		}`,
	} {
		var wanted any
		if err := json.Unmarshal([]byte(want), &wanted); err != nil {
			t.Fatal(err)
		}
		blank(wanted, "SPACE", jsonschema.Space)
		if d := cmp.Diff(wanted, any(all[name])); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
	}
}

// blank puts the class of white space into patterns.
func blank(v any, old, with string) {
	m, _ := v.(map[string]any)
	for name, member := range m {
		if text, ok := member.(string); ok && name == "pattern" {
			m[name] = strings.ReplaceAll(text, old, with)
		}
		blank(member, old, with)
	}
}

// TestKeycloaksForms compares with what Keycloak lists: the same keys, defaults and
// options.
func TestKeycloaksForms(t *testing.T) {
	data, err := os.ReadFile("../../internal/catalog/testdata/catalogue.json")
	if err != nil {
		t.Fatal(err)
	}
	var listed struct {
		Providers []struct {
			ID, Kind   string
			Properties []struct {
				Name     string
				Default  any `json:"defaultValue"`
				Options  []string
				Required bool
			}
		}
	}
	if err := json.Unmarshal(data, &listed); err != nil {
		t.Fatal(err)
	}
	all := schemas(t)
	for _, p := range listed.Providers {
		s := all[p.Kind+" "+p.ID]
		required, _ := s["required"].([]any)
		for _, q := range p.Properties {
			m, _ := s["properties"].(map[string]any)[q.Name].(map[string]any)
			if m == nil {
				t.Errorf("%s has no key %s", p.ID, q.Name)
				continue
			}
			if !slices.Equal(offered(m), q.Options) {
				t.Errorf("%s %s offers %q, want %q", p.ID, q.Name, offered(m), q.Options)
			}
			if q.Required && !slices.Contains(required, any(q.Name)) {
				t.Errorf("%s does not require %s", p.ID, q.Name)
			}
			if q.Default != nil && !proposes(m, q.Default) {
				t.Errorf("%s %s: neither default nor example is %v: %v", p.ID, q.Name, q.Default, m)
			}
		}
	}
}

// offered are the values that a form offers.
func offered(m map[string]any) []string {
	if items, ok := m["items"].(map[string]any); ok {
		m = items
	}
	forms, _ := m["anyOf"].([]any)
	if len(forms) == 0 {
		return nil
	}
	values, _ := forms[0].(map[string]any)["enum"].([]any)
	var list []string
	for _, v := range values {
		list = append(list, v.(string))
	}
	return list
}

// proposes reports whether a value is what a form begins with. Keycloak spells some
// of them as texts.
func proposes(m map[string]any, want any) bool {
	candidates := []any{m["default"]}
	if examples, ok := m["examples"].([]any); ok {
		candidates = append(candidates, examples...)
	}
	return slices.ContainsFunc(candidates, func(v any) bool {
		if list, ok := v.([]any); ok && len(list) == 1 {
			v = list[0]
		}
		return text(v) == text(want)
	})
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	var s string
	if json.Unmarshal(b, &s) == nil {
		return s
	}
	return string(b)
}

// TestEveryKeyIsDescribed keeps the schemas fit for forms.
func TestEveryKeyIsDescribed(t *testing.T) {
	for name, s := range schemas(t) {
		if s["$schema"] != jsonschema.Draft || s["description"] == "" {
			t.Errorf("%s: %v", name, s)
		}
		for key, m := range s["properties"].(map[string]any) {
			member := m.(map[string]any)
			if member["description"] == "" || member["type"] == nil && member["anyOf"] == nil {
				t.Errorf("%s: %s is not described: %v", name, key, member)
			}
		}
	}
}

// opaque decodes itself and says nothing of it.
type opaque struct{}

// UnmarshalConfig implements pdp.Value.
func (*opaque) UnmarshalConfig(*structpb.Value) error { return nil }

func TestOpaqueValuesAreAnything(t *testing.T) {
	x := pdp.ExecutorInfo{ID: "x", Doc: "X.", New: pdp.Configure(func(struct {
		Data opaque `config:"data" doc:"Data."`
		Need bool   `config:"need" doc:"Need." required:"true"`
	}) (pdp.Executor, error) {
		return nil, nil
	})}
	s, err := jsonschema.Executor(&x)
	if err != nil {
		t.Fatal(err)
	}
	members := s.AsMap()["properties"].(map[string]any)
	if d := cmp.Diff(map[string]any{"description": "Data."}, members["data"]); d != "" {
		t.Error(d)
	}
	if types := members["need"].(map[string]any)["type"]; slices.Contains(types.([]any), any("null")) {
		t.Errorf("a required key takes null: %v", types)
	}
}
