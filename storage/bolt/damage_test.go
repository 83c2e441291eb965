package bolt_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/bolt"
	"github.com/sidegate/sidegate/storage/storagetest"
)

const pageSize = 4096

// sealed is a record with a right checksum.
func sealed(name string, payload []byte) []byte {
	sum := sha256.Sum256(append(append([]byte{byte(len(name))}, name...), payload...))
	return append(payload, sum[:]...)
}

// versions commits n times and returns the file and the content after each.
func versions(t *testing.T, n int) (files [][]byte, contents []string) {
	t.Helper()
	dir := t.TempDir()
	list := storagetest.Policies(t, 40)
	for i := range n {
		s := open(t, dir, bolt.Options{NoSync: true})
		list[i] = storagetest.Policy(t, list[i].Name(), 2)
		commit(t, s, int64(i), list...)
		content, err := storagetest.Print(t.Context(), s)
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(filepath.Join(dir, bolt.File))
		if err != nil {
			t.Fatal(err)
		}
		files, contents = append(files, file), append(contents, content)
	}
	return files, contents
}

// read reads everything from a file with this content.
func read(t *testing.T, dir string, file []byte, o bolt.Options) (content string, err error) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, bolt.File), file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := bolt.Open(dir, o)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return storagetest.Print(t.Context(), s)
}

// TestEveryByte flips every byte that means something, one at a time.
func TestEveryByte(t *testing.T) {
	if testing.Short() {
		t.Skip("opens some ten thousand files")
	}
	dir := t.TempDir()
	s := open(t, dir, bolt.Options{NoSync: true})
	commit(t, s, 0, storagetest.Policies(t, 1)...)
	commit(t, s, 1, storagetest.Policies(t, 2)...)
	want, err := storagetest.Print(t.Context(), s)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, bolt.File))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for i := range file {
		if file[i] == 0 && i%pageSize > 96 {
			continue
		}
		for _, flip := range []byte{0x01, 0xff} {
			file[i] ^= flip
			got, err := read(t, dir, file, bolt.Options{NoSync: true})
			file[i] ^= flip
			if err == nil && got != want || err != nil && !errors.Is(err, storage.ErrCorrupt) {
				t.Fatalf("byte %d of page %d, flipped by %#x: %v, content as written: %v", i%pageSize, i/pageSize, flip, err, got == want)
			}
			if err != nil {
				found++
			}
		}
	}
	if found < 2000 {
		t.Errorf("only %d flips were found", found)
	}
}

// TestLostWrites puts pages of earlier commits, each sound in itself, back into
// the file, as a disk does that loses writes it has acknowledged: each page
// alone, and half of them at random.
func TestLostWrites(t *testing.T) {
	files, contents := versions(t, 12)
	last, want := files[11], contents[11]
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(3, 4))
	found := 0
	for n, old := range files[:11] {
		changed := changedPages(old, last)
		lost := [][]int{changed}
		for _, page := range changed {
			half := slices.DeleteFunc(slices.Clone(changed), func(int) bool { return random.IntN(2) == 0 })
			lost = append(lost, []int{page}, half)
		}
		for _, pages := range lost {
			file := bytes.Clone(last)
			for _, page := range pages {
				copy(file[page*pageSize:(page+1)*pageSize], old[page*pageSize:])
			}
			got, err := read(t, dir, file, bolt.Options{NoSync: true})
			if err == nil && got != want || err != nil && !errors.Is(err, storage.ErrCorrupt) {
				t.Fatalf("pages %v of version %d: %v, content as written: %v", pages, n, err, got == want)
			}
			if err != nil {
				found++
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d lost writes were found", found)
	}
}

// changedPages lists the pages that differ, the meta pages left out: losing
// those is losing the commit, which makes a sound file of an earlier day.
func changedPages(old, last []byte) (pages []int) {
	for page := 2; page < min(len(old), len(last))/pageSize; page++ {
		at := page * pageSize
		if !bytes.Equal(old[at:at+pageSize], last[at:at+pageSize]) {
			pages = append(pages, page)
		}
	}
	return pages
}

// TestMetaPages damages a meta page. bbolt would go back to the other one, and
// to the commit before, without a word.
func TestMetaPages(t *testing.T) {
	files, contents := versions(t, 5)
	lost := 0
	for page := range 2 {
		dir := t.TempDir()
		file := bytes.Clone(files[4])
		file[page*pageSize+16+48] ^= 1
		if _, err := read(t, dir, file, bolt.Options{}); !errors.Is(err, storage.ErrCorrupt) {
			t.Fatalf("meta page %d: %v, want ErrCorrupt", page, err)
		}
		got, err := read(t, dir, file, bolt.Options{AcceptPreviousCommit: true})
		switch {
		case err != nil:
			t.Errorf("meta page %d, accepted: %v", page, err)
		case got == contents[3]:
			lost++
		case got != contents[4]:
			t.Errorf("meta page %d, accepted: neither the last content nor the one before", page)
		}
		s, err := bolt.Open(dir, bolt.Options{})
		if err != nil {
			t.Fatalf("meta page %d, opened again: %v", page, err)
		}
		if again, err := storagetest.Print(t.Context(), s); err != nil || again != got {
			t.Errorf("meta page %d, opened again: %v, same content: %v", page, err, again == got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if lost != 1 {
		t.Errorf("%d of the two meta pages stood for the last commit, want 1", lost)
	}
}

// TestDamagedItem changes a letter in a stored document. The realm can be listed
// and is not loaded; the error names realm and item; other realms are served.
func TestDamagedItem(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, bolt.Options{NoSync: true})
	item := storagetest.Policy(t, "needle", 1)
	commit(t, s, 0, item)
	other := change(0, storagetest.Policies(t, 1)...)
	other.Realm = "other"
	if _, err := s.Commit(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, bolt.File)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(file, []byte("admin-needle"), []byte("admin-noodle")), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, bolt.Options{NoSync: true})
	_, err = s.Load(t.Context(), "master", 0)
	if !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), item.Hash().String()) || !strings.Contains(err.Error(), `"master"`) {
		t.Errorf("load = %v, want ErrCorrupt naming the realm and item %s", err, item.Hash())
	}
	if _, err := s.Commit(t.Context(), change(1)); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("commit = %v, want ErrCorrupt", err)
	}
	if _, err := s.Load(t.Context(), "other", 0); err != nil {
		t.Errorf("load of the other realm = %v", err)
	}
}
