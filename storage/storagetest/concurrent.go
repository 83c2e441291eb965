package storagetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

// testConcurrentCommits lets many writers add items at once, each rebasing when
// another was faster. Every acknowledged write must be in the history and the
// result, and no revision may be given twice.
func testConcurrentCommits(t *testing.T, d Driver) {
	f := open(t, d)
	f.commit(f.change("r", 0, storage.Content{}))
	const writers, writes = 8, 10
	var mu sync.Mutex
	acknowledged := map[int64]string{1: ""}
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := range writes {
				name := fmt.Sprintf("policy-%d-%d", w, n)
				m := f.add(t, name)
				mu.Lock()
				if other, twice := acknowledged[m.Revision]; twice {
					t.Errorf("revision %d was given to %s and %s", m.Revision, other, name)
				}
				acknowledged[m.Revision] = name
				mu.Unlock()
			}
		})
	}
	group.Wait()
	f.reopen()
	history := must(f.History(t.Context(), "r", 0, storage.MaxHistory))(t)
	if len(history) != writers*writes+1 || len(acknowledged) != len(history) {
		t.Fatalf("%d revisions, %d acknowledged, want %d", len(history), len(acknowledged), writers*writes+1)
	}
	for _, m := range history {
		if m.Comment != acknowledged[m.Revision] || m.Revision > 1 && m.Parent != m.Revision-1 {
			t.Errorf("revision %+v, acknowledged was %q", m, acknowledged[m.Revision])
		}
	}
	if got := len(f.load("r", 0).Policies); got != writers*writes {
		t.Errorf("%d policies, want %d", got, writers*writes)
	}
}

// add appends a policy, however often it takes.
func (f *fixture) add(t *testing.T, name string) storage.Meta {
	item := Policy(t, name, 1)
	for {
		s, err := f.Load(t.Context(), "r", 0)
		if err != nil {
			t.Errorf("load: %v", err)
			return storage.Meta{}
		}
		m, err := f.Commit(t.Context(), storage.Change{
			Realm: "r", Parent: s.Meta.Revision, Author: "alice", Surface: "grpc", Comment: name, Time: Epoch,
			Content: storage.Content{Settings: s.Settings, Policies: append(s.Policies, item)},
		})
		var conflict *storage.ConflictError
		if errors.As(err, &conflict) && conflict.Current > s.Meta.Revision {
			continue
		}
		if err != nil {
			t.Errorf("commit: %v", err)
		}
		return m
	}
}

// testConcurrentReaders reads old and current revisions while they are made,
// pruned, deleted and made again. A reader sees a whole revision or none.
func testConcurrentReaders(t *testing.T, d Driver) {
	f := open(t, d)
	settings := retention(&clientpolicyv1.HistoryRetention{MaxRevisions: proto.Int32(10)})
	done := make(chan struct{})
	var group sync.WaitGroup
	defer group.Wait()
	defer close(done)
	for range 4 {
		group.Go(func() {
			for n := int64(0); ; n++ {
				select {
				case <-done:
					return
				default:
				}
				f.readAny(t, n)
			}
		})
	}
	revision := int64(0)
	for n := range 150 {
		c := f.change("r", revision, storage.Content{Settings: settings, Policies: Policies(t, n%7)})
		if n%50 == 49 {
			c.Content, c.Delete = storage.Content{}, true
		}
		m := f.commit(c)
		revision = m.Revision
		if c.Delete {
			revision = 0
		}
	}
}

func (f *fixture) readAny(t *testing.T, n int64) {
	s, err := f.Load(t.Context(), "r", n%40)
	if err == nil {
		err = checkState(s)
	}
	if err == nil || errors.Is(err, storage.ErrRealmNotFound) || errors.Is(err, storage.ErrRevisionNotFound) {
		_, err = f.History(t.Context(), "r", 0, 3)
	}
	if err != nil && !errors.Is(err, storage.ErrRealmNotFound) {
		t.Errorf("reading: %v", err)
	}
}
