package storage_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/storage"
)

// TestHubCoalesces reads nothing while heads come in. The watcher holds one head
// in its hand; of all others it then gets the latest of each realm, in the order
// in which the realms first changed.
func TestHubCoalesces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hub storage.Hub
		heads, err := hub.Watch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		hub.Publish(storage.Head{Realm: "a", Revision: 1})
		synctest.Wait()
		for n := int64(2); n < 1000; n++ {
			hub.Publish(storage.Head{Realm: "a", Revision: n})
			hub.Publish(storage.Head{Realm: "b", Revision: n, Deleted: n%2 == 0})
		}
		var got []storage.Head
		for range 3 {
			got = append(got, <-heads)
		}
		want := []storage.Head{{Realm: "a", Revision: 1}, {Realm: "a", Revision: 999}, {Realm: "b", Revision: 999}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("heads (-want +got):\n%s", diff)
		}
		synctest.Wait()
		select {
		case h, open := <-heads:
			t.Errorf("another head came: %v, %v", h, open)
		default:
		}
		hub.Close()
		if _, open := <-heads; open {
			t.Error("the channel is open after close")
		}
	})
}

// TestHubWatchers checks that watchers do not disturb each other.
func TestHubWatchers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hub storage.Hub
		defer hub.Close()
		ctx, cancel := context.WithCancel(t.Context())
		gone, err := hub.Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		idle, err := hub.Watch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		reading, err := hub.Watch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		hub.Publish(storage.Head{Realm: "a", Revision: 1})
		cancel()
		synctest.Wait()
		hub.Publish(storage.Head{Realm: "a", Revision: 2})
		if got := []int64{(<-reading).Revision, (<-reading).Revision}; !cmp.Equal(got, []int64{1, 2}) {
			t.Errorf("read revisions %v, want 1 and 2", got)
		}
		if got := (<-idle).Revision; got != 1 {
			t.Errorf("the idle watcher read %d, want 1", got)
		}
		if h, open := <-gone; open {
			t.Errorf("a cancelled watcher got %v", h)
		}
	})
}

// TestHubCloseWithoutWatchers checks that closing is harmless, twice too.
func TestHubCloseWithoutWatchers(t *testing.T) {
	var hub storage.Hub
	hub.Publish(storage.Head{Realm: "a", Revision: 1})
	hub.Close()
	hub.Close()
	if _, err := hub.Watch(t.Context()); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("watch after close = %v, want ErrClosed", err)
	}
}
