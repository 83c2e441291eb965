package pdp

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"
)

// Property describes one configuration key of a provider. It is made from the
// tags of the provider's configuration struct:
//
//	config:"key"        name of the key; required
//	doc:"text"          what it means; required
//	type:"String"       Keycloak's form type, when the field's type does not tell it
//	default:"value"     value that holds when the key is missing, null or ""
//	form:"value"        default that a form proposes, when that differs
//	options:"a,b"       values that a form offers; not enforced
//	required:"true"     the key must be present
//	hidden:"true"       read, but not listed by Keycloak
//
// Field types are bool, int64, string, []string, pointers to the first three
// (nil when missing) and types that implement [Value].
type Property struct {
	Key      string
	Type     string
	Doc      string
	Default  string
	Form     string
	Options  []string
	Required bool
	Hidden   bool
	// Accepts says which JSON values the key takes.
	Accepts Accepts
	// Schema is what a [Value] tells of itself, or nil.
	Schema map[string]any
}

// Accepts says which JSON values a configuration key takes. The zero value says
// nothing.
type Accepts int8

// What configuration keys take. A blank text is as good as none where a boolean or
// a number is expected.
const (
	_ Accepts = iota
	// AcceptsBoolean takes true, false, their texts and whole numbers.
	AcceptsBoolean
	// AcceptsInteger takes numbers and the texts of whole ones.
	AcceptsInteger
	// AcceptsText takes texts, numbers and booleans.
	AcceptsText
	// AcceptsList takes lists of what AcceptsText takes. In conditions it takes a
	// lone text besides, and null elements.
	AcceptsList
	// AcceptsOther takes what a [Value] decodes.
	AcceptsOther
)

// Value is a configuration value that decodes itself.
type Value interface {
	// UnmarshalConfig decodes a value that is present and not null.
	UnmarshalConfig(*structpb.Value) error
}

// SchemaValue is a [Value] that can say what it takes.
type SchemaValue interface {
	Value
	// ConfigSchema returns a JSON Schema (draft 2020-12) of what UnmarshalConfig
	// takes, as structpb.NewStruct reads it. It may take more, never less. It is
	// called on the zero value.
	ConfigSchema() map[string]any
}

// ConfigError is what is wrong with a part of a policy document.
type ConfigError struct {
	// Provider is the id of the condition or executor, if there is one.
	Provider string
	// Path is the JSON pointer into the document.
	Path string
	// Problem says what is wrong and how to mend it.
	Problem string
	// UnknownKey marks a configuration key that the provider does not know. It is
	// the only problem with which a document can still be compiled.
	UnknownKey bool
}

// Error returns the place and the problem.
func (e *ConfigError) Error() string {
	if e.Provider == "" {
		return fmt.Sprintf("%s: %s", e.Path, e.Problem)
	}
	return fmt.Sprintf("%s: %s: %s", e.Path, e.Provider, e.Problem)
}

func asConfigError(err error) *ConfigError {
	if e, ok := errors.AsType[*ConfigError](err); ok {
		return e
	}
	return &ConfigError{Problem: err.Error()}
}

// KeyError returns a [ConfigError] about one configuration key, for constructors
// that check more than the types.
func KeyError(key, format string, args ...any) *ConfigError {
	return &ConfigError{Path: "/" + EscapePointer(key), Problem: fmt.Sprintf(format, args...)}
}

