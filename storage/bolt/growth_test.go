package bolt_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/bolt"
	"github.com/sidegate/sidegate/storage/storagetest"
)

// TestGrowth commits one changed item of 5,000 ten thousand times under the
// default retention. The file stays below 100 MB, and holds no item that no
// revision kept has.
func TestGrowth(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	const items, commits = 5000, 10_000
	dir := t.TempDir()
	s := open(t, dir, bolt.Options{NoSync: true})
	list := storagetest.Policies(t, items)
	commit(t, s, 0, list...)
	for n := int64(1); n <= commits; n++ {
		i := int(n*7919) % items
		list[i] = storagetest.Policy(t, list[i].Name(), int(n)+1)
		commit(t, s, n, list...)
	}
	info, err := os.Stat(filepath.Join(dir, bolt.File))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d commits to %d items: %.1f MB", commits, items, float64(info.Size())/1e6)
	if info.Size() > 100e6 {
		t.Errorf("the file has %d bytes, at most 100 MB are allowed", info.Size())
	}
	history, err := s.History(t.Context(), "master", 0, storage.MaxHistory)
	if err != nil || len(history) != storage.DefaultMaxRevisions {
		t.Errorf("%d revisions are kept, want %d (%v)", len(history), storage.DefaultMaxRevisions, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// The current items with the settings, and one more for each revision before.
	if got, want := countItems(t, dir), items+1+storage.DefaultMaxRevisions-1; got != want {
		t.Errorf("%d items are stored, want %d", got, want)
	}
	storedAsBefore(t, dir, list)
}

func countItems(t *testing.T, dir string) (n int) {
	t.Helper()
	edit(t, dir, func(tx *bbolt.Tx) error {
		n = tx.Bucket([]byte("items")).Bucket([]byte("master")).Stats().KeyN
		return nil
	})
	return n
}

func storedAsBefore(t *testing.T, dir string, list []*storage.Item) {
	t.Helper()
	state, err := open(t, dir, bolt.Options{}).Load(t.Context(), "master", 0)
	if err != nil {
		t.Fatal(err)
	}
	for n, i := range state.Policies {
		if i.Hash() != list[n].Hash() {
			t.Fatalf("policy %d is not what was written", n)
		}
	}
}
