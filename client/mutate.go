package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// ErrMutation is wrapped by every error of [Documents.Apply]: the documents stay
// as they were, and the provider must refuse.
var ErrMutation = errors.New("mutation cannot be applied")

// ErrStale is wrapped besides when `previous` is not what the provider holds:
// somebody wrote meanwhile, and asking again is the remedy.
var ErrStale = errors.New("client changed since the question was asked")

// Documents are the client documents that mutations change.
type Documents struct {
	// Stored is the client as the provider holds it now; nil before a creation.
	Stored *clientpolicyv1.Client
	// Proposed is what is about to be stored; nil outside a write. Members left
	// out keep their stored value, and an attribute "" is removed.
	Proposed *clientpolicyv1.Client
	// Mask names, as JSON pointers, members that the write sets although they
	// are empty in Proposed.
	Mask []string
}

// Apply returns the documents after all mutations, in order. The receiver's
// documents are not changed. With an error nothing may be stored.
func (d Documents) Apply(mutations []*clientpolicyv1.Mutation) (Documents, error) {
	out := Documents{Stored: proto.CloneOf(d.Stored), Proposed: proto.CloneOf(d.Proposed), Mask: slices.Clone(d.Mask)}
	for i, m := range mutations {
		if err := out.apply(m); err != nil {
			return Documents{}, fmt.Errorf("%w: number %d at %q: %w", ErrMutation, i, m.GetPath(), err)
		}
	}
	return out, nil
}

func (d *Documents) apply(m *clientpolicyv1.Mutation) error {
	at, err := parsePlace(m.GetPath())
	if err != nil {
		return err
	}
	doc, held, err := d.target(m.GetTarget(), at)
	if err != nil {
		return err
	}
	if err := at.compare(held, m.GetPrevious()); err != nil {
		return err
	}
	switch m.GetOp() {
	case clientpolicyv1.Mutation_OP_SET:
		return d.set(doc, at, m.GetValue())
	case clientpolicyv1.Mutation_OP_REMOVE:
		d.remove(m.GetTarget(), doc, at)
		return nil
	default:
		return fmt.Errorf("operation %v, expected OP_SET or OP_REMOVE", m.GetOp())
	}
}

// target returns the document to change and the one that holds the value now.
func (d *Documents) target(t clientpolicyv1.Mutation_Target, at place) (doc, held *clientpolicyv1.Client, err error) {
	switch t {
	case clientpolicyv1.Mutation_TARGET_STORED:
		doc, held = d.Stored, d.Stored
	case clientpolicyv1.Mutation_TARGET_PROPOSED:
		doc, held = d.Proposed, d.Proposed
		if !at.present(doc) && !d.masked(at) {
			held = d.Stored
		}
	default:
		return nil, nil, fmt.Errorf("target %v, expected TARGET_PROPOSED or TARGET_STORED", t)
	}
	if doc == nil {
		return nil, nil, fmt.Errorf("target %v, but there is no such document here", t)
	}
	return doc, held, nil
}

func (d *Documents) set(doc *clientpolicyv1.Client, at place, value *structpb.Value) error {
	from, err := at.document(value)
	if err != nil {
		return err
	}
	if from == nil {
		return errors.New("OP_SET without a value")
	}
	for name := range from.GetAttributes() {
		if isSecret(name) {
			return errSecret
		}
	}
	at.copy(doc, from)
	if doc == d.Proposed && !at.present(doc) {
		d.mask(at)
	}
	return nil
}

// remove clears a place. In a proposal, whose missing members keep their stored
// value, it also says that the emptiness is meant.
func (d *Documents) remove(t clientpolicyv1.Mutation_Target, doc *clientpolicyv1.Client, at place) {
	at.clear(doc)
	if t == clientpolicyv1.Mutation_TARGET_PROPOSED && at.present(d.Stored) {
		d.mask(at)
	}
}

func (d *Documents) masked(at place) bool {
	return slices.Contains(d.Mask, "") || slices.Contains(d.Mask, at.pointer)
}

