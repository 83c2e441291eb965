package bolt_test

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/bolt"
	"github.com/sidegate/sidegate/storage/storagetest"
)

// TestNoLeftovers takes items out and brings them back at random, under a short
// and changing retention. The file then holds the items of the revisions kept
// and no other, and no more records of revisions than lie before them up to one
// that is written whole.
func TestNoLeftovers(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, bolt.Options{NoSync: true})
	random := rand.New(rand.NewPCG(5, 6))
	keep := int32(8)
	for parent := int64(0); parent < 400; {
		if random.IntN(40) == 0 {
			keep = 1 + random.Int32N(12)
		}
		var list []*storage.Item
		for _, n := range random.Perm(5)[:random.IntN(5)] {
			list = append(list, storagetest.Policy(t, string(rune('a'+n)), random.IntN(2)))
		}
		c := change(parent, list...)
		c.Settings = &clientpolicyv1.RealmSettings{HistoryRetention: &clientpolicyv1.HistoryRetention{MaxRevisions: proto.Int32(keep)}}
		m, err := s.Commit(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if parent = m.Revision; parent%50 == 0 {
			checkLeftovers(t, s)
		}
	}
}

// checkLeftovers compares what the file holds with what the store shows.
func checkLeftovers(t *testing.T, s *bolt.Store) {
	t.Helper()
	history, err := s.History(t.Context(), "master", 0, storage.MaxHistory)
	if err != nil {
		t.Fatal(err)
	}
	kept, settings := map[storage.Hash]bool{}, map[string]bool{}
	for _, m := range history {
		state, err := s.Load(t.Context(), "master", m.Revision)
		if err != nil {
			t.Fatal(err)
		}
		settings[state.Settings.String()] = true
		for _, i := range state.Policies {
			kept[i.Hash()] = true
		}
	}
	err = s.DB().View(func(tx *bbolt.Tx) error {
		items := tx.Bucket([]byte("items")).Bucket([]byte("master")).Stats().KeyN
		if items != len(kept)+len(settings) {
			t.Errorf("at revision %d, %d items are stored, %d and %d settings are in use", history[0].Revision, items, len(kept), len(settings))
		}
		revisions := tx.Bucket([]byte("revisions")).Bucket([]byte("master")).Stats().KeyN
		if revisions < len(history) || revisions >= len(history)+64 {
			t.Errorf("at revision %d, %d revisions are stored, %d are kept", history[0].Revision, revisions, len(history))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLoadDuringCommit lets the first Load of a realm meet a commit. What Load
// has read must not take the place of what was committed meanwhile.
func TestLoadDuringCommit(t *testing.T) {
	dir := t.TempDir()
	list := storagetest.Policies(t, 200)
	for parent := range int64(100) {
		s, err := bolt.Open(dir, bolt.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		if parent > 0 {
			group.Go(func() {
				if _, err := s.Load(t.Context(), "master", 0); err != nil {
					t.Error(err)
				}
			})
		}
		commit(t, s, parent, list[parent:]...)
		group.Wait()
		state, err := s.Load(t.Context(), "master", 0)
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		if state.Meta.Revision != parent+1 {
			t.Fatalf("revision %d is loaded after the commit of %d", state.Meta.Revision, parent+1)
		}
	}
}
