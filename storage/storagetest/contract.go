package storagetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

func testCreate(t *testing.T, d Driver) {
	f := open(t, d)
	if _, err := f.Load(t.Context(), "master", 0); !errors.Is(err, storage.ErrRealmNotFound) {
		t.Fatalf("load before creation = %v, want ErrRealmNotFound", err)
	}
	c := f.change("master", 0, storage.Content{})
	c.Comment = "first\nünïcödé"
	got := f.commit(c)
	want := storage.Meta{Revision: 1, Time: c.Time, Author: "alice", Surface: "rest", Comment: c.Comment}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("meta (-want +got):\n%s", diff)
	}
	f.reopen()
	s := f.load("master", 0)
	if diff := cmp.Diff(want, s.Meta); diff != "" {
		t.Errorf("loaded meta (-want +got):\n%s", diff)
	}
	if len(s.Profiles)+len(s.Policies) != 0 || !proto.Equal(s.Settings, &clientpolicyv1.RealmSettings{}) {
		t.Errorf("new realm is not empty: %+v", s)
	}
}

func testRoundTrip(t *testing.T, d Driver) {
	f := open(t, d)
	profile := &clientpolicyv1.Profile{Name: "p/:%41 \u00e9\u2028", EmptyMembers: []string{"executors"}}
	policy := &clientpolicyv1.Policy{
		Name: "q", Description: proto.String(""), Enabled: proto.Bool(false), Mode: proto.String("STRICT"),
		Conditions: []*clientpolicyv1.PolicyCondition{
			{Condition: "any-client"},
			{Condition: "any-client", Configuration: configuration(t, map[string]any{})},
			{Condition: "x", Configuration: configuration(t, map[string]any{"a": 1e300, "b": nil, "c": []any{"1", 1.0, false}})},
		},
		Profiles: []string{"p", "p"}, Enforcement: clientpolicyv1.Policy_ENFORCEMENT_AUDIT,
		Events: []clientpolicyv1.Event{clientpolicyv1.Event_EVENT_REGISTER},
	}
	settings := &clientpolicyv1.RealmSettings{
		RequireIfMatch: proto.Bool(false), ProtectedClients: []string{"b", "a"},
		HistoryRetention: &clientpolicyv1.HistoryRetention{MaxRevisions: proto.Int32(7), MaxAge: durationpb.New(time.Hour)},
	}
	f.commit(f.change("r", 0, storage.Content{
		Settings: settings, Profiles: []*storage.Item{must(storage.NewProfile(profile))(t)},
		Policies: []*storage.Item{must(storage.NewPolicy(policy))(t)},
	}))
	f.reopen()
	s := f.load("r", 0)
	for _, c := range []struct {
		name      string
		want, got proto.Message
	}{
		{"settings", settings, s.Settings},
		{"profile", profile, must(s.Profiles[0].Profile())(t)},
		{"policy", policy, must(s.Policies[0].Policy())(t)},
	} {
		if diff := cmp.Diff(c.want, c.got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	if _, err := s.Profiles[0].Policy(); err == nil {
		t.Error("a profile was decoded as a policy")
	}
}

// must returns a value whose making may have failed.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func testOutputOnly(t *testing.T, d Driver) {
	f := open(t, d)
	profile := &clientpolicyv1.Profile{
		Name: "p", Global: true, Etag: "e", UpdateTime: timestamppb.New(Epoch), Author: "eve", Revision: 9,
		Warnings: []*clientpolicyv1.Warning{{Path: "/"}}, Available: proto.Bool(false),
	}
	policy := &clientpolicyv1.Policy{
		Name: "q", Global: true, Etag: "e", UpdateTime: timestamppb.New(Epoch), Author: "eve", Revision: 9,
		Warnings: []*clientpolicyv1.Warning{{Path: "/"}},
	}
	given := proto.CloneOf(profile)
	f.commit(f.change("r", 0, storage.Content{
		Profiles: []*storage.Item{must(storage.NewProfile(profile))(t)},
		Policies: []*storage.Item{must(storage.NewPolicy(policy))(t)},
	}))
	s := f.load("r", 0)
	got := must(s.Profiles[0].Profile())(t)
	if diff := cmp.Diff(&clientpolicyv1.Profile{Name: "p"}, got, protocmp.Transform()); diff != "" {
		t.Errorf("profile (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&clientpolicyv1.Policy{Name: "q"}, must(s.Policies[0].Policy())(t), protocmp.Transform()); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	if !proto.Equal(given, profile) {
		t.Error("the caller's profile was changed")
	}
	if s.Profiles[0].Hash() != must(storage.NewProfile(got))(t).Hash() {
		t.Error("output-only members change the hash")
	}
}

// testStamps checks that update time and author of an item are those of the
// change that last gave it its content.
func testStamps(t *testing.T, d Driver) {
	f := open(t, d)
	a, b := Policy(t, "a", 1), Policy(t, "b", 1)
	first := f.change("r", 0, storage.Content{Policies: []*storage.Item{a, b}})
	f.commit(first)
	second := f.change("r", 1, storage.Content{Policies: []*storage.Item{Policy(t, "b", 2), Policy(t, "a", 1)}})
	second.Author = "bob"
	f.commit(second)
	// A rollback writes b anew.
	third := f.change("r", 2, f.load("r", 1).Content)
	third.Author = "carol"
	f.commit(third)
	f.reopen()
	for _, c := range []struct {
		revision int64
		item     int
		name     string
		by       storage.Change
	}{
		{1, 0, "a", first}, {1, 1, "b", first},
		{2, 0, "b", second}, {2, 1, "a", first},
		{3, 0, "a", first}, {3, 1, "b", third},
	} {
		i := f.load("r", c.revision).Policies[c.item]
		if i.Name() != c.name || i.Author() != c.by.Author || !i.UpdateTime().Equal(c.by.Time) {
			t.Errorf("revision %d item %d = %q by %s at %v, want %q by %s at %v", c.revision, c.item,
				i.Name(), i.Author(), i.UpdateTime(), c.name, c.by.Author, c.by.Time)
		}
	}
	if a.Author() != "" || !a.UpdateTime().IsZero() {
		t.Error("committing stamped the caller's item")
	}
}

func testOrder(t *testing.T, d Driver) {
	f := open(t, d)
	var items []*storage.Item
	for _, n := range strings.Split("abcdefgh", "") {
		items = append(items, Policy(t, n, 1))
	}
	orders := []string{"abcdefgh", "hgfedcba", "habcdefg", "badcfehg", "abcdfegh", "c", "", "gca", "abcdefgh"}
	for n, order := range orders {
		var list []*storage.Item
		for _, c := range order {
			list = append(list, items[c-'a'])
		}
		f.commit(f.change("r", int64(n), storage.Content{Policies: list}))
	}
	f.reopen()
	for n, order := range orders {
		if got := strings.Join(names(f.load("r", int64(n+1)).Policies), ""); got != order {
			t.Errorf("revision %d = %q, want %q", n+1, got, order)
		}
	}
}

func testNoChange(t *testing.T, d Driver) {
	f := open(t, d)
	content := func() storage.Content {
		return storage.Content{Profiles: []*storage.Item{Profile(t, "p", 1)}, Policies: []*storage.Item{Policy(t, "q", 1)}}
	}
	first := f.commit(f.change("r", 0, content()))
	heads, err := f.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, f.commit(f.change("r", 1, content()))); diff != "" {
		t.Errorf("meta of a change that changes nothing (-want +got):\n%s", diff)
	}
	second := f.commit(f.change("r", 1, storage.Content{}))
	if second.Revision != 2 {
		t.Errorf("next revision = %d, want 2", second.Revision)
	}
	if got := <-heads; got.Revision != 2 {
		t.Errorf("watch reported %+v, want revision 2 first", got)
	}
}

func testRealms(t *testing.T, d Driver) {
	f := open(t, d)
	if list, err := f.Realms(t.Context()); err != nil || len(list) != 0 {
		t.Fatalf("realms of an empty store = %v, %v", list, err)
	}
	for n, name := range []string{"b", "a\u0301", "a", "ab", "B"} {
		f.commit(f.change(name, 0, storage.Content{
			Settings: &clientpolicyv1.RealmSettings{ProtectedClients: []string{fmt.Sprint(n)}}, Policies: Policies(t, n),
		}))
	}
	f.commit(f.change("a", 1, storage.Content{Settings: &clientpolicyv1.RealmSettings{RequireIfMatch: proto.Bool(true)}}))
	f.reopen()
	list, err := f.Realms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range list {
		got = append(got, r.Name)
		s := f.load(r.Name, 0)
		if diff := cmp.Diff(s.Meta, r.Meta); diff != "" {
			t.Errorf("realm %q (-state +list):\n%s", r.Name, diff)
		}
		if !proto.Equal(s.Settings, r.Settings) {
			t.Errorf("realm %q: settings %v, state has %v", r.Name, r.Settings, s.Settings)
		}
	}
	if diff := cmp.Diff([]string{"B", "a", "ab", "a\u0301", "b"}, got); diff != "" {
		t.Errorf("realms (-want +got):\n%s", diff)
	}
}

func testDelete(t *testing.T, d Driver) {
	f := open(t, d)
	f.commit(f.change("other", 0, storage.Content{Policies: Policies(t, 3)}))
	f.commit(f.change("r", 0, storage.Content{Policies: Policies(t, 3)}))
	f.commit(f.change("r", 1, storage.Content{Policies: Policies(t, 2)}))
	remove := f.change("r", 2, storage.Content{})
	remove.Delete = true
	if m := f.commit(remove); m.Revision != 3 || m.Parent != 2 {
		t.Errorf("deletion = %+v, want revision 3 on 2", m)
	}
	f.reopen()
	for n := range int64(4) {
		if _, err := f.Load(t.Context(), "r", n); !errors.Is(err, storage.ErrRealmNotFound) {
			t.Errorf("load %d of a deleted realm = %v, want ErrRealmNotFound", n, err)
		}
	}
	if _, err := f.History(t.Context(), "r", 0, 10); !errors.Is(err, storage.ErrRealmNotFound) {
		t.Errorf("history of a deleted realm = %v, want ErrRealmNotFound", err)
	}
	if list := must(f.Realms(t.Context()))(t); len(list) != 1 || list[0].Name != "other" {
		t.Errorf("realms = %v, want other", list)
	}
	if _, err := f.Commit(t.Context(), remove); !errors.Is(err, storage.ErrRealmNotFound) {
		t.Errorf("deleting again = %v, want ErrRealmNotFound", err)
	}
	// The number goes on, so that nothing given out before matches.
	if m := f.commit(f.change("r", 0, storage.Content{Policies: Policies(t, 1)})); m.Revision != 4 || m.Parent != 0 {
		t.Errorf("new creation = %+v, want revision 4 on 0", m)
	}
	f.reopen()
	for n := int64(1); n < 4; n++ {
		if _, err := f.Load(t.Context(), "r", n); !errors.Is(err, storage.ErrRevisionNotFound) {
			t.Errorf("load %d of before the deletion = %v, want ErrRevisionNotFound", n, err)
		}
	}
	if got := names(f.load("r", 4).Policies); len(got) != 1 {
		t.Errorf("policies = %v, want one", got)
	}
	if got := len(f.load("other", 0).Policies); got != 3 {
		t.Errorf("the other realm has %d policies, want 3", got)
	}
}

// testIsolation checks that nothing returned or given reaches into the store.
func testIsolation(t *testing.T, d Driver) {
	f := open(t, d)
	policies := []*storage.Item{Policy(t, "a", 1), Policy(t, "b", 1)}
	settings := &clientpolicyv1.RealmSettings{ProtectedClients: []string{"x"}}
	f.commit(f.change("r", 0, storage.Content{Settings: settings, Policies: policies}))
	want := describe(f.load("r", 0))
	policies[0] = policies[1]
	settings.ProtectedClients[0] = "y"
	s := f.load("r", 0)
	document := must(s.Policies[0].Policy())(t)
	document.Name, document.Conditions = "changed", nil
	s.Settings.ProtectedClients[0] = "z"
	s.Policies[0], s.Policies = s.Policies[1], append(s.Policies[:1], Policy(t, "c", 1))
	s.Meta.Revision = 77
	list := must(f.Realms(t.Context()))(t)
	list[0].Settings.ProtectedClients[0] = "z"
	metas := must(f.History(t.Context(), "r", 0, 10))(t)
	metas[0].Author = "mallory"
	bytes := f.load("r", 0).Policies[0].AppendDocument(nil)
	clear(bytes)
	if got := describe(f.load("r", 0)); got != want {
		t.Errorf("the store changed:\n%s\nwant\n%s", got, want)
	}
	if got := must(f.Realms(t.Context()))(t)[0].Settings.GetProtectedClients()[0]; got != "x" {
		t.Errorf("protected client = %q in the list of realms, want x", got)
	}
	f.commit(f.change("r", 1, storage.Content{Settings: f.load("r", 0).Settings, Policies: f.load("r", 0).Policies[:1]}))
	f.reopen()
	if got := describe(f.load("r", 1)); got != want {
		t.Errorf("revision 1 changed:\n%s\nwant\n%s", got, want)
	}
}
