package storagetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

func testRefusals(t *testing.T, d Driver) {
	f := open(t, d)
	f.commit(f.change("r", 0, storage.Content{}))
	f.commit(f.change("r", 1, storage.Content{Policies: []*storage.Item{Policy(t, "q", 1)}}))
	before := describe(f.load("r", 0))
	remove := f.change("r", 1, storage.Content{})
	remove.Delete = true
	nowhere := f.change("nowhere", 1, storage.Content{})
	nowhere.Delete = true
	for _, c := range []struct {
		name   string
		change storage.Change
		want   error
	}{
		{"stale", f.change("r", 1, storage.Content{}), storage.ErrConflict},
		{"stale without change", f.change("r", 1, f.load("r", 0).Content), storage.ErrConflict},
		{"from the future", f.change("r", 3, storage.Content{}), storage.ErrConflict},
		{"stale deletion", remove, storage.ErrConflict},
		{"exists", f.change("r", 0, storage.Content{}), storage.ErrRealmExists},
		{"no realm", f.change("nowhere", 1, storage.Content{}), storage.ErrRealmNotFound},
		{"no realm to delete", nowhere, storage.ErrRealmNotFound},
	} {
		_, err := f.Commit(t.Context(), c.change)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		var conflict *storage.ConflictError
		if errors.As(err, &conflict) && (conflict.Current != 2 || conflict.Parent != c.change.Parent || conflict.Realm != "r") {
			t.Errorf("%s: %+v, want current revision 2", c.name, conflict)
		}
	}
	f.reopen()
	if got := describe(f.load("r", 0)); got != before {
		t.Errorf("a refused change changed the realm: %s, want %s", got, before)
	}
	for _, n := range []int64{-1, 3} {
		if _, err := f.Load(t.Context(), "r", n); !errors.Is(err, storage.ErrRevisionNotFound) {
			t.Errorf("load %d = %v, want ErrRevisionNotFound", n, err)
		}
	}
}

func testInvalid(t *testing.T, d Driver) {
	f := open(t, d)
	a, b := Policy(t, "a", 1), Policy(t, "b", 1)
	f.commit(f.change("r", 0, storage.Content{Policies: []*storage.Item{a, b}}))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Commit(cancelled, f.change("r", 1, storage.Content{Policies: Policies(t, 1)})); !errors.Is(err, context.Canceled) {
		t.Errorf("commit under a cancelled context = %v, want context.Canceled", err)
	}
	for name, spoil := range map[string]func(*storage.Change){
		"no realm":           func(c *storage.Change) { c.Realm = "" },
		"long realm":         func(c *storage.Change) { c.Realm = strings.Repeat("é", storage.MaxName+1) },
		"slash":              func(c *storage.Change) { c.Realm = "a/b" },
		"not UTF-8":          func(c *storage.Change) { c.Realm = "a\xff" },
		"negative parent":    func(c *storage.Change) { c.Parent = -1 },
		"no author":          func(c *storage.Change) { c.Author = "" },
		"no surface":         func(c *storage.Change) { c.Surface = "" },
		"long comment":       func(c *storage.Change) { c.Comment = strings.Repeat("x", storage.MaxComment+1) },
		"no time":            func(c *storage.Change) { c.Time = time.Time{} },
		"nil item":           func(c *storage.Change) { c.Policies = []*storage.Item{nil} },
		"zero item":          func(c *storage.Change) { c.Policies = []*storage.Item{{}} },
		"item of other kind": func(c *storage.Change) { c.Profiles = Policies(t, 1) },
		"name twice":         func(c *storage.Change) { c.Policies = []*storage.Item{Policy(t, "a", 1), Policy(t, "a", 2)} },
		"name twice, after":  func(c *storage.Change) { c.Policies = []*storage.Item{a, b, Policy(t, "a", 2)} },
		"name twice, before": func(c *storage.Change) { c.Policies = []*storage.Item{Policy(t, "b", 2), a, b} },
		"same item twice":    func(c *storage.Change) { c.Policies = slices.Repeat(Policies(t, 1), 2) },
		"too many items":     func(c *storage.Change) { c.Policies = slices.Repeat(Policies(t, 1), storage.MaxItems+1) },
		"delete with items":  func(c *storage.Change) { c.Delete, c.Policies = true, Policies(t, 1) },
		"delete of nothing":  func(c *storage.Change) { c.Delete, c.Parent = true, 0 },
		"negative retention": func(c *storage.Change) {
			c.Settings = retention(&clientpolicyv1.HistoryRetention{MaxRevisions: proto.Int32(-1)})
		},
		"negative age": func(c *storage.Change) {
			c.Settings = retention(&clientpolicyv1.HistoryRetention{MaxAge: durationpb.New(-1)})
		},
	} {
		c := f.change("r", 1, storage.Content{})
		spoil(&c)
		if _, err := f.Commit(t.Context(), c); !errors.Is(err, storage.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	if got := f.load("r", 0).Meta.Revision; got != 1 {
		t.Errorf("revision = %d after refused changes, want 1", got)
	}
}

func retention(keep *clientpolicyv1.HistoryRetention) *clientpolicyv1.RealmSettings {
	return &clientpolicyv1.RealmSettings{HistoryRetention: keep}
}

func testClosed(t *testing.T, d Driver) {
	f := open(t, d)
	f.commit(f.change("r", 0, storage.Content{}))
	f.stop()
	_, realms := f.Realms(t.Context())
	_, load := f.Load(t.Context(), "r", 0)
	_, commit := f.Commit(t.Context(), f.change("r", 1, storage.Content{Policies: Policies(t, 1)}))
	_, history := f.History(t.Context(), "r", 0, 1)
	_, watch := f.Watch(t.Context())
	for name, err := range map[string]error{"realms": realms, "load": load, "commit": commit, "history": history, "watch": watch} {
		if !errors.Is(err, storage.ErrClosed) {
			t.Errorf("%s after close = %v, want ErrClosed", name, err)
		}
	}
	if err := f.Close(); err != nil {
		t.Errorf("second close = %v", err)
	}
}