func (d *Documents) mask(at place) {
	if !d.masked(at) {
		d.Mask = append(d.Mask, at.pointer)
	}
}

// place is a member of the client, or one attribute.
type place struct {
	pointer string
	field   protoreflect.FieldDescriptor
	key     string // attribute name; empty for the member itself
}

var clientFields = (*clientpolicyv1.Client)(nil).ProtoReflect().Descriptor().Fields()

// parsePlace reads a JSON pointer (RFC 6901) into the JSON of Client.
func parsePlace(pointer string) (place, error) {
	rest, ok := strings.CutPrefix(pointer, "/")
	if !ok {
		return place{}, errors.New("not a JSON pointer to a member: expected a leading /")
	}
	name, key, nested := strings.Cut(rest, "/")
	field := clientFields.ByJSONName(unescape(name))
	if field == nil {
		return place{}, fmt.Errorf("unknown member %q", unescape(name))
	}
	at := place{pointer: pointer, field: field}
	if nested {
		if field.JSONName() != "attributes" || key == "" || strings.Contains(key, "/") {
			return place{}, errors.New("deeper than a member or an attribute")
		}
		at.key = unescape(key)
	}
	if isSecret(field.JSONName()) || isSecret(at.key) {
		return place{}, errSecret
	}
	return at, nil
}

var errSecret = errors.New("names a secret")

// isSecret tells the members and attributes that the decision API never carries.
func isSecret(name string) bool {
	return name == "secret" || name == "registrationAccessToken" || name == "client.secret.rotated"
}

// unescape undoes the escapes of RFC 6901 section 4, in the order given there.
func unescape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~1", "/"), "~0", "~")
}

// compare refuses unless the held value is the previous one. Absent, null and
// an empty attribute are the same: there was none.
func (p place) compare(held *clientpolicyv1.Client, previous *structpb.Value) error {
	want, err := p.document(previous)
	if err != nil {
		return fmt.Errorf("previous value: %w", err)
	}
	if !proto.Equal(p.only(held), p.only(want)) {
		return ErrStale
	}
	return nil
}

// document is a client with this place alone set to value; nil for none.
func (p place) document(value *structpb.Value) (*clientpolicyv1.Client, error) {
	if _, null := value.GetKind().(*structpb.Value_NullValue); value.GetKind() == nil || null {
		return nil, nil
	}
	name, inner := p.field.JSONName(), value
	if p.key != "" {
		inner = structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{p.key: value}})
	}
	raw, err := protojson.Marshal(&structpb.Struct{Fields: map[string]*structpb.Value{name: inner}})
	if err != nil {
		return nil, fmt.Errorf("value: %w", err)
	}
	out := &clientpolicyv1.Client{}
	if err := protojson.Unmarshal(raw, out); err != nil {
		return nil, fmt.Errorf("value does not fit %q: %w", name, err)
	}
	return out, nil
}

// only is a client with nothing but this place of c.
func (p place) only(c *clientpolicyv1.Client) *clientpolicyv1.Client {
	out := &clientpolicyv1.Client{}
	if p.present(c) && (p.key == "" || c.GetAttributes()[p.key] != "") {
		p.copy(out, c)
	}
	return out
}

func (p place) present(c *clientpolicyv1.Client) bool {
	if c == nil {
		return false
	}
	if p.key != "" {
		_, ok := c.GetAttributes()[p.key]
		return ok
	}
	return c.ProtoReflect().Has(p.field)
}

func (p place) copy(to, from *clientpolicyv1.Client) {
	switch {
	case p.key == "" && !p.present(from):
		p.clear(to)
	case p.key == "":
		to.ProtoReflect().Set(p.field, from.ProtoReflect().Get(p.field))
	case to.Attributes == nil:
		to.Attributes = map[string]string{p.key: from.GetAttributes()[p.key]}
	default:
		to.Attributes[p.key] = from.GetAttributes()[p.key]
	}
}

func (p place) clear(c *clientpolicyv1.Client) {
	if p.key != "" {
		delete(c.GetAttributes(), p.key)
		return
	}
	c.ProtoReflect().Clear(p.field)
}
