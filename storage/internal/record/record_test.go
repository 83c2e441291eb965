package record_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/internal/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	genHash = rapid.Custom(func(t *rapid.T) storage.Hash {
		return storage.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
	})
	genTime = rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "sec"), rapid.Int64Range(0, 999_999_999).Draw(t, "nsec")).UTC()
	})
	genMeta = rapid.Custom(func(t *rapid.T) storage.Meta {
		n := rapid.Int64Range(1, 1<<62).Draw(t, "revision")
		return storage.Meta{
			Revision: n, Parent: n - 1, Time: genTime.Draw(t, "time"), Author: rapid.String().Draw(t, "author"),
			Surface: rapid.String().Draw(t, "surface"), Comment: rapid.String().Draw(t, "comment"),
		}
	})
	genEntry = rapid.Custom(func(t *rapid.T) record.Entry {
		return record.Entry{Hash: genHash.Draw(t, "item"), Stamp: record.Stamp{
			Time: genTime.Draw(t, "time"), Author: rapid.SampledFrom([]string{"", "alice", "bob"}).Draw(t, "author"),
		}}
	})
	genRun = rapid.Custom(func(t *rapid.T) record.Run {
		if rapid.Bool().Draw(t, "copy") {
			return record.Run{Start: rapid.IntRange(0, 9999).Draw(t, "start"), Count: rapid.IntRange(1, 9999).Draw(t, "count")}
		}
		return record.Run{Inserted: rapid.SliceOfN(genEntry, 1, 5).Draw(t, "inserted")}
	})
)

// TestRevisionRoundTrip decodes what was encoded, and refuses it under any other
// name and with any byte changed.
func TestRevisionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := &record.Revision{
			Meta: genMeta.Draw(t, "meta"), Removed: rapid.SliceOfN(genHash, 0, 3).Draw(t, "removed"),
			Runs: rapid.SliceOfN(genRun, 0, 5).Draw(t, "runs"),
		}
		want.Base = max(1, want.Meta.Revision-rapid.Int64Range(0, record.MaxChain).Draw(t, "chain"))
		if len(want.Removed) == 0 {
			want.Removed = nil
		}
		if len(want.Runs) == 0 {
			want.Runs = nil
		}
		b := want.Encode("r")
		got, err := record.DecodeRevision("r", want.Meta.Revision, b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("revision (-want +got):\n%s", diff)
		}
		for _, other := range []error{
			second(record.DecodeRevision("s", want.Meta.Revision, b)),
			second(record.DecodeRevision("r", want.Meta.Revision+1, b)),
			second(record.DecodeHead("r", b)),
			second(record.DecodeRoot(1, b)),
			record.CheckFormat(b),
		} {
			if !errors.Is(other, storage.ErrCorrupt) {
				t.Fatalf("under another name: %v, want ErrCorrupt", other)
			}
		}
		damage(t, b, func(b []byte) error { return second(record.DecodeRevision("r", want.Meta.Revision, b)) })
	})
}

func second[T any](_ T, err error) error { return err }

// damage flips a bit, cuts and extends a record.
func damage(t *rapid.T, b []byte, decode func([]byte) error) {
	flipped := bytes.Clone(b)
	flipped[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	for _, b := range [][]byte{flipped, b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")], append(bytes.Clone(b), 0), {}, nil} {
		if err := decode(b); !errors.Is(err, storage.ErrCorrupt) {
			t.Fatalf("damaged: %v, want ErrCorrupt", err)
		}
	}
}

func TestHeadRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := &record.Head{Meta: genMeta.Draw(t, "meta"), Deleted: rapid.Bool().Draw(t, "deleted")}
		if !want.Deleted {
			want.Base = rapid.Int64Range(1, want.Meta.Revision).Draw(t, "base")
			want.First = rapid.Int64Range(1, want.Base).Draw(t, "first")
			want.Oldest = rapid.Int64Range(want.First, want.Meta.Revision).Draw(t, "oldest")
			want.Settings = genHash.Draw(t, "settings")
		}
		b := want.Encode("r")
		got, err := record.DecodeHead("r", b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("head (-want +got):\n%s", diff)
		}
		if _, err := record.DecodeHead("R", b); !errors.Is(err, storage.ErrCorrupt) {
			t.Fatalf("of another realm: %v, want ErrCorrupt", err)
		}
		damage(t, b, func(b []byte) error { return second(record.DecodeHead("r", b)) })
	})
}

