package bolt_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/bolt"
	"github.com/sidegate/sidegate/storage/storagetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		commitUntilKilled(dir, bufio.NewWriter(os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

func TestStore(t *testing.T) {
	storagetest.Run(t, storagetest.Driver{
		Open:    func(dir string) (storage.Store, error) { return bolt.Open(dir, bolt.Options{NoSync: true}) },
		Durable: true,
		Damage:  true,
	})
}

// open opens a store that is closed when the test ends.
func open(t testing.TB, dir string, o bolt.Options) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// commit makes policies the content of the realm.
func commit(t testing.TB, s storage.Store, parent int64, policies ...*storage.Item) {
	t.Helper()
	if _, err := s.Commit(t.Context(), change(parent, policies...)); err != nil {
		t.Fatal(err)
	}
}

func change(parent int64, policies ...*storage.Item) storage.Change {
	return storage.Change{
		Realm: "master", Parent: parent, Author: "alice", Surface: "rest",
		Time:    storagetest.Epoch.Add(time.Duration(parent) * time.Second),
		Content: storage.Content{Policies: policies},
	}
}

func TestOpenMakesPrivateFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	open(t, dir, bolt.Options{})
	for path, want := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, filepath.Join(dir, bolt.File): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("mode of %s = %v, want %v", path, info.Mode(), want)
		}
	}
}

func TestOpenTwice(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, bolt.Options{})
	_, err := bolt.Open(dir, bolt.Options{Timeout: time.Millisecond})
	if !errors.Is(err, storage.ErrLocked) || !strings.Contains(err.Error(), filepath.Join(dir, bolt.File)) {
		t.Errorf("second open = %v, want ErrLocked naming the file", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	sound := filepath.Join(t.TempDir(), bolt.File)
	s := open(t, filepath.Dir(sound), bolt.Options{NoSync: true})
	storagetest.Sample(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"text":             []byte("not a database\n"),
		"zeros":            make([]byte, 1<<16),
		"cut to a byte":    whole[:1],
		"cut to one page":  whole[:4096],
		"cut to two pages": whole[:8192],
		"cut in half":      whole[:len(whole)/2],
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, bolt.File), content, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := bolt.Open(dir, bolt.Options{}); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("%s: %v, %v, want ErrCorrupt", name, s, err)
		}
		after, err := os.ReadFile(filepath.Join(dir, bolt.File))
		if err != nil || string(after) != string(content) {
			t.Errorf("%s: the refused file was changed (%v)", name, err)
		}
	}
	if s, err := bolt.Open(sound, bolt.Options{}); err == nil || errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("a file for a directory: %v, %v, want another error", s, err)
	}
}

// edit changes the file through bbolt, with a root record for the transaction.
func edit(t *testing.T, dir string, fn func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, bolt.File), 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return errors.Join(fn(tx), moveRoot(tx)) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// moveRoot makes the root record, where there is one, that of this transaction.
func moveRoot(tx *bbolt.Tx) error {
	b := tx.Bucket([]byte("store"))
	if b == nil {
		return nil
	}
	old := b.Get([]byte("root"))
	_, n := binary.Uvarint(old)
	heads := old[n : len(old)-sha256.Size]
	return b.Put([]byte("root"), sealed("root record", append(binary.AppendUvarint(nil, uint64(tx.ID())), heads...)))
}

