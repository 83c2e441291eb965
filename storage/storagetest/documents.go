package storagetest

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

// Profile makes a profile of ordinary size; variant tells versions of it apart.
func Profile(t testing.TB, name string, variant int) *storage.Item {
	t.Helper()
	i, err := storage.NewProfile(&clientpolicyv1.Profile{
		Name:        name,
		Description: proto.String(fmt.Sprintf("profile %s, variant %d", name, variant)),
		Executors: []*clientpolicyv1.ProfileExecutor{
			{Executor: "pkce-enforcer", Configuration: configuration(t, map[string]any{"auto-configure": variant%2 == 0})},
			{Executor: "secure-session"},
			{Executor: "pkce-enforcer"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// Policy makes a policy of ordinary size; variant tells versions of it apart.
func Policy(t testing.TB, name string, variant int) *storage.Item {
	t.Helper()
	i, err := storage.NewPolicy(&clientpolicyv1.Policy{
		Name:        name,
		Description: proto.String(fmt.Sprintf("policy %s, variant %d", name, variant)),
		Enabled:     proto.Bool(variant%3 != 0),
		Conditions: []*clientpolicyv1.PolicyCondition{{
			Condition: "client-roles",
			Configuration: configuration(t, map[string]any{
				"roles": []any{"admin-" + name, fmt.Sprint("role-", variant), nil, true, 1.5},
				"more":  map[string]any{"z": "", "a": []any{}, "m": map[string]any{}},
			}),
		}},
		Profiles: []string{"baseline"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// Policies makes n policies.
func Policies(t testing.TB, n int) []*storage.Item {
	list := make([]*storage.Item, n)
	for i := range list {
		list[i] = Policy(t, fmt.Sprintf("policy-%05d", i), 1)
	}
	return list
}

func configuration(t testing.TB, m map[string]any) *structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkState checks what holds of every state: that no part is missing, that
// each item is what its hash says, and names are unique.
func checkState(s *storage.State) error {
	if s.Settings == nil {
		return fmt.Errorf("state of %q has no settings", s.Realm)
	}
	if err := checkItems(s.Profiles, storage.KindProfile); err != nil {
		return err
	}
	return checkItems(s.Policies, storage.KindPolicy)
}

func checkItems(items []*storage.Item, kind storage.Kind) error {
	names := map[string]bool{}
	for n, i := range items {
		if i.Kind() != kind || names[i.Name()] {
			return fmt.Errorf("%s %d, %q, is a %s or listed twice", kind, n, i.Name(), i.Kind())
		}
		names[i.Name()] = true
		again, err := rebuild(i)
		if err != nil {
			return err
		}
		if again.Hash() != i.Hash() || again.Name() != i.Name() {
			return fmt.Errorf("%s %q holds %q, which has the hash %s, not %s", kind, i.Name(), again.Name(), again.Hash(), i.Hash())
		}
		if i.UpdateTime().IsZero() || i.Author() == "" {
			return fmt.Errorf("%s %q has no update time or author", kind, i.Name())
		}
	}
	return nil
}

// rebuild makes the item anew from its document.
func rebuild(i *storage.Item) (*storage.Item, error) {
	if i.Kind() == storage.KindProfile {
		p, err := i.Profile()
		if err != nil {
			return nil, err
		}
		return storage.NewProfile(p)
	}
	p, err := i.Policy()
	if err != nil {
		return nil, err
	}
	return storage.NewPolicy(p)
}

// describe writes everything of a state down, for comparison.
func describe(s *storage.State) string {
	var b strings.Builder
	settings, err := proto.MarshalOptions{Deterministic: true}.Marshal(s.Settings)
	fmt.Fprintf(&b, "%q %s %x %v\n", s.Realm, describeMeta(s.Meta), settings, err)
	for _, i := range append(s.Profiles, s.Policies...) {
		fmt.Fprintf(&b, "%s %q %s %d %q\n", i.Kind(), i.Name(), i.Hash(), i.UpdateTime().UnixNano(), i.Author())
	}
	return b.String()
}

func describeMeta(m storage.Meta) string {
	return fmt.Sprintf("%d<%d %s %q %q %q", m.Revision, m.Parent, m.Time, m.Author, m.Surface, m.Comment)
}

func names(items []*storage.Item) []string {
	var list []string
	for _, i := range items {
		list = append(list, i.Name())
	}
	return list
}
