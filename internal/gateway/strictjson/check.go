package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// errStop ends a walk whose problems are already noted.
var errStop = errors.New("document refused")

// Unmarshal reads a document into m: [Check], then protojson. The error is an
// [*Error]. Depth is the greatest nesting of objects and lists.
func Unmarshal(data []byte, m proto.Message, depth int) error {
	checked, err := Check(data, m.ProtoReflect().Descriptor(), depth)
	if err != nil {
		return err
	}
	if err := Decode(checked, m, depth); err != nil {
		return reject(data, 0, err.Error())
	}
	return nil
}

// Check refuses data that is not a JSON document of the message d. It returns
// what [Decode] must be given for it; the error is an [*Error].
func Check(data []byte, d protoreflect.MessageDescriptor, depth int) ([]byte, error) {
	if err := framing(data); err != nil {
		return nil, err
	}
	s := &scanner{data: data, dec: jsontext.NewDecoder(bytes.NewBuffer(data)), depth: depth}
	if err := s.document(d); err != nil && !errors.Is(err, errStop) {
		return nil, err
	}
	if len(s.problems) > 0 {
		return nil, &Error{Problems: s.problems}
	}
	return s.rewritten(), nil
}

// Decode reads what [Check] returned. V is a message, or a pointer to a pointer
// to one, which it allocates.
func Decode(checked []byte, v any, depth int) error {
	m, ok := v.(proto.Message)
	if !ok {
		p := reflect.ValueOf(v)
		if p.Kind() != reflect.Pointer || p.IsNil() || p.Elem().Kind() != reflect.Pointer {
			return fmt.Errorf("decode %T: not a message", v)
		}
		p.Elem().Set(reflect.New(p.Elem().Type().Elem()))
		if m, ok = p.Elem().Interface().(proto.Message); !ok {
			return fmt.Errorf("decode %T: not a message", v)
		}
	}
	// A level of JSON is at most two of protojson's: a value and what it holds.
	return protojson.UnmarshalOptions{RecursionLimit: 2*depth + 2}.Unmarshal(checked, m)
}

// scanner walks a document beside its descriptor.
type scanner struct {
	data     []byte
	dec      *jsontext.Decoder
	depth    int
	problems []Problem
	// marks are the offsets behind the opening brace of messages to which the
	// names of empty lists are added, with those names.
	marks []mark
}

func (s *scanner) document(d protoreflect.MessageDescriptor) error {
	if err := s.message(d); err != nil {
		return err
	}
	at := s.next()
	if _, err := s.dec.ReadToken(); !errors.Is(err, io.EOF) {
		s.add(at, "", "there is something after the end of the document; send one JSON object and nothing else")
	}
	return nil
}

// next returns the offset of the token that is read next.
func (s *scanner) next() int {
	i := int(s.dec.InputOffset())
	for i < len(s.data) && bytes.IndexByte([]byte(" \t\r\n,:"), s.data[i]) >= 0 {
		i++
	}
	return i
}

// add notes a problem.
func (s *scanner) add(offset int, at jsontext.Pointer, text string) {
	line, column := place(s.data, offset)
	s.problems = append(s.problems, Problem{Pointer: cut(string(at), maxPointer), Line: line, Column: column, Text: text})
}

// report notes a problem with the value read last, which began at offset.
func (s *scanner) report(offset int, text string) error {
	s.add(offset, s.dec.StackPointer(), text)
	if len(s.problems) >= maxProblems {
		return errStop
	}
	return nil
}

// skip reads over a value and reports text about it.
func (s *scanner) skip(text string) error {
	at := s.next()
	if err := s.dec.SkipValue(); err != nil {
		return s.syntax(err)
	}
	return s.report(at, text)
}

// mismatch reads over a value of the wrong type.
func (s *scanner) mismatch(expected string) error {
	kind := s.dec.PeekKind()
	return s.skip(fmt.Sprintf("expected %s, got %s", expected, kindText(kind)))
}

// read reads over one token.
func (s *scanner) read() error {
	if _, err := s.dec.ReadToken(); err != nil {
		return s.syntax(err)
	}
	return nil
}

