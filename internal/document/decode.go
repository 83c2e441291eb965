package document

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxProblems bounds what is reported of one file.
const maxProblems = 20

// Decode reads a tree into a message. Members are known by their JSON names
// alone; the error joins all problems, each an [Error].
func Decode(path string, n *Node, m proto.Message) error {
	c := &checker{path: path}
	c.message(n, m.ProtoReflect().Descriptor())
	if err := errors.Join(c.problems...); err != nil {
		return err
	}
	if err := protojson.Unmarshal(n.JSON(), m); err != nil {
		// The space after "proto:" is random on purpose.
		text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "proto:")), " ")
		return &Error{Path: path, Line: n.Line, Column: n.Column, Problem: text}
	}
	return nil
}

// checker compares a tree with a message. protojson alone would take other
// spellings and numbers for enums, and could not say where a problem lies.
type checker struct {
	path     string
	problems []error
}

func (c *checker) fail(line, column int, format string, args ...any) {
	if len(c.problems) < maxProblems {
		c.problems = append(c.problems, &Error{Path: c.path, Line: line, Column: column, Problem: fmt.Sprintf(format, args...)})
	}
}

func (c *checker) is(n *Node, kinds ...Kind) bool {
	if slices.Contains(kinds, n.Kind) {
		return true
	}
	c.fail(n.Line, n.Column, "expected %s, got %s", kinds[0], n.Kind)
	return false
}

func (c *checker) message(n *Node, md protoreflect.MessageDescriptor) {
	switch md.FullName() {
	case "google.protobuf.Value":
		return
	case "google.protobuf.Struct":
		c.is(n, Object)
		return
	case "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask":
		c.is(n, Text)
		return
	}
	if !c.is(n, Object) {
		return
	}
	for _, m := range n.Members {
		fd := md.Fields().ByJSONName(m.Name)
		if fd == nil {
			c.fail(m.Line, m.Column, "unknown member %q of %s%s", m.Name, md.Name(), pdp.Suggest(m.Name, jsonNames(md)))
		} else if m.Value.Kind != Null {
			c.field(m.Value, fd)
		}
	}
}

func jsonNames(md protoreflect.MessageDescriptor) []string {
	names := make([]string, md.Fields().Len())
	for i := range names {
		names[i] = md.Fields().Get(i).JSONName()
	}
	slices.Sort(names)
	return names
}

func (c *checker) field(n *Node, fd protoreflect.FieldDescriptor) {
	switch {
	case fd.IsMap():
		if c.is(n, Object) {
			for _, m := range n.Members {
				c.single(m.Value, fd.MapValue())
			}
		}
	case fd.IsList():
		if c.is(n, List) {
			for _, item := range n.Items {
				c.single(item, fd)
			}
		}
	default:
		c.single(n, fd)
	}
}

func (c *checker) single(n *Node, fd protoreflect.FieldDescriptor) {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		c.message(n, fd.Message())
	case protoreflect.EnumKind:
		c.enum(n, fd.Enum())
	case protoreflect.BoolKind:
		c.is(n, Bool)
	case protoreflect.StringKind, protoreflect.BytesKind:
		c.is(n, Text)
	default:
		c.is(n, Number, Text)
	}
}

func (c *checker) enum(n *Node, ed protoreflect.EnumDescriptor) {
	if !c.is(n, Text) || ed.Values().ByName(protoreflect.Name(n.Text)) != nil {
		return
	}
	names := make([]string, ed.Values().Len())
	for i := range names {
		names[i] = string(ed.Values().Get(i).Name())
	}
	c.fail(n.Line, n.Column, "unknown value %q%s", n.Text, pdp.Suggest(n.Text, names))
}
