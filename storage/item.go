package storage

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Kind is the kind of an item. The numbers are stored: new kinds are added at
// the end, and no number is used again.
type Kind uint8

// Kinds of item, in the order in which a revision lists them.
const (
	// KindSettings is the realm's settings, one item without a name.
	KindSettings Kind = 1
	// KindProfile is a profile.
	KindProfile Kind = 2
	// KindPolicy is a policy.
	KindPolicy Kind = 3
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case KindSettings:
		return "settings"
	case KindProfile:
		return "profile"
	case KindPolicy:
		return "policy"
	default:
		return fmt.Sprintf("kind %d", uint8(k))
	}
}

// Hash is the SHA-256 of an item's kind and document.
type Hash [sha256.Size]byte

// String is the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Item is one stored document. It is immutable and may be shared; it is made
// by NewProfile or NewPolicy or comes from a State.
type Item struct {
	kind   Kind
	name   string
	hash   Hash
	data   []byte
	update time.Time
	author string
}

// NewProfile makes an item of a profile, whose output-only members are left out.
func NewProfile(p *clientpolicyv1.Profile) (*Item, error) {
	if p == nil {
		return nil, invalid("no profile given")
	}
	d := p.CloneVT()
	d.Global, d.Etag, d.UpdateTime, d.Author, d.Revision = false, "", nil, "", 0
	d.Warnings, d.Available = nil, nil
	return newItem(KindProfile, d.GetName(), d)
}

// NewPolicy makes an item of a policy, whose output-only members are left out.
func NewPolicy(p *clientpolicyv1.Policy) (*Item, error) {
	if p == nil {
		return nil, invalid("no policy given")
	}
	d := p.CloneVT()
	d.Global, d.Etag, d.UpdateTime, d.Author, d.Revision = false, "", nil, "", 0
	d.Warnings = nil
	return newItem(KindPolicy, d.GetName(), d)
}

// newSettings makes the item of a realm's settings; nil is the empty document.
func newSettings(s *clientpolicyv1.RealmSettings) (*Item, error) {
	if s == nil {
		s = &clientpolicyv1.RealmSettings{}
	}
	return newItem(KindSettings, "", s)
}

func newItem(kind Kind, name string, m proto.Message) (*Item, error) {
	if kind != KindSettings {
		if err := checkText(fmt.Sprintf("name of a %s", kind), name, 1, MaxName); err != nil {
			return nil, err
		}
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, invalid("%s %q: %v", kind, name, err)
	}
	if len(data) > MaxDocument {
		return nil, invalid("%s %q has %d bytes, at most %d are kept", kind, name, len(data), MaxDocument)
	}
	return &Item{kind: kind, name: name, hash: hashOf(kind, data), data: data}, nil
}

// hashOf is the address of a document.
func hashOf(kind Kind, data []byte) Hash {
	h := sha256.New()
	h.Write([]byte{byte(kind)})
	h.Write(data)
	return Hash(h.Sum(nil))
}

// Kind returns the kind.
func (i *Item) Kind() Kind { return i.kind }

// Name returns the name of the document.
func (i *Item) Name() string { return i.name }

// Hash returns the content hash: equal for equal documents of one kind.
func (i *Item) Hash() Hash { return i.hash }

// UpdateTime returns when the document last changed; zero on an item that is
// not stored yet.
func (i *Item) UpdateTime() time.Time { return i.update }

// Author returns who last changed the document; empty on an item that is not
// stored yet.
func (i *Item) Author() string { return i.author }

// Profile decodes a fresh copy of the profile, its output-only members empty.
// It fails when the item is of another kind.
func (i *Item) Profile() (*clientpolicyv1.Profile, error) {
	return decode(i, KindProfile, &clientpolicyv1.Profile{})
}

// Policy decodes a fresh copy of the policy, its output-only members empty.
// It fails when the item is of another kind.
func (i *Item) Policy() (*clientpolicyv1.Policy, error) {
	return decode(i, KindPolicy, &clientpolicyv1.Policy{})
}

// document is a message of the contract with its generated decoder.
type document interface {
	*clientpolicyv1.Profile | *clientpolicyv1.Policy | *clientpolicyv1.RealmSettings
	UnmarshalVT([]byte) error
}

func decode[M document](i *Item, kind Kind, m M) (M, error) {
	if i.kind != kind {
		return nil, invalid("item %q is a %s, not a %s", i.name, i.kind, kind)
	}
	if err := m.UnmarshalVT(i.data); err != nil {
		return nil, &CorruptError{Record: fmt.Sprintf("%s %q", kind, i.name), Problem: err.Error()}
	}
	return m, nil
}

// AppendDocument appends the encoded document to dst, for drivers.
func (i *Item) AppendDocument(dst []byte) []byte { return append(dst, i.data...) }

// RestoreItem makes an item from what a driver has read, and owns data from
// then on. It answers a CorruptError when kind and data do not have that hash.
func RestoreItem(hash Hash, kind Kind, data []byte, update time.Time, author string) (*Item, error) {
	if hashOf(kind, data) != hash {
		return nil, &CorruptError{Record: "item " + hash.String(), Problem: "its content does not match its hash"}
	}
	name, err := nameOf(kind, data)
	if err != nil {
		return nil, &CorruptError{Record: "item " + hash.String(), Problem: err.Error()}
	}
	return &Item{kind: kind, name: name, hash: hash, data: data, update: update, author: author}, nil
}

// nameOf reads the name from an encoded document without decoding all of it:
// field 1 of a profile and of a policy.
func nameOf(kind Kind, data []byte) (string, error) {
	switch kind {
	case KindSettings:
		return "", nil
	case KindProfile, KindPolicy:
	default:
		return "", fmt.Errorf("%s is not known to this version", kind)
	}
	for len(data) > 0 {
		number, wire, n := protowire.ConsumeTag(data)
		if n < 0 {
			return "", protowire.ParseError(n)
		}
		data = data[n:]
		if number == 1 && wire == protowire.BytesType {
			name, n := protowire.ConsumeString(data)
			return name, protowire.ParseError(n)
		}
		n = protowire.ConsumeFieldValue(number, wire, data)
		if n < 0 {
			return "", protowire.ParseError(n)
		}
		data = data[n:]
	}
	return "", fmt.Errorf("the %s has no name", kind)
}
