package service_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/memory"
)

type revisionStream = grpc.ServerStreamingClient[pb.WatchRevisionsResponse]

// watch begins a watch, and waits until it is accepted or refused.
func (w *world) watch(ctx context.Context, realm string, after int64) (revisionStream, error) {
	w.t.Helper()
	s, err := w.revisions().WatchRevisions(ctx, &pb.WatchRevisionsRequest{Realm: realm, After: after})
	if err != nil {
		return nil, err
	}
	md, err := s.Header()
	if err == nil && md == nil {
		_, err = s.Recv() // the refusal
	}
	return s, err
}

func (w *world) watching(realm string, after int64) revisionStream {
	w.t.Helper()
	s, err := w.watch(w.root(), realm, after)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// next reads a revision.
func next(t *testing.T, s revisionStream) *pb.Revision {
	t.Helper()
	m, err := s.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return m.GetDocument()
}

func nextNumbers(t *testing.T, s revisionStream, n int) (list []int64) {
	t.Helper()
	for range n {
		list = append(list, next(t, s).GetRevision())
	}
	return list
}

func ended(t *testing.T, s revisionStream) {
	t.Helper()
	if m, err := s.Recv(); !errors.Is(err, io.EOF) {
		t.Fatalf("the stream goes on with %v, %v", m, err)
	}
}

func TestWatchRevisions(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	w.createRealm("other", nil)
	w.write("master", "2")
	s := w.watching("master", 0)
	if md, err := s.Header(); err != nil || !slices.Equal(md.Get("etag"), []string{`"2"`}) {
		t.Errorf("headers %v, %v", md, err)
	}
	w.write("other", "of another realm")
	w.write("master", "3")
	got := next(t, s)
	whole, err := w.revisions().GetRevision(w.root(), &pb.GetRevisionRequest{Realm: "master", Revision: 3})
	if err != nil {
		t.Fatal(err)
	}
	bare := whole.GetDocument()
	bare.PolicySet, bare.Settings = nil, nil
	equal(t, got, bare)
	for _, c := range []struct {
		after int64
		want  []int64
	}{{1, []int64{2, 3, 4}}, {2, []int64{3, 4}}, {3, []int64{4}}} {
		s := w.watching("master", c.after)
		if c.after == 1 {
			w.write("master", "4")
		}
		equal(t, nextNumbers(t, s, len(c.want)), c.want)
	}
	equal(t, nextNumbers(t, s, 1), []int64{4})
}

// TestWatchTellsAll reads nothing while thousands of revisions are made, and then
// all of them in order.
func TestWatchTellsAll(t *testing.T) {
	w := start(t)
	w.createRealm("master", keeping(10_000))
	s := w.watching("master", 0)
	const n = 2*storage.MaxHistory + 500
	for i := int64(1); i < n; i++ {
		_, err := w.store.Commit(t.Context(), storage.Change{
			Realm: "master", Parent: i, Author: "a", Surface: "s", Time: w.time(), Content: storage.Content{
				Settings: &pb.RealmSettings{HistoryRetention: keeping(10_000 + int32(i)).GetHistoryRetention()},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for want := int64(2); want <= n; want++ {
		if got := next(t, s).GetRevision(); got != want {
			t.Fatalf("revision %d is told, want %d", got, want)
		}
	}
	again := nextNumbers(t, w.watching("master", 1), n-1)
	if !slices.IsSorted(again) || again[0] != 2 || again[len(again)-1] != n {
		t.Errorf("from the first on, %d to %d are told", again[0], again[len(again)-1])
	}
}

func TestWatchDeletion(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	s := w.watching("master", 0)
	w.write("master", "2")
	equal(t, nextNumbers(t, s, 1), []int64{2})
	if _, err := w.realms.DeleteRealm(w.root(), &pb.DeleteRealmRequest{Realm: "master", Force: true}); err != nil {
		t.Fatal(err)
	}
	equal(t, next(t, s), &pb.Revision{Revision: 3, Deleted: true, Etag: `"3"`})
	ended(t, s)
	w.createRealm("master", nil)
	s = w.watching("master", 0)
	w.write("master", "5")
	equal(t, nextNumbers(t, s, 1), []int64{5})
}

// slow is a store whose heads come to watches of revisions when the test says so.
type slow struct {
	storage.Store
	watches atomic.Int64
	heads   chan storage.Head
}

func (s *slow) Watch(ctx context.Context) (<-chan storage.Head, error) {
	if s.watches.Add(1) == 1 {
		return s.Store.Watch(ctx) // that of the services themselves
	}
	out := make(chan storage.Head)
	go func() {
		defer close(out)
		for {
			select {
			case h, open := <-s.heads:
				if !open {
					return
				}
				out <- h
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

func startSlow(t *testing.T) (*world, *slow) {
	t.Helper()
	inner := memory.New()
	t.Cleanup(func() { inner.Close() })
	store := &slow{Store: inner, heads: make(chan storage.Head, 10)}
	w := startOn(t, store, pdp.DefaultLimits())
	w.createRealm("master", keeping(3))
	return w, store
}

// TestWatchRecreatedRealm reads so slowly that the realm was deleted and is there
// again: the deletion is told all the same.
func TestWatchRecreatedRealm(t *testing.T) {
	w, store := startSlow(t)
	s := w.watching("master", 0)
	w.write("master", "2")
	if _, err := w.realms.DeleteRealm(w.root(), &pb.DeleteRealmRequest{Realm: "master", Force: true}); err != nil {
		t.Fatal(err)
	}
	w.createRealm("master", nil)
	w.write("master", "5")
	store.heads <- storage.Head{Realm: "master", Revision: 5}
	equal(t, next(t, s), &pb.Revision{Revision: 3, Deleted: true, Etag: `"3"`})
	ended(t, s)
}

// TestWatchRealmGone hears of a revision when the realm is deleted already.
func TestWatchRealmGone(t *testing.T) {
	w, store := startSlow(t)
	s := w.watching("master", 0)
	w.write("master", "2")
	if _, err := w.realms.DeleteRealm(w.root(), &pb.DeleteRealmRequest{Realm: "master", Force: true}); err != nil {
		t.Fatal(err)
	}
	store.heads <- storage.Head{Realm: "master", Revision: 2}
	store.heads <- storage.Head{Realm: "master", Revision: 3, Deleted: true}
	equal(t, next(t, s), &pb.Revision{Revision: 3, Deleted: true, Etag: `"3"`})
	ended(t, s)
}

// TestWatchSlowerThanHistory is told what it missed, and not as if it had not.
func TestWatchSlowerThanHistory(t *testing.T) {
	w, store := startSlow(t)
	s := w.watching("master", 0)
	for range 3 {
		w.write("master", "")
	}
	store.heads <- storage.Head{Realm: "master", Revision: 4}
	equal(t, nextNumbers(t, s, 3), []int64{2, 3, 4}) // just kept
	for range 4 {
		w.write("master", "")
	}
	store.heads <- storage.Head{Realm: "master", Revision: 8}
	_, err := s.Recv()
	want(t, err, codes.NotFound, "REVISION_NOT_FOUND")
	wantText(t, err, "revision 5 of")
}

func TestWatchStoreCloses(t *testing.T) {
	w, store := startSlow(t)
	s := w.watching("master", 0)
	close(store.heads)
	_, err := s.Recv()
	want(t, err, codes.Unavailable, "STORAGE")
}

func TestWatchRefusesBadInput(t *testing.T) {
	w := start(t)
	w.createRealm("master", keeping(2))
	for range 3 {
		w.write("master", "")
	}
	for name, c := range map[string]struct {
		realm string
		after int64
		want  problem
	}{
		"unknown realm":    {"none", -1, problem{codes.NotFound, "REALM_NOT_FOUND", nil}},
		"negative":         {"master", -1, problem{codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/after"}}},
		"not yet there":    {"master", 5, problem{codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/after"}}},
		"no longer kept":   {"master", 2, problem{codes.NotFound, "REVISION_NOT_FOUND", nil}},
		"the oldest kept":  {"master", 3, problem{}},
		"the one in force": {"master", 4, problem{}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.watch(w.root(), c.realm, c.after)
			equal(t, problemOf(err), c.want)
		})
	}
}

func TestWatchEndsWithTheServer(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	s := w.watching("master", 0)
	w.services.Close()
	_, err := s.Recv()
	want(t, err, codes.Unavailable, "BUSY")
	// One that comes later may be accepted before it is ended.
	if s, err = w.watch(w.root(), "master", 0); err == nil {
		_, err = s.Recv()
	}
	want(t, err, codes.Unavailable, "BUSY")
}

// TestWatchLimit fills all places, is refused one more, and gets the one that is
// left.
func TestWatchLimit(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	first, leave := context.WithCancel(w.root())
	defer leave()
	if _, err := w.watch(first, "master", 0); err != nil {
		t.Fatal(err)
	}
	var all []revisionStream
	for range 999 {
		all = append(all, w.watching("master", 0))
	}
	_, err := w.watch(w.root(), "master", 0)
	want(t, err, codes.ResourceExhausted, "BUSY")
	// All of them are told, and none waits for the others.
	w.write("master", "2")
	for _, s := range slices.Backward(all) {
		equal(t, nextNumbers(t, s, 1), []int64{2})
	}
	leave()
	for {
		_, err := w.watch(w.root(), "master", 0)
		if err == nil {
			break
		}
		want(t, err, codes.ResourceExhausted, "BUSY") // the server has not noticed yet
		if t.Context().Err() != nil {
			t.Fatal("the place stays taken")
		}
	}
}

// time is the next of the world's clock.
func (w *world) time() time.Time { return time.Unix(1_800_000_000+w.clock.Add(1), 0) }
