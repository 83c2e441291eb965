package strictjson

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/sidegate/sidegate/pdp"
)

// Well-known types with a JSON form of their own (protobuf's JSON mapping).
const (
	nameStruct    = protoreflect.FullName("google.protobuf.Struct")
	nameValue     = protoreflect.FullName("google.protobuf.Value")
	nameListValue = protoreflect.FullName("google.protobuf.ListValue")
	nameTimestamp = protoreflect.FullName("google.protobuf.Timestamp")
	nameDuration  = protoreflect.FullName("google.protobuf.Duration")
	nameFieldMask = protoreflect.FullName("google.protobuf.FieldMask")
)

// plain reports whether a message is written as an object of its fields.
func plain(d protoreflect.MessageDescriptor) bool {
	return d.FullName().Parent() != "google.protobuf"
}

func isMessage(fd protoreflect.FieldDescriptor, name protoreflect.FullName) bool {
	return fd.Message() != nil && fd.Message().FullName() == name
}

// single reads one value of the type of fd.
func (s *scanner) single(fd protoreflect.FieldDescriptor) error {
	if fd.Message() == nil {
		return s.scalar(fd)
	}
	switch kind := s.dec.PeekKind(); {
	case plain(fd.Message()):
		return s.message(fd.Message())
	case isMessage(fd, nameValue),
		isMessage(fd, nameStruct) && kind == '{',
		isMessage(fd, nameListValue) && kind == '[':
		return s.free()
	}
	return s.wellKnown(fd)
}

// free reads any JSON value.
func (s *scanner) free() error {
	for base := s.dec.StackDepth(); ; {
		at := s.next()
		tok, err := s.dec.ReadToken()
		if err != nil {
			return s.syntax(err)
		}
		switch tok.Kind() {
		case '{', '[':
			err = s.nested(at)
		case '0':
			err = s.number(at, tok.String())
		}
		if err != nil || s.dec.StackDepth() == base {
			return err
		}
	}
}

func (s *scanner) number(at int, literal string) error {
	if exact(literal) {
		return nil
	}
	return s.report(at, fmt.Sprintf("the number %s does not fit into a double and would be changed; send it as a string", clip(literal)))
}

// wellKnown reads a type that is written as a string, and asks protojson.
func (s *scanner) wellKnown(fd protoreflect.FieldDescriptor) error {
	name := fd.Message().FullName()
	t, err := protoregistry.GlobalTypes.FindMessageByName(name)
	if err != nil || s.dec.PeekKind() != '"' || !written(name) {
		return s.mismatch(expectation(fd, false))
	}
	at := s.next()
	raw, err := s.dec.ReadValue()
	if err != nil {
		return s.syntax(err)
	}
	if protojson.Unmarshal(raw, t.New().Interface()) != nil {
		return s.report(at, "expected "+expectation(fd, false))
	}
	return nil
}

func written(name protoreflect.FullName) bool {
	return name == nameTimestamp || name == nameDuration || name == nameFieldMask
}

// scalar reads a value that is neither object nor list.
func (s *scanner) scalar(fd protoreflect.FieldDescriptor) error {
	kind := s.dec.PeekKind()
	if !fits(fd, kind) {
		return s.mismatch(expectation(fd, false))
	}
	at := s.next()
	tok, err := s.dec.ReadToken()
	if err != nil {
		return s.syntax(err)
	}
	switch fd.Kind() {
	case protoreflect.EnumKind:
		return s.enum(at, fd.Enum(), tok.String())
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		if !whole(tok.String(), fd.Kind()) {
			return s.report(at, fmt.Sprintf("expected %s, got %s", expectation(fd, false), clip(tok.String())))
		}
	}
	return nil
}

// fits reports whether a JSON kind can hold a value of fd. Integers of 64 bits
// are printed as strings and read in both forms.
func fits(fd protoreflect.FieldDescriptor, kind jsontext.Kind) bool {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return kind == 't' || kind == 'f'
	case protoreflect.StringKind, protoreflect.EnumKind:
		return kind == '"'
	case protoreflect.Int32Kind:
		return kind == '0'
	case protoreflect.Int64Kind:
		return kind == '0' || kind == '"'
	}
	return false
}

// whole reports whether a literal is an integer in digits within the kind's range.
func whole(literal string, kind protoreflect.Kind) bool {
	bits := 64
	if kind == protoreflect.Int32Kind {
		bits = 32
	}
	n, err := strconv.ParseInt(literal, 10, bits)
	return err == nil && (strconv.FormatInt(n, 10) == literal || literal == "-0")
}

func (s *scanner) enum(at int, e protoreflect.EnumDescriptor, name string) error {
	if e.Values().ByName(protoreflect.Name(name)) != nil {
		return nil
	}
	known := make([]string, e.Values().Len())
	for i := range known {
		known[i] = string(e.Values().Get(i).Name())
	}
	return s.report(at, fmt.Sprintf("unknown value %q%s", clip(name), enumHint(name, known)))
}

// enumHint proposes the value that was meant; leaving out the prefix is the most
// common mistake.
func enumHint(name string, known []string) string {
	for _, k := range known {
		if name != "" && strings.HasSuffix(k, "_"+strings.ToUpper(name)) {
			return fmt.Sprintf("; did you mean %q?", k)
		}
	}
	return pdp.Suggest(name, known)
}

// expectation says what a value of fd looks like, or many of them.
func expectation(fd protoreflect.FieldDescriptor, many bool) string {
	one, more := "nothing: this member cannot be sent as JSON", "values that cannot be sent as JSON"
	switch fd.Kind() {
	case protoreflect.BoolKind:
		one, more = "true or false", "true or false"
	case protoreflect.StringKind:
		one, more = "a string", "strings"
	case protoreflect.EnumKind:
		example := string(fd.Enum().Values().Get(fd.Enum().Values().Len() - 1).Name())
		one, more = fmt.Sprintf("the name of a value such as %q", example), "names of values"
	case protoreflect.Int32Kind:
		one, more = fmt.Sprintf("a whole number from %d to %d in digits", math.MinInt32, math.MaxInt32), "whole numbers"
	case protoreflect.Int64Kind:
		one, more = "a whole number of 64 bits in digits, bare or as a string", "whole numbers"
	case protoreflect.MessageKind:
		one, more = messageText(fd.Message().FullName())
	}
	if many {
		return more
	}
	return one
}

func messageText(name protoreflect.FullName) (one, more string) {
	switch name {
	case nameTimestamp:
		return `a time such as "2026-01-02T15:04:05Z" (RFC 3339)`, "times"
	case nameDuration:
		return `a duration in seconds such as "3600s"`, "durations"
	case nameFieldMask:
		return `member names such as "description,enabled"`, "lists of member names"
	case nameListValue:
		return "a list", "lists"
	}
	return "an object", "objects"
}

func kindText(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "true or false"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "a list"
	}
	return "something that is not JSON"
}