// open reads the beginning of an object or list and minds the depth.
func (s *scanner) open() error {
	at := s.next()
	if err := s.read(); err != nil {
		return err
	}
	return s.nested(at)
}

func (s *scanner) nested(at int) error {
	if s.dec.StackDepth() <= s.depth {
		return nil
	}
	s.add(at, s.dec.StackPointer(), fmt.Sprintf("nested deeper than %d objects and lists; flatten the document", s.depth))
	return errStop
}

// name reads the name of the next member, or the end of the object.
func (s *scanner) name() (name string, at int, more bool, err error) {
	at = s.next()
	if at < len(s.data) && s.data[at] != '"' && s.data[at] != '}' {
		s.add(at, s.dec.StackPointer(), "not JSON: expected the name of a member in double quotes, or }")
		return "", 0, false, errStop
	}
	tok, err := s.dec.ReadToken()
	if err != nil {
		return "", 0, false, s.syntax(err)
	}
	return tok.String(), at, tok.Kind() != '}', nil
}

// message reads an object whose members are the fields of d.
func (s *scanner) message(d protoreflect.MessageDescriptor) error {
	if s.dec.PeekKind() != '{' {
		return s.mismatch("an object")
	}
	if err := s.open(); err != nil {
		return err
	}
	m := mark{offset: int(s.dec.InputOffset())}
	choices := map[protoreflect.Name]string{}
	for {
		name, at, more, err := s.name()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		fd, hint := Member(d, name)
		if fd == nil {
			err = s.unknown(at, name, hint)
		} else {
			err = s.chosen(fd, choices, &m)
		}
		if err != nil {
			return err
		}
	}
	if len(m.names) > 0 {
		s.marks = append(s.marks, m)
	}
	return nil
}

func (s *scanner) unknown(at int, name, hint string) error {
	if err := s.dec.SkipValue(); err != nil {
		return s.syntax(err)
	}
	return s.report(at, fmt.Sprintf("unknown member %q%s", clip(name), hint))
}

// chosen reads the member fd; of a oneof, one member may be sent.
func (s *scanner) chosen(fd protoreflect.FieldDescriptor, choices map[protoreflect.Name]string, m *mark) error {
	// null means absent for every type but Value.
	if s.dec.PeekKind() == 'n' && !isMessage(fd, nameValue) {
		return s.read()
	}
	if of := fd.ContainingOneof(); of != nil && !of.IsSynthetic() {
		if other, taken := choices[of.Name()]; taken {
			return s.skip(fmt.Sprintf("only one of %q and %q can be sent", other, fd.JSONName()))
		}
		choices[of.Name()] = fd.JSONName()
	}
	switch {
	case fd.IsMap():
		return s.mapping(fd)
	case fd.IsList():
		n, err := s.list(fd)
		if n == 0 && err == nil && tracked(fd) {
			m.names = append(m.names, fd.JSONName())
		}
		return err
	}
	return s.single(fd)
}

// list reads a list and returns its length, -1 when it is none.
func (s *scanner) list(fd protoreflect.FieldDescriptor) (int, error) {
	if s.dec.PeekKind() != '[' {
		return -1, s.mismatch("a list of " + expectation(fd, true))
	}
	if err := s.open(); err != nil {
		return -1, err
	}
	for n := 0; ; n++ {
		if s.dec.PeekKind() == ']' {
			return n, s.read()
		}
		if err := s.single(fd); err != nil {
			return -1, err
		}
	}
}

// mapping reads an object whose values are of one type.
func (s *scanner) mapping(fd protoreflect.FieldDescriptor) error {
	if s.dec.PeekKind() != '{' || fd.MapKey().Kind() != protoreflect.StringKind {
		return s.mismatch("an object with " + expectation(fd.MapValue(), true) + " as values")
	}
	if err := s.open(); err != nil {
		return err
	}
	for {
		_, _, more, err := s.name()
		if err != nil || !more {
			return err
		}
		if err := s.single(fd.MapValue()); err != nil {
			return err
		}
	}
}
