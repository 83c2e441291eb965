package bolt_test

import (
	"testing"

	"github.com/sidegate/sidegate/storage/bolt"
	"github.com/sidegate/sidegate/storage/storagetest"
)

// BenchmarkCommit changes one policy of 5,000, with fsync.
func BenchmarkCommit(b *testing.B) { benchmarkCommit(b, bolt.Options{}) }

// BenchmarkCommitNoSync is the same without fsync: what the store itself takes.
func BenchmarkCommitNoSync(b *testing.B) { benchmarkCommit(b, bolt.Options{NoSync: true}) }

func benchmarkCommit(b *testing.B, o bolt.Options) {
	s := open(b, b.TempDir(), o)
	list := storagetest.Policies(b, 5000)
	commit(b, s, 0, list...)
	parent := int64(1)
	for b.Loop() {
		i := int(parent*7919) % len(list)
		list[i] = storagetest.Policy(b, list[i].Name(), int(parent)+1)
		commit(b, s, parent, list...)
		parent++
	}
}

// BenchmarkOpenAndLoad opens a file with 5,000 policies and 200 revisions and
// loads the current one.
func BenchmarkOpenAndLoad(b *testing.B) {
	dir := b.TempDir()
	s := open(b, dir, bolt.Options{NoSync: true})
	list := storagetest.Policies(b, 5000)
	for n := range int64(200) {
		list[n] = storagetest.Policy(b, list[n].Name(), 2)
		commit(b, s, n, list...)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := bolt.Open(dir, bolt.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Load(b.Context(), "master", 0); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad loads 5,000 policies: the current revision from memory, an old
// one from the file.
func BenchmarkLoad(b *testing.B) {
	s := open(b, b.TempDir(), bolt.Options{NoSync: true})
	list := storagetest.Policies(b, 5000)
	for n := range int64(60) {
		list[n] = storagetest.Policy(b, list[n].Name(), 2)
		commit(b, s, n, list...)
	}
	for name, revision := range map[string]int64{"current": 0, "old": 50} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Load(b.Context(), "master", revision); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