// EscapePointer escapes a member name for a JSON pointer (RFC 6901 section 3).
func EscapePointer(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// leniency says how a lone text is read where a list is expected.
type leniency bool

const (
	// textIsNoList refuses it (executors-client.md 0.3).
	textIsNoList leniency = false
	// textIsList reads it as a list of one (conditions.md 1).
	textIsList leniency = true
)

type field struct {
	Property
	index int
}

type configSchema struct{ fields []field }

func schemaOf[C any]() *configSchema {
	t := reflect.TypeFor[C]()
	s := &configSchema{}
	for i := range t.NumField() {
		f := t.Field(i)
		p := Property{
			Key: f.Tag.Get("config"), Doc: f.Tag.Get("doc"), Type: f.Tag.Get("type"),
			Default: f.Tag.Get("default"), Form: f.Tag.Get("form"),
			Required: f.Tag.Get("required") == "true", Hidden: f.Tag.Get("hidden") == "true",
		}
		if options := f.Tag.Get("options"); options != "" {
			p.Options = strings.Split(options, ",")
		}
		if p.Type == "" {
			p.Type = formType(f.Type)
		}
		p.Accepts = acceptsOf(f.Type)
		if v, ok := reflect.New(f.Type).Interface().(SchemaValue); ok {
			p.Schema = v.ConfigSchema()
		}
		if p.Key == "" || p.Doc == "" {
			panic(fmt.Sprintf("pdp: %s.%s: tags config and doc are required", t, f.Name))
		}
		s.fields = append(s.fields, field{p, i})
	}
	return s
}

func formType(t reflect.Type) string {
	switch acceptsOf(t) {
	case AcceptsBoolean:
		return "boolean"
	case AcceptsInteger:
		return "Integer"
	case AcceptsList:
		return "MultivaluedString"
	default:
		return "String"
	}
}

func acceptsOf(t reflect.Type) Accepts {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[Value]()) {
		return AcceptsOther
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return AcceptsBoolean
	case reflect.Int64:
		return AcceptsInteger
	case reflect.Slice:
		return AcceptsList
	default:
		return AcceptsText
	}
}

func (s *configSchema) properties() []Property {
	list := make([]Property, len(s.fields))
	for i, f := range s.fields {
		list[i] = f.Property
	}
	return list
}

// decode reads the configuration into the struct that config points to and
// returns everything that is wrong with it.
func (s *configSchema) decode(in *structpb.Struct, config any, l leniency) []*ConfigError {
	var errs []*ConfigError
	target := reflect.ValueOf(config).Elem()
	for _, f := range s.fields {
		value := in.GetFields()[f.Key]
		if err := f.decode(value, target.Field(f.index), l); err != nil {
			errs = append(errs, KeyError(f.Key, "%s", err))
		}
	}
	for _, key := range sortedKeys(in.GetFields()) {
		if !slices.ContainsFunc(s.fields, func(f field) bool { return f.Key == key }) {
			e := KeyError(key, "unknown configuration key%s", s.suggest(key))
			e.UnknownKey = true
			errs = append(errs, e)
		}
	}
	return errs
}

func (s *configSchema) suggest(key string) string {
	if len(s.fields) == 0 {
		return "; this provider has no configuration"
	}
	keys := make([]string, len(s.fields))
	for i, f := range s.fields {
		keys[i] = f.Key
	}
	return Suggest(key, keys)
}

func (f *field) decode(v *structpb.Value, into reflect.Value, l leniency) error {
	if missing(v, into) {
		if f.Required {
			return fmt.Errorf("required key is missing")
		}
		return f.setDefault(into)
	}
	if custom, ok := into.Addr().Interface().(Value); ok {
		return custom.UnmarshalConfig(v)
	}
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	return setValue(v, into, l)
}

// missing reports whether the default holds: always for an absent or null value,
// and for an empty text where a boolean or a number is expected.
func missing(v *structpb.Value, into reflect.Value) bool {
	if v == nil {
		return true
	}
	switch kind := v.Kind.(type) {
	case *structpb.Value_NullValue:
		return true
	case *structpb.Value_StringValue:
		t := into.Type()
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		blank := strings.TrimSpace(kind.StringValue) == ""
		return blank && (t.Kind() == reflect.Bool || t.Kind() == reflect.Int64)
	}
	return false
}

func (f *field) setDefault(into reflect.Value) error {
	if f.Default == "" || into.Kind() == reflect.Pointer {
		return nil
	}
	if into.Kind() == reflect.Slice {
		into.Set(reflect.ValueOf(strings.Split(f.Default, ",")))
		return nil
	}
	return setValue(structpb.NewStringValue(f.Default), into, textIsNoList)
}

