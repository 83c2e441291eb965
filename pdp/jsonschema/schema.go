// Package jsonschema makes JSON Schemas (draft 2020-12) of the configurations of
// conditions and executors, from the same descriptors that the engine decodes
// configurations by.
//
// # Design
//
// A schema takes everything that a native write takes: the kind of value that a
// form would send, and the other spellings that Keycloak and the engine read, such
// as numbers and booleans as texts, and null for a key that is not set. Values that
// forms offer are named and do not bind; the default is the one that holds when the
// key is missing, `examples` has the one that forms propose instead. Unknown keys
// are refused.
//
// # What it leaves to the compiler
//
// Never refusing what the compiler takes, a schema takes some of what the compiler
// refuses: the grammar of regular expressions, URLs, host patterns, distinguished
// names and JSON within texts, whole numbers as texts that 64 bits do not hold,
// bounds of numbers, and what one key demands of another. Only the compiler's word
// is final.
package jsonschema

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/sidegate/sidegate/pdp"
)

// Draft is the dialect of the schemas.
const Draft = "https://json-schema.org/draft/2020-12/schema"

// Condition returns the schema of a condition's configuration.
func Condition(c *pdp.ConditionInfo) (*structpb.Struct, error) {
	properties := append([]pdp.Property{{
		Key: pdp.NegativeLogicKey, Doc: "Turns YES and NO round.", Default: "false", Accepts: pdp.AcceptsBoolean,
	}}, c.New.Properties...)
	return schema(c.ID, c.Doc, properties, conditionLists)
}

// Executor returns the schema of an executor's configuration.
func Executor(x *pdp.ExecutorInfo) (*structpb.Struct, error) {
	return schema(x.ID, x.Doc, x.New.Properties, executorLists)
}

func schema(id, doc string, properties []pdp.Property, list lists) (*structpb.Struct, error) {
	members, required := map[string]any{}, []any{}
	for i := range properties {
		p := &properties[i]
		members[p.Key] = member(p, list)
		if p.Required {
			required = append(required, p.Key)
		}
	}
	s := map[string]any{
		"$schema": Draft, "title": id, "description": doc, "type": "object",
		"properties": members, "additionalProperties": false,
	}
	if len(required) > 0 {
		s["required"] = required
	}
	return structpb.NewStruct(s)
}

// member is the schema of one key.
func member(p *pdp.Property, list lists) map[string]any {
	m := accepted(p, list)
	m["description"] = p.Doc
	if p.Default != "" {
		m["default"] = typed(p, p.Default)
	}
	if p.Form != "" {
		m["examples"] = []any{typed(p, p.Form)}
	}
	return m
}

// space is what strings.TrimSpace cuts off, in the syntax of ECMA-262 and RE2.
const space = "[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*"

// exact is the number from which on a double does not hold every integer.
const exact = 1 << 53

// accepted is what the key takes; null is as good as a missing key, and so is a
// blank text where a boolean or a number is expected.
func accepted(p *pdp.Property, list lists) map[string]any {
	null, blank := []any{"null"}, "?"
	if p.Required {
		null, blank = nil, ""
	}
	switch p.Accepts {
	case pdp.AcceptsBoolean:
		return map[string]any{
			"type":    append([]any{"boolean", "string", "integer"}, null...),
			"pattern": "^" + space + "(true|True|TRUE|false|False|FALSE)" + blank + space + "$",
		}
	case pdp.AcceptsInteger:
		return map[string]any{
			"type":             append([]any{"number", "string"}, null...),
			"pattern":          "^" + space + "([+-]?[0-9]+)" + blank + space + "$",
			"exclusiveMinimum": -exact, "exclusiveMaximum": exact,
		}
	case pdp.AcceptsList:
		return map[string]any{"type": append(list.types, null...), "items": text(p.Options, list.elements...)}
	case pdp.AcceptsOther:
		return other(p, null)
	default:
		return text(p.Options, null...)
	}
}

// lists says how lists are read.
type lists struct {
	// types are those of a list, elements what elements may be besides scalars.
	types, elements []any
}

var (
	executorLists  = lists{types: []any{"array"}}
	conditionLists = lists{types: []any{"array", "string"}, elements: []any{"null"}}
)

// text takes scalars; forms offer the options.
func text(options []string, besides ...any) map[string]any {
	scalar := map[string]any{"type": append([]any{"string", "number", "boolean"}, besides...)}
	if len(options) == 0 {
		return scalar
	}
	return map[string]any{"anyOf": []any{map[string]any{"enum": texts(options)}, scalar}}
}

// other is what a key takes that decodes itself.
func other(p *pdp.Property, null []any) map[string]any {
	if p.Schema == nil {
		return map[string]any{}
	}
	forms := []any{p.Schema}
	if len(null) > 0 {
		forms = append(forms, map[string]any{"type": "null"})
	}
	return map[string]any{"anyOf": forms}
}

func texts(list []string) []any {
	values := make([]any, len(list))
	for i, s := range list {
		values[i] = s
	}
	return values
}

// typed is a default or a proposal, of the kind that forms send.
func typed(p *pdp.Property, s string) any {
	switch p.Accepts {
	case pdp.AcceptsBoolean:
		return s == "true"
	case pdp.AcceptsInteger:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
	case pdp.AcceptsList:
		return texts(strings.Split(s, ","))
	}
	return s
}
