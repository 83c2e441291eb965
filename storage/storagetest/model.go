package storagetest

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"pgregory.net/rapid"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

// model is what a store must hold, kept in the simplest way there is.
type model struct {
	*fixture
	documents map[string]*storage.Item
	realms    map[string]*modelRealm
}

type modelRealm struct {
	last    int64
	deleted bool
	// kept are the revisions kept, oldest first.
	kept []modelRevision
}

type modelRevision struct {
	meta     storage.Meta
	settings *clientpolicyv1.RealmSettings
	policies []modelItem
}

type modelItem struct {
	name, author string
	variant      int
	update       time.Time
}

func (i modelItem) key() string { return fmt.Sprint(i.name, "/", i.variant) }

// testModel walks at random through a store and a model of it.
func testModel(t *testing.T, d Driver) {
	root := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(root, "model")
		if err != nil {
			rt.Fatal(err)
		}
		m := &model{
			fixture:   &fixture{t: t, driver: d, dir: dir, now: Epoch},
			documents: map[string]*storage.Item{}, realms: map[string]*modelRealm{},
		}
		m.start()
		defer m.stop()
		rt.Repeat(map[string]func(*rapid.T){
			"commit":  m.edit,
			"many":    m.editMany,
			"stale":   m.stale,
			"delete":  m.remove,
			"load":    m.loadAny,
			"history": m.historyAny,
			"list":    m.list,
			"reopen":  func(*rapid.T) { m.reopen() },
		})
		m.verify(rt)
	})
}

func (m *model) realm(rt *rapid.T) (string, *modelRealm) {
	name := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "realm")
	if m.realms[name] == nil {
		m.realms[name] = &modelRealm{deleted: true}
	}
	return name, m.realms[name]
}

// policy returns the document of a model's item.
func (m *model) policy(i modelItem) *storage.Item {
	if m.documents[i.key()] == nil {
		m.documents[i.key()] = Policy(m.t, i.name, i.variant)
	}
	return m.documents[i.key()]
}

func (m *model) edit(rt *rapid.T) {
	name, r := m.realm(rt)
	m.write(rt, name, r, drawRevision(rt))
}

// editMany goes past the revisions that are written whole.
func (m *model) editMany(rt *rapid.T) {
	name, r := m.realm(rt)
	next := drawRevision(rt)
	for n := range rapid.IntRange(1, 70).Draw(rt, "commits") {
		if len(next.policies) > 0 {
			next.policies[n%len(next.policies)].variant = n % 5
		}
		m.write(rt, name, r, next)
	}
}

func drawRevision(rt *rapid.T) modelRevision {
	var next modelRevision
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 7), 0, 6, rapid.ID[int]).Draw(rt, "policies") {
		next.policies = append(next.policies, modelItem{name: fmt.Sprint("p", n), variant: rapid.IntRange(0, 2).Draw(rt, "variant")})
	}
	keep := &clientpolicyv1.HistoryRetention{}
	if rapid.Bool().Draw(rt, "bounded number") {
		keep.MaxRevisions = proto.Int32(rapid.Int32Range(0, 5).Draw(rt, "max revisions"))
	}
	if rapid.Bool().Draw(rt, "bounded age") {
		keep.MaxAge = durationpb.New(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(rt, "max age"))
	}
	next.settings = retention(keep)
	next.meta.Author = rapid.SampledFrom([]string{"alice", "bob"}).Draw(rt, "author")
	next.meta.Comment = rapid.StringN(0, 5, -1).Draw(rt, "comment")
	// Clocks go back now and then.
	next.meta.Time = Epoch.Add(time.Duration(rapid.IntRange(0, 7200).Draw(rt, "seconds")) * time.Second)
	return next
}

// write commits to the store and the model.
func (m *model) write(rt *rapid.T, name string, r *modelRealm, next modelRevision) {
	c := storage.Change{
		Realm: name, Author: next.meta.Author, Surface: "rest", Comment: next.meta.Comment, Time: next.meta.Time,
		Content: storage.Content{Settings: next.settings},
	}
	for _, i := range next.policies {
		c.Policies = append(c.Policies, m.policy(i))
	}
	if !r.deleted {
		c.Parent = r.last
	}
	got, err := m.Commit(m.t.Context(), c)
	if err != nil {
		rt.Fatalf("commit to %s on %d: %v", name, c.Parent, err)
	}
	next.meta.Surface, next.meta.Parent = "rest", c.Parent
	if want := r.apply(next); got != want {
		rt.Fatalf("commit to %s = %s, want %s", name, describeMeta(got), describeMeta(want))
	}
}

// apply is what a commit must do.
func (r *modelRealm) apply(next modelRevision) storage.Meta {
	var parent modelRevision
	if !r.deleted {
		parent = r.kept[len(r.kept)-1]
	}
	next.policies = slices.Clone(next.policies)
	same := !r.deleted && proto.Equal(parent.settings, next.settings) && len(parent.policies) == len(next.policies)
	for n := range next.policies {
		i := &next.policies[n]
		i.update, i.author = next.meta.Time, next.meta.Author
		for _, old := range parent.policies {
			if old.key() == i.key() {
				*i = old
			}
		}
		same = same && parent.policies[n] == *i
	}
	if same {
		return parent.meta
	}
	r.last, r.deleted = r.last+1, false
	next.meta.Revision = r.last
	r.kept = append(r.kept, next)
	r.prune()
	return next.meta
}

