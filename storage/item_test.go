package storage_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

// TestHash pins hashes: they are addresses in files and entity tags outside.
func TestHash(t *testing.T) {
	configuration, err := structpb.NewStruct(map[string]any{"b": 1.0, "a": []any{nil, true, "x"}, "c": map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	profile, err := storage.NewProfile(&clientpolicyv1.Profile{
		Name: "p", Executors: []*clientpolicyv1.ProfileExecutor{{Executor: "e", Configuration: configuration}},
	})
	if err != nil {
		t.Fatal(err)
	}
	policy, err := storage.NewPolicy(&clientpolicyv1.Policy{Name: "p"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		item *storage.Item
		want string
	}{
		"profile": {profile, "3ca3ee9f456d498a2df7e2e451dc60b008500bdb0e1ca127f9598c8e1a3672c5"},
		"policy":  {policy, "fda56bd8a754ab56d44ffb9b7b0649cb5e39bcd0293e03e8a8518f48b5df68a4"},
	} {
		if got := c.item.Hash().String(); got != c.want {
			t.Errorf("hash of the %s = %s, want %s", name, got, c.want)
		}
	}
	named, err := storage.NewProfile(&clientpolicyv1.Profile{Name: "p"})
	if err != nil {
		t.Fatal(err)
	}
	if named.Hash() == policy.Hash() {
		t.Error("a profile and a policy of equal bytes have equal hashes")
	}
}

func TestNewItemRefuses(t *testing.T) {
	long := strings.Repeat("é", storage.MaxName)
	for name, c := range map[string]struct {
		name, description string
		want              error
	}{
		"longest name":       {long, "", nil},
		"name too long":      {long + "x", "", storage.ErrInvalid},
		"no name":            {"", "", storage.ErrInvalid},
		"name not UTF-8":     {"a\xffb", "", storage.ErrInvalid},
		"text not UTF-8":     {"a", "a\xffb", storage.ErrInvalid},
		"document too large": {"a", strings.Repeat("x", storage.MaxDocument), storage.ErrInvalid},
		"document just fits": {"a", strings.Repeat("x", storage.MaxDocument-16), nil},
	} {
		_, err := storage.NewProfile(&clientpolicyv1.Profile{Name: c.name, Description: &c.description})
		if !errors.Is(err, c.want) {
			t.Errorf("profile, %s: %v, want %v", name, err, c.want)
		}
		_, err = storage.NewPolicy(&clientpolicyv1.Policy{Name: c.name, Description: &c.description})
		if !errors.Is(err, c.want) {
			t.Errorf("policy, %s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := storage.NewProfile(nil); !errors.Is(err, storage.ErrInvalid) {
		t.Errorf("nil profile: %v, want ErrInvalid", err)
	}
	if _, err := storage.NewPolicy(nil); !errors.Is(err, storage.ErrInvalid) {
		t.Errorf("nil policy: %v, want ErrInvalid", err)
	}
}

// TestMembersKept sets every member of a document. It fails when the contract
// gets a new one, so that somebody decides whether it is stored.
func TestMembersKept(t *testing.T) {
	profile, policy := &clientpolicyv1.Profile{}, &clientpolicyv1.Policy{}
	fill(profile)
	fill(policy)
	a, err := storage.NewProfile(profile)
	if err != nil {
		t.Fatal(err)
	}
	keptProfile, err := a.Profile()
	if err != nil {
		t.Fatal(err)
	}
	b, err := storage.NewPolicy(policy)
	if err != nil {
		t.Fatal(err)
	}
	keptPolicy, err := b.Policy()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		document proto.Message
		want     string
	}{
		{keptProfile, "description empty_members executors name"},
		{keptPolicy, "conditions description enabled enforcement events mode name profiles"},
	} {
		if got := members(c.document); got != c.want {
			t.Errorf("%T keeps %s, want %s", c.document, got, c.want)
		}
	}
}

// fill sets every member of a message to something.
func fill(m proto.Message) {
	r := m.ProtoReflect()
	fields := r.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case f.IsList():
			list := r.Mutable(f).List()
			list.Append(someValue(f, list.NewElement()))
		case f.Message() != nil:
			r.Mutable(f)
		default:
			r.Set(f, someValue(f, r.NewField(f)))
		}
	}
}

func someValue(f protoreflect.FieldDescriptor, zero protoreflect.Value) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("x")
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(1)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(1)
	default:
		return zero
	}
}

func members(m proto.Message) string {
	var names []string
	m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		names = append(names, string(f.Name()))
		return true
	})
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestRestoreItem(t *testing.T) {
	made, err := storage.NewPolicy(&clientpolicyv1.Policy{Name: "p", Profiles: []string{"q"}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	got, err := storage.RestoreItem(made.Hash(), storage.KindPolicy, made.AppendDocument(nil), at, "alice")
	if err != nil {
		t.Fatal(err)
	}
	if got.Name() != "p" || got.Kind() != storage.KindPolicy || !got.UpdateTime().Equal(at) || got.Author() != "alice" {
		t.Errorf("restored %+v", got)
	}
	for name, c := range map[string]struct {
		kind storage.Kind
		data []byte
	}{
		"other kind": {storage.KindProfile, made.AppendDocument(nil)},
		"other data": {storage.KindPolicy, made.AppendDocument([]byte{0})},
		"no data":    {storage.KindPolicy, nil},
		"no kind":    {0, made.AppendDocument(nil)},
	} {
		var corrupt *storage.CorruptError
		_, err := storage.RestoreItem(made.Hash(), c.kind, c.data, at, "alice")
		if !errors.As(err, &corrupt) || !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(corrupt.Record, made.Hash().String()) {
			t.Errorf("%s: %v, want a CorruptError naming the item", name, err)
		}
	}
}
