package strictjson

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// ErrNoMessage is the error of printing a message that is not there.
var ErrNoMessage = errors.New("message is absent")

// Marshal prints a message on one line, with a newline behind it. Equal messages
// give equal bytes.
func Marshal(m proto.Message) ([]byte, error) {
	if m == nil || !m.ProtoReflect().IsValid() {
		return nil, fmt.Errorf("message marshal: %w", ErrNoMessage)
	}
	raw, err := protojson.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("message marshal: %w", err)
	}
	var out bytes.Buffer
	p := printer{
		dec: jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true)),
		enc: jsontext.NewEncoder(&out, jsontext.AllowDuplicateNames(true)),
	}
	if err := p.message(m.ProtoReflect().Descriptor()); err != nil {
		return nil, fmt.Errorf("message marshal: %w", err)
	}
	return out.Bytes(), nil
}

// printer copies what protojson printed, member by member.
type printer struct {
	dec *jsontext.Decoder
	enc *jsontext.Encoder
}

// token copies one token and returns its kind.
func (p printer) token() (jsontext.Kind, error) {
	tok, err := p.dec.ReadToken()
	if err != nil {
		return 0, err
	}
	return tok.Kind(), p.enc.WriteToken(tok)
}

// verbatim copies one value.
func (p printer) verbatim() error {
	v, err := p.dec.ReadValue()
	if err != nil {
		return err
	}
	return p.enc.WriteValue(v)
}

// message copies an object of fields. Protojson prints them in the order of
// their declaration, so that missing ones find their place.
func (p printer) message(d protoreflect.MessageDescriptor) error {
	if kind, err := p.token(); err != nil || kind != '{' {
		return err
	}
	missing, printed := shown[d.FullName()], map[protoreflect.Name]bool{}
	for p.dec.PeekKind() == '"' {
		tok, err := p.dec.ReadToken()
		if err != nil {
			return err
		}
		fd := d.Fields().ByJSONName(tok.String())
		if fd == nil {
			return fmt.Errorf("member %q of %s is unknown", tok.String(), d.FullName())
		}
		if missing, err = p.fill(d, missing, fd); err != nil {
			return err
		}
		if hidden(fd) {
			err = p.empties(d, printed)
		} else {
			printed[fd.Name()] = true
			err = p.member(fd)
		}
		if err != nil {
			return err
		}
	}
	if _, err := p.fill(d, missing, nil); err != nil {
		return err
	}
	_, err := p.token()
	return err
}

// fill prints the missing members that stand before fd, nil being the end, and
// returns the others.
func (p printer) fill(d protoreflect.MessageDescriptor, missing []protoreflect.Name, fd protoreflect.FieldDescriptor) ([]protoreflect.Name, error) {
	for len(missing) > 0 {
		next := d.Fields().ByName(missing[0])
		if fd != nil && next.Index() > fd.Index() {
			break
		}
		missing = missing[1:]
		if next == fd {
			continue
		}
		if err := p.pair(next.JSONName(), zero(next)); err != nil {
			return nil, err
		}
	}
	return missing, nil
}

func (p printer) pair(name, value string) error {
	if err := p.enc.WriteToken(jsontext.String(name)); err != nil {
		return err
	}
	return p.enc.WriteValue(jsontext.Value(value))
}

// zero is the JSON of a field's default.
func zero(fd protoreflect.FieldDescriptor) string {
	switch {
	case fd.IsList():
		return "[]"
	case fd.Kind() == protoreflect.StringKind:
		return `""`
	case fd.Kind() == protoreflect.Int64Kind:
		return `"0"`
	case fd.Kind() == protoreflect.BoolKind:
		return "false"
	}
	return "0"
}

// member prints the member fd, whose value is read next.
func (p printer) member(fd protoreflect.FieldDescriptor) error {
	if err := p.enc.WriteToken(jsontext.String(fd.JSONName())); err != nil {
		return err
	}
	value := fd
	if fd.IsMap() {
		value = fd.MapValue()
	}
	if value.Message() == nil || !plain(value.Message()) {
		return p.verbatim()
	}
	if !fd.IsList() && !fd.IsMap() {
		return p.message(value.Message())
	}
	return p.elements(fd, value.Message())
}

// elements copies a list or map of messages.
func (p printer) elements(fd protoreflect.FieldDescriptor, d protoreflect.MessageDescriptor) error {
	if _, err := p.token(); err != nil {
		return err
	}
	for kind := p.dec.PeekKind(); kind != ']' && kind != '}'; kind = p.dec.PeekKind() {
		if fd.IsMap() {
			if _, err := p.token(); err != nil {
				return err
			}
		}
		if err := p.message(d); err != nil {
			return err
		}
	}
	_, err := p.token()
	return err
}

// empties prints `[]` for the lists of d that are named and not printed yet;
// other names are passed over.
func (p printer) empties(d protoreflect.MessageDescriptor, printed map[protoreflect.Name]bool) error {
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	for {
		tok, err := p.dec.ReadToken()
		if err != nil || tok.Kind() == ']' {
			return err
		}
		list := d.Fields().ByJSONName(tok.String())
		if list == nil || !tracked(list) || printed[list.Name()] {
			continue
		}
		printed[list.Name()] = true
		if err := p.pair(list.JSONName(), "[]"); err != nil {
			return err
		}
	}
}
