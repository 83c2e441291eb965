package decisionlog

import (
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// unescape undoes the escapes of a segment of a JSON pointer (RFC 6901 section 4).
func unescape(segment string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(segment)
}

// walker is told of texts.
type walker struct {
	// text is called with values, member with keys of maps and names of members.
	text, member func(string)
}

func (w walker) value(v protoreflect.Value) {
	switch of := v.Interface().(type) {
	case string:
		w.text(of)
	case protoreflect.List:
		for i := range of.Len() {
			w.value(of.Get(i))
		}
	case protoreflect.Map:
		of.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			w.member(k.String())
			w.value(v)
			return true
		})
	case protoreflect.Message:
		w.message(of)
	}
}

func (w walker) message(m protoreflect.Message) {
	switch of := m.Interface().(type) {
	case *structpb.Struct:
		w.json(structpb.NewStructValue(of))
	case *structpb.Value:
		w.json(of)
	default:
		m.Range(func(_ protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			w.value(v)
			return true
		})
	}
}

func (w walker) json(v *structpb.Value) {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		w.text(kind.StringValue)
	case *structpb.Value_ListValue:
		for _, element := range kind.ListValue.GetValues() {
			w.json(element)
		}
	case *structpb.Value_StructValue:
		for key, member := range kind.StructValue.GetFields() {
			w.member(key)
			w.json(member)
		}
	}
}

// mapTexts replaces every text in a message by what fn makes of it, keys of maps
// and names of members included, except in fields that spare is true of. It
// reports whether it changed any.
func mapTexts(m protoreflect.Message, spare func(protoreflect.FieldDescriptor) bool, fn func(string) string) (changed bool) {
	switch of := m.Interface().(type) {
	case *structpb.Struct:
		return mapMembers(of.GetFields(), fn)
	case *structpb.Value:
		return mapJSON(of, fn)
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if !spare(f) && mapField(m, f, v, spare, fn) {
			changed = true
		}
		return true
	})
	return changed
}

func mapField(m protoreflect.Message, f protoreflect.FieldDescriptor, v protoreflect.Value,
	spare func(protoreflect.FieldDescriptor) bool, fn func(string) string,
) (changed bool) {
	switch {
	case f.IsMap():
		return mapEntries(v.Map(), spare, fn)
	case f.IsList() && f.Message() != nil:
		for i := range v.List().Len() {
			changed = mapTexts(v.List().Get(i).Message(), spare, fn) || changed
		}
	case f.IsList() && f.Kind() == protoreflect.StringKind:
		for i := range v.List().Len() {
			if s := v.List().Get(i).String(); fn(s) != s {
				v.List().Set(i, protoreflect.ValueOfString(fn(s)))
				changed = true
			}
		}
	case f.IsList():
	case f.Message() != nil:
		return mapTexts(v.Message(), spare, fn)
	case f.Kind() == protoreflect.StringKind:
		if s := v.String(); fn(s) != s {
			m.Set(f, protoreflect.ValueOfString(fn(s)))
			return true
		}
	}
	return changed
}

func mapEntries(m protoreflect.Map, spare func(protoreflect.FieldDescriptor) bool, fn func(string) string) (changed bool) {
	type entry struct {
		key protoreflect.MapKey
		to  string
	}
	var moved []entry
	m.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		if of, message := v.Interface().(protoreflect.Message); message {
			changed = mapTexts(of, spare, fn) || changed
		}
		if s, text := v.Interface().(string); text && fn(s) != s {
			m.Set(k, protoreflect.ValueOfString(fn(s)))
			changed = true
		}
		if to := fn(k.String()); to != k.String() {
			moved = append(moved, entry{k, to})
		}
		return true
	})
	for _, e := range moved {
		v := m.Get(e.key)
		m.Clear(e.key)
		m.Set(protoreflect.ValueOfString(e.to).MapKey(), v)
	}
	return changed || len(moved) > 0
}

func mapMembers(fields map[string]*structpb.Value, fn func(string) string) (changed bool) {
	for _, key := range sortedKeys(fields) {
		changed = mapJSON(fields[key], fn) || changed
		if to := fn(key); to != key {
			fields[to] = fields[key]
			delete(fields, key)
			changed = true
		}
	}
	return changed
}

func mapJSON(v *structpb.Value, fn func(string) string) (changed bool) {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		to := fn(kind.StringValue)
		changed = to != kind.StringValue
		kind.StringValue = to
	case *structpb.Value_ListValue:
		for _, element := range kind.ListValue.GetValues() {
			changed = mapJSON(element, fn) || changed
		}
	case *structpb.Value_StructValue:
		return mapMembers(kind.StructValue.GetFields(), fn)
	}
	return changed
}