func setValue(v *structpb.Value, into reflect.Value, l leniency) error {
	switch into.Kind() {
	case reflect.Bool:
		b, err := boolOf(v)
		into.SetBool(b)
		return err
	case reflect.Int64:
		n, err := intOf(v)
		into.SetInt(n)
		return err
	case reflect.String:
		s, err := textOf(v)
		into.SetString(s)
		return err
	case reflect.Slice:
		list, err := listOf(v, l)
		into.Set(reflect.ValueOf(list))
		return err
	}
	panic("pdp: configuration field of unsupported type " + into.Type().String())
}

// boolOf reads a boolean as Keycloak does (executors-request.md, "Configuration
// reading"): literals, their texts in three spellings, whole numbers.
func boolOf(v *structpb.Value) (bool, error) {
	switch kind := v.Kind.(type) {
	case *structpb.Value_BoolValue:
		return kind.BoolValue, nil
	case *structpb.Value_NumberValue:
		if kind.NumberValue == math.Trunc(kind.NumberValue) {
			return kind.NumberValue != 0, nil
		}
	case *structpb.Value_StringValue:
		switch strings.TrimSpace(kind.StringValue) {
		case "true", "True", "TRUE":
			return true, nil
		case "false", "False", "FALSE":
			return false, nil
		}
	}
	return false, fmt.Errorf("expected true or false, got %s", describe(v))
}

// intOf reads a whole number: a fraction is cut, a text must be a whole number.
func intOf(v *structpb.Value) (int64, error) {
	switch kind := v.Kind.(type) {
	case *structpb.Value_NumberValue:
		if math.Abs(kind.NumberValue) < 1<<53 {
			return int64(kind.NumberValue), nil
		}
	case *structpb.Value_StringValue:
		if n, err := strconv.ParseInt(strings.TrimSpace(kind.StringValue), 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("expected a whole number, got %s", describe(v))
}

// textOf reads any scalar as its text.
func textOf(v *structpb.Value) (string, error) {
	switch kind := v.Kind.(type) {
	case *structpb.Value_StringValue:
		return kind.StringValue, nil
	case *structpb.Value_BoolValue:
		return strconv.FormatBool(kind.BoolValue), nil
	case *structpb.Value_NumberValue:
		return strconv.FormatFloat(kind.NumberValue, 'f', -1, 64), nil
	}
	return "", fmt.Errorf("expected a text, got %s", describe(v))
}

// listOf reads a list of scalars. A null element matches nothing: it is dropped
// from the lists of conditions (conditions.md 1), and refused in those of executors,
// where an empty list may mean that everything is allowed.
func listOf(v *structpb.Value, l leniency) ([]string, error) {
	if s, ok := v.Kind.(*structpb.Value_StringValue); ok && l == textIsList {
		return []string{s.StringValue}, nil
	}
	values, ok := v.Kind.(*structpb.Value_ListValue)
	if !ok {
		return nil, fmt.Errorf("expected a list of texts, got %s", describe(v))
	}
	list := make([]string, 0, len(values.ListValue.GetValues()))
	for i, element := range values.ListValue.GetValues() {
		if _, null := element.Kind.(*structpb.Value_NullValue); null && l == textIsList {
			continue
		}
		s, err := textOf(element)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		list = append(list, s)
	}
	return list, nil
}

// describe names a JSON value without repeating more than 64 bytes of it.
func describe(v *structpb.Value) string {
	switch kind := v.Kind.(type) {
	case *structpb.Value_NullValue:
		return "null"
	case *structpb.Value_StringValue:
		if len(kind.StringValue) > 64 {
			return fmt.Sprintf("a text of %d bytes", len(kind.StringValue))
		}
		return fmt.Sprintf("the text %q", kind.StringValue)
	case *structpb.Value_BoolValue:
		return strconv.FormatBool(kind.BoolValue)
	case *structpb.Value_NumberValue:
		return strconv.FormatFloat(kind.NumberValue, 'g', -1, 64)
	case *structpb.Value_ListValue:
		return "a list"
	default:
		return "an object"
	}
}