// prune drops the oldest revision while it breaks a bound.
func (r *modelRealm) prune() {
	current := r.kept[len(r.kept)-1]
	keep := current.settings.GetHistoryRetention()
	most := int(keep.GetMaxRevisions())
	if most == 0 {
		most = storage.DefaultMaxRevisions
	}
	for len(r.kept) > 1 {
		age := current.meta.Time.Sub(r.kept[0].meta.Time)
		if len(r.kept) <= most && (keep.GetMaxAge() == nil || age <= keep.GetMaxAge().AsDuration()) {
			return
		}
		r.kept = r.kept[1:]
	}
}

func (m *model) stale(rt *rapid.T) {
	name, r := m.realm(rt)
	parent := rapid.Int64Range(0, r.last+1).Draw(rt, "parent")
	want := storage.ErrConflict
	switch {
	case r.deleted && parent == 0 || !r.deleted && parent == r.last:
		rt.Skip("not stale")
	case r.deleted:
		want = storage.ErrRealmNotFound
	case parent == 0:
		want = storage.ErrRealmExists
	}
	if _, err := m.Commit(m.t.Context(), m.change(name, parent, storage.Content{})); !errors.Is(err, want) {
		rt.Fatalf("commit to %s on %d = %v, want %v", name, parent, err, want)
	}
}

func (m *model) remove(rt *rapid.T) {
	name, r := m.realm(rt)
	if r.deleted {
		rt.Skip("no such realm")
	}
	c := m.change(name, r.last, storage.Content{})
	c.Delete = true
	got, err := m.Commit(m.t.Context(), c)
	if err != nil || got.Revision != r.last+1 {
		rt.Fatalf("delete %s = %v, %v, want revision %d", name, got, err, r.last+1)
	}
	*r = modelRealm{last: r.last + 1, deleted: true}
}

func (m *model) loadAny(rt *rapid.T) {
	name, r := m.realm(rt)
	m.check(rt, name, r, rapid.Int64Range(0, r.last+2).Draw(rt, "revision"))
}

// check compares one revision.
func (m *model) check(rt *rapid.T, name string, r *modelRealm, revision int64) {
	s, err := m.Load(m.t.Context(), name, revision)
	n := revision - (r.last - int64(len(r.kept)) + 1)
	if revision == 0 {
		n = int64(len(r.kept) - 1)
	}
	switch {
	case r.deleted:
		if !errors.Is(err, storage.ErrRealmNotFound) {
			rt.Fatalf("load %s at %d = %v, want ErrRealmNotFound", name, revision, err)
		}
	case n < 0 || n >= int64(len(r.kept)):
		if !errors.Is(err, storage.ErrRevisionNotFound) {
			rt.Fatalf("load %s at %d = %v, want ErrRevisionNotFound", name, revision, err)
		}
	case err != nil:
		rt.Fatalf("load %s at %d: %v", name, revision, err)
	default:
		if want, got := m.describe(name, r.kept[n]), describe(s); got != want {
			rt.Fatalf("load %s at %d:\n%s\nwant\n%s", name, revision, got, want)
		}
	}
}

// describe writes a model's revision as describe does a state.
func (m *model) describe(name string, r modelRevision) string {
	s := &storage.State{Realm: name, Meta: r.meta, Content: storage.Content{Settings: r.settings}}
	text := describe(s)
	for _, i := range r.policies {
		text += fmt.Sprintf("%s %q %s %d %q\n", storage.KindPolicy, i.name, m.policy(i).Hash(), i.update.UnixNano(), i.author)
	}
	return text
}

func (m *model) historyAny(rt *rapid.T) {
	name, r := m.realm(rt)
	before := rapid.Int64Range(0, r.last+2).Draw(rt, "before")
	limit := rapid.IntRange(1, 10).Draw(rt, "limit")
	got, err := m.History(m.t.Context(), name, before, limit)
	if r.deleted {
		if !errors.Is(err, storage.ErrRealmNotFound) {
			rt.Fatalf("history of %s = %v, want ErrRealmNotFound", name, err)
		}
		return
	}
	var want []storage.Meta
	for _, k := range slices.Backward(r.kept) {
		if len(want) < limit && (before == 0 || k.meta.Revision < before) {
			want = append(want, k.meta)
		}
	}
	if err != nil || !slices.Equal(got, want) {
		rt.Fatalf("history of %s before %d = %v, %v, want %v", name, before, got, err, want)
	}
}

func (m *model) list(rt *rapid.T) {
	got, err := m.Realms(m.t.Context())
	if err != nil {
		rt.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		r := m.realms[name]
		if r == nil || r.deleted {
			continue
		}
		current := r.kept[len(r.kept)-1]
		if len(got) == 0 || got[0].Name != name || got[0].Meta != current.meta || !proto.Equal(got[0].Settings, current.settings) {
			rt.Fatalf("realms lack %s at %s: %v", name, describeMeta(current.meta), got)
		}
		got = got[1:]
	}
	if len(got) > 0 {
		rt.Fatalf("realms list %v, which should not be there", got)
	}
}

// verify compares everything after closing and opening again.
func (m *model) verify(rt *rapid.T) {
	m.reopen()
	m.list(rt)
	for name, r := range m.realms {
		for n := range r.last + 2 {
			m.check(rt, name, r, n)
		}
	}
}