// TestContradictions refuses records that are sealed and make no sense.
func TestContradictions(t *testing.T) {
	meta := storage.Meta{Revision: 70, Parent: 69, Time: time.Unix(0, 0), Author: "a", Surface: "s"}
	for name, err := range map[string]error{
		"base after revision": second(record.DecodeRevision("r", 70, (&record.Revision{Meta: meta, Base: 71}).Encode("r"))),
		"base too far":        second(record.DecodeRevision("r", 70, (&record.Revision{Meta: meta, Base: 5}).Encode("r"))),
		"no base":             second(record.DecodeRevision("r", 70, (&record.Revision{Meta: meta}).Encode("r"))),
		"oldest after head":   second(record.DecodeHead("r", (&record.Head{Meta: meta, First: 1, Oldest: 71, Base: 70}).Encode("r"))),
		"first after oldest":  second(record.DecodeHead("r", (&record.Head{Meta: meta, First: 9, Oldest: 8, Base: 70}).Encode("r"))),
		"first after base":    second(record.DecodeHead("r", (&record.Head{Meta: meta, First: 9, Oldest: 10, Base: 8}).Encode("r"))),
		"no revision":         second(record.DecodeHead("r", (&record.Head{Deleted: true}).Encode("r"))),
	} {
		if !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
	parent := make([]record.Entry, 3)
	for name, run := range map[string]record.Run{
		"start outside": {Start: 4, Count: 1}, "end outside": {Start: 1, Count: 3},
	} {
		if _, err := (&record.Revision{Meta: meta, Base: 69, Runs: []record.Run{run}}).Apply("r", parent, nil); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
		// A revision written whole copies from nothing, whatever its parent is.
		run.Start, run.Count = 0, 1
		if _, err := (&record.Revision{Meta: meta, Base: 70, Runs: []record.Run{run}}).Apply("r", parent, nil); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("%s, written whole: %v, want ErrCorrupt", name, err)
		}
	}
}

func TestRoot(t *testing.T) {
	var heads record.Digest
	heads.Toggle([]byte("a"))
	one := heads
	heads.Toggle([]byte("b"))
	if heads == one {
		t.Error("a head more makes no difference")
	}
	b := record.Root{Transaction: 7, Heads: heads}.Encode()
	got, err := record.DecodeRoot(7, b)
	if err != nil || got.Heads != heads {
		t.Errorf("root = %v, %v, want %v", got, err, heads)
	}
	for _, n := range []int64{6, 8} {
		if _, err := record.DecodeRoot(n, b); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("in transaction %d: %v, want ErrCorrupt", n, err)
		}
	}
	heads.Toggle([]byte("b"))
	if heads != one {
		t.Error("taking a head out does not undo putting it in")
	}
	if err := record.CheckFormat(record.EncodeFormat()); err != nil {
		t.Error(err)
	}
}

func TestItem(t *testing.T) {
	made, err := storage.NewPolicy(&clientpolicyv1.Policy{Name: "p", Profiles: []string{"q"}})
	if err != nil {
		t.Fatal(err)
	}
	e := record.Entry{Hash: made.Hash(), Stamp: record.Stamp{Time: time.Unix(5, 6).UTC(), Author: "alice"}}
	b := record.EncodeItem(made, 300)
	got, err := record.DecodeItem("r", e, b)
	if err != nil || got.Hash() != made.Hash() || got.Author() != "alice" || !got.UpdateTime().Equal(e.Stamp.Time) {
		t.Fatalf("item = %+v, %v", got, err)
	}
	if added, err := record.Added("r", e.Hash, b); err != nil || added != 300 {
		t.Errorf("added = %d, %v, want 300", added, err)
	}
	// The document starts behind checksum, revision and kind.
	const document = 4 + 2 + 1
	for i := range b {
		b[i] ^= 0x10
		if _, err := record.DecodeItem("r", e, b); !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), e.Hash.String()) {
			t.Errorf("byte %d changed: %v, want ErrCorrupt naming the item", i, err)
		}
		if _, err := record.Added("r", e.Hash, b); i < document != errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("byte %d changed: added gives %v", i, err)
		}
		b[i] ^= 0x10
	}
	for n := range len(b) {
		if _, err := record.DecodeItem("r", e, b[:n]); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("cut to %d bytes: %v, want ErrCorrupt", n, err)
		}
	}
	if _, err := record.DecodeItem("r", e, nil); !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), "missing") {
		t.Errorf("no record: %v, want ErrCorrupt saying that it is missing", err)
	}
}

