package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

// Sample fills the store with realms that have a past, for tests that damage
// its files: changed, moved and removed items, pruned revisions, a deletion.
func Sample(t *testing.T, s storage.Store) {
	t.Helper()
	f := &fixture{Store: s, t: t, now: Epoch}
	keep := retention(&clientpolicyv1.HistoryRetention{MaxRevisions: proto.Int32(20)})
	list := Policies(t, 12)
	for n := range 30 {
		list[n%12] = Policy(t, list[n%12].Name(), n)
		f.commit(f.change("master", int64(n), storage.Content{Settings: keep, Policies: list[n%2:]}))
	}
	f.commit(f.change("small", 0, storage.Content{Profiles: []*storage.Item{Profile(t, "p", 1)}}))
	f.commit(f.change("gone", 0, storage.Content{Policies: list}))
	remove := f.change("gone", 1, storage.Content{})
	remove.Delete = true
	f.commit(remove)
}

// Print writes everything that a store holds down, or says what is corrupt. Any
// other error, and content that contradicts itself, is the test's failure.
func Print(ctx context.Context, s storage.Store) (string, error) {
	var b bytes.Buffer
	realms, err := s.Realms(ctx)
	if err != nil {
		return "", err
	}
	for _, r := range realms {
		fmt.Fprintf(&b, "realm %q %s %v\n", r.Name, describeMeta(r.Meta), r.Settings.GetProtectedClients())
		history, err := s.History(ctx, r.Name, 0, storage.MaxHistory)
		if err != nil {
			return "", err
		}
		for _, m := range history {
			state, err := s.Load(ctx, r.Name, m.Revision)
			if err != nil {
				return "", err
			}
			if err := checkState(state); err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "%s\n%s", describeMeta(m), describe(state))
		}
	}
	return b.String(), nil
}

// testDamage flips bytes in the files of a closed store. Whatever is read then
// is right, or an error.
func testDamage(t *testing.T, d Driver) {
	f := open(t, d)
	Sample(t, f.Store)
	want, err := Print(t.Context(), f.Store)
	if err != nil {
		t.Fatal(err)
	}
	f.stop()
	t.Cleanup(f.start)
	for _, c := range []struct{ flips, seeds int }{{1, 600}, {40, 400}} {
		t.Run(fmt.Sprint(c.flips), func(t *testing.T) { sweep(t, d, f.dir, want, c.flips, c.seeds) })
	}
}

func sweep(t *testing.T, d Driver, from, want string, flips, seeds int) {
	if testing.Short() {
		seeds /= 10
	}
	dir := t.TempDir()
	sound, found := 0, 0
	for seed := range seeds {
		copyDamaged(t, from, dir, rand.New(rand.NewPCG(uint64(seed), uint64(flips))), flips)
		got, err := readAll(t.Context(), d, dir)
		switch {
		case err == nil && got != want:
			t.Fatalf("seed %d: damage went unnoticed", seed)
		case err == nil:
			sound++
		case errors.Is(err, storage.ErrCorrupt):
			found++
		default:
			t.Fatalf("seed %d: %v, want ErrCorrupt", seed, err)
		}
	}
	t.Logf("%d flips: %d times found, %d times without effect", flips, found, sound)
	if found == 0 || flips == 1 && sound == 0 {
		t.Errorf("%d found, %d without effect: the test tests nothing", found, sound)
	}
}

func readAll(ctx context.Context, d Driver, dir string) (got string, err error) {
	s, err := d.Open(dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return Print(ctx, s)
}

// copyDamaged copies the files of a store, and flips bytes in each.
func copyDamaged(t *testing.T, from, to string, random *rand.Rand, flips int) {
	t.Helper()
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(filepath.Join(from, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for range flips {
			b[random.IntN(len(b))] ^= byte(1 + random.IntN(255))
		}
		if err := os.WriteFile(filepath.Join(to, file.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
