package storagetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/storage"
)

func testWatch(t *testing.T, d Driver) {
	f := open(t, d)
	f.commit(f.change("before", 0, storage.Content{}))
	heads, err := f.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	remove := f.change("a", 2, storage.Content{})
	remove.Delete = true
	for _, c := range []struct {
		change storage.Change
		want   storage.Head
	}{
		{f.change("a", 0, storage.Content{}), storage.Head{Realm: "a", Revision: 1}},
		{f.change("a", 1, storage.Content{Policies: Policies(t, 1)}), storage.Head{Realm: "a", Revision: 2}},
		{remove, storage.Head{Realm: "a", Revision: 3, Deleted: true}},
		{f.change("a", 0, storage.Content{}), storage.Head{Realm: "a", Revision: 4}},
		{f.change("before", 1, storage.Content{Policies: Policies(t, 1)}), storage.Head{Realm: "before", Revision: 2}},
	} {
		f.commit(c.change)
		if diff := cmp.Diff(c.want, <-heads); diff != "" {
			t.Errorf("head (-want +got):\n%s", diff)
		}
	}
}

// testWatchSlowReader checks that a watcher that reads nothing holds up no
// commit, and then learns the latest head of every realm.
func testWatchSlowReader(t *testing.T, d Driver) {
	f := open(t, d)
	heads, err := f.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const realms, commits = 10, 20
	for n := range commits {
		for r := range realms {
			f.commit(f.change(fmt.Sprint("r", r), int64(n), storage.Content{Policies: []*storage.Item{Policy(t, "a", n)}}))
		}
	}
	last := map[string]int64{}
	for done := 0; done < realms; {
		h := <-heads
		if h.Revision <= last[h.Realm] {
			t.Fatalf("realm %q went from %d to %d", h.Realm, last[h.Realm], h.Revision)
		}
		last[h.Realm] = h.Revision
		if h.Revision == commits {
			done++
		}
	}
}

func testWatchEnds(t *testing.T, d Driver) {
	f := open(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	byContext, err := f.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	byClose, err := f.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.commit(f.change("r", 0, storage.Content{}))
	cancel()
	drain(byContext)
	if _, err := f.Watch(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("watch under a cancelled context = %v, want context.Canceled", err)
	}
	f.stop()
	drain(byClose)
	f.start()
}

// drain reads until the channel is closed.
func drain(heads <-chan storage.Head) {
	for range heads {
	}
}