// TestEditedFile opens files that are sound to bbolt. A new version is told from
// damage, and an emptied file does not pass for a new one.
func TestEditedFile(t *testing.T) {
	nothing := func(*bbolt.Tx) error { return nil }
	for name, c := range map[string]struct {
		edit func(*bbolt.Tx) error
		want error
	}{
		"as it was": {nothing, nil},
		"later": {func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("store")).Put([]byte("format"), sealed("format record", []byte{2}))
		}, storage.ErrFormat},
		"damaged": {func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("store")).Put([]byte("format"), []byte{2, 0, 0})
		}, storage.ErrCorrupt},
		"no format": {func(tx *bbolt.Tx) error { return tx.Bucket([]byte("store")).Delete([]byte("format")) }, storage.ErrCorrupt},
		"no store":  {func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("store")) }, storage.ErrCorrupt},
		"no heads":  {func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("heads")) }, storage.ErrCorrupt},
		"no items":  {func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("items")) }, storage.ErrCorrupt},
		"a head less": {func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("heads")).Delete([]byte("master"))
		}, storage.ErrCorrupt},
		"empty": {func(tx *bbolt.Tx) error {
			for _, b := range []string{"store", "heads", "items", "revisions"} {
				if err := tx.DeleteBucket([]byte(b)); err != nil {
					return err
				}
			}
			return nil
		}, storage.ErrCorrupt},
	} {
		dir := t.TempDir()
		s := open(t, dir, bolt.Options{NoSync: true})
		commit(t, s, 0, storagetest.Policies(t, 2)...)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		edit(t, dir, c.edit)
		s, err := bolt.Open(dir, bolt.Options{})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err != nil {
			continue
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestForeignWriter checks that a write by another program is noticed.
func TestForeignWriter(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, bolt.Options{NoSync: true})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(filepath.Join(dir, bolt.File), 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(*bbolt.Tx) error { return nil })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := bolt.Open(dir, bolt.Options{}); !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), "transaction") {
		t.Errorf("open = %v, want ErrCorrupt naming the transactions", err)
	}
}

// TestHotCopy opens a copy that bbolt made while the store was open.
func TestHotCopy(t *testing.T) {
	s := open(t, t.TempDir(), bolt.Options{NoSync: true})
	storagetest.Sample(t, s)
	want, err := storagetest.Print(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	err = s.DB().View(func(tx *bbolt.Tx) error {
		_, err := tx.WriteTo(&file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, t.TempDir(), file.Bytes(), bolt.Options{}); err != nil || got != want {
		t.Errorf("copy: %v, content as written: %v", err, got == want)
	}
}

// TestCommitFails lets a commit fail for want of room. The store goes on as if
// it had never been.
func TestCommitFails(t *testing.T) {
	s := open(t, t.TempDir(), bolt.Options{NoSync: true})
	commit(t, s, 0, storagetest.Policies(t, 2)...)
	want, err := storagetest.Print(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	s.DB().MaxSize = 1 << 16
	big := storagetest.Policies(t, 3000)
	if _, err := s.Commit(t.Context(), change(1, big...)); err == nil {
		t.Fatal("a commit beyond the greatest size succeeded")
	}
	if got, err := storagetest.Print(t.Context(), s); err != nil || got != want {
		t.Errorf("after a failed commit: %v\n%s\nwant\n%s", err, got, want)
	}
	s.DB().MaxSize = 0
	commit(t, s, 1, big...)
}

// TestCommitUnknown lets a transaction end in a way that leaves open whether it
// got through. No commit may build on that; reading goes on.
func TestCommitUnknown(t *testing.T) {
	dir := t.TempDir()
	s, err := bolt.Open(dir, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, 0, storagetest.Policies(t, 2)...)
	err = s.Update(func(tx *bbolt.Tx) error {
		tx.OnCommit(func() { panic("after the commit") })
		return nil
	})
	if !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("panic = %v, want ErrCorrupt", err)
	}
	if _, err := s.Commit(t.Context(), change(1)); err == nil || !strings.Contains(err.Error(), "outcome is unknown") {
		t.Errorf("next commit = %v, want a refusal", err)
	}
	if _, err := s.Load(t.Context(), "master", 0); err != nil {
		t.Errorf("load = %v", err)
	}
	if err := s.Close(); err == nil {
		t.Error("close said that all is well")
	}
	if err := s.DB().Close(); err != nil {
		t.Fatal(err)
	}
	commit(t, open(t, dir, bolt.Options{NoSync: true}), 1)
}