// TestDiff makes revisions of random lists and makes the lists up from them.
func TestDiff(t *testing.T) {
	items := make([]*storage.Item, 12)
	for n := range items {
		i, err := storage.NewPolicy(&clientpolicyv1.Policy{Name: fmt.Sprint(n)})
		if err != nil {
			t.Fatal(err)
		}
		items[n] = i
	}
	rapid.Check(t, func(t *rapid.T) {
		var parent *storage.Snapshot
		var list []record.Entry
		base := int64(0)
		for n := range int64(rapid.IntRange(1, 150).Draw(t, "revisions")) {
			var policies []*storage.Item
			for _, i := range rapid.Permutation(items).Draw(t, "order")[:rapid.IntRange(0, len(items)).Draw(t, "count")] {
				policies = append(policies, i)
			}
			next, err := storage.Prepare(parent, n, change(n, policies))
			if err != nil {
				t.Fatal(err)
			}
			if next == parent {
				t.Skip("nothing changes")
			}
			rev, added := record.Diff(parent, next, base)
			if list, err = rev.Apply("r", list, nil); err != nil {
				t.Fatal(err)
			}
			checkDiff(t, parent, next, rev, added, list)
			if rev.Base != base && rev.Base != n+1 || n+1-rev.Base >= record.MaxChain {
				t.Fatalf("revision %d has base %d, its parent %d", n+1, rev.Base, base)
			}
			parent, base = next, rev.Base
		}
	})
}

func change(parent int64, policies []*storage.Item) storage.Change {
	return storage.Change{
		Realm: "r", Parent: parent, Author: fmt.Sprint("author ", parent), Surface: "rest",
		Time: time.Unix(1000+parent, 0), Content: storage.Content{Policies: policies},
	}
}

func checkDiff(t *rapid.T, parent, next *storage.Snapshot, rev *record.Revision, added []*storage.Item, list []record.Entry) {
	var want []record.Entry
	gone, fresh := map[storage.Hash]bool{}, map[storage.Hash]bool{}
	if parent != nil {
		for _, i := range parent.Items() {
			gone[i.Hash()] = true
		}
	}
	for _, i := range next.Items() {
		want = append(want, record.Entry{Hash: i.Hash(), Stamp: record.Stamp{Time: i.UpdateTime(), Author: i.Author()}})
		fresh[i.Hash()] = !gone[i.Hash()]
		delete(gone, i.Hash())
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Fatalf("list of revision %d (-want +got):\n%s", rev.Meta.Revision, diff)
	}
	for _, i := range added {
		if !fresh[i.Hash()] {
			t.Fatalf("revision %d adds %q, which its parent has", rev.Meta.Revision, i.Name())
		}
		delete(fresh, i.Hash())
	}
	for hash, missing := range fresh {
		if missing {
			t.Fatalf("revision %d does not add %s", rev.Meta.Revision, hash)
		}
	}
	for _, hash := range rev.Removed {
		if !gone[hash] {
			t.Fatalf("revision %d removes %s, which it has or its parent has not", rev.Meta.Revision, hash)
		}
		delete(gone, hash)
	}
	if len(gone) > 0 {
		t.Fatalf("revision %d does not remove %v", rev.Meta.Revision, gone)
	}
}
