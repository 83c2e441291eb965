package storagetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

// revisions are the numbers of a history.
func (f *fixture) revisions(realm string, before int64, limit int) []int64 {
	f.t.Helper()
	list, err := f.History(f.t.Context(), realm, before, limit)
	if err != nil {
		f.t.Fatalf("history of %q: %v", realm, err)
	}
	var got []int64
	for _, m := range list {
		got = append(got, m.Revision)
	}
	return got
}

func testHistory(t *testing.T, d Driver) {
	f := open(t, d)
	var want []storage.Meta
	for n := range 5 {
		c := f.change("r", int64(n), storage.Content{Policies: Policies(t, n)})
		c.Author, c.Comment, c.Surface = fmt.Sprint("author ", n), fmt.Sprint("comment ", n), "cli"
		want = append([]storage.Meta{f.commit(c)}, want...)
	}
	f.reopen()
	got, err := f.History(t.Context(), "r", 0, storage.MaxHistory)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		before int64
		limit  int
		want   []int64
	}{
		{0, 2, []int64{5, 4}}, {4, 2, []int64{3, 2}}, {2, 2, []int64{1}}, {1, 2, nil}, {99, 1, []int64{5}},
	} {
		if diff := cmp.Diff(c.want, f.revisions("r", c.before, c.limit)); diff != "" {
			t.Errorf("history before %d, limit %d (-want +got):\n%s", c.before, c.limit, diff)
		}
	}
	for _, limit := range []int{-1, 0, storage.MaxHistory + 1} {
		if _, err := f.History(t.Context(), "r", 0, limit); !errors.Is(err, storage.ErrInvalid) {
			t.Errorf("limit %d = %v, want ErrInvalid", limit, err)
		}
	}
	if _, err := f.History(t.Context(), "r", -1, 1); !errors.Is(err, storage.ErrInvalid) {
		t.Errorf("before -1 = %v, want ErrInvalid", err)
	}
	if _, err := f.History(t.Context(), "s", 0, 1); !errors.Is(err, storage.ErrRealmNotFound) {
		t.Errorf("unknown realm = %v, want ErrRealmNotFound", err)
	}
}

func testMaxRevisions(t *testing.T, d Driver) {
	f := open(t, d)
	keep := func(n int32) *clientpolicyv1.RealmSettings {
		return retention(&clientpolicyv1.HistoryRetention{MaxRevisions: proto.Int32(n)})
	}
	states := map[int64]string{}
	commit := func(parent int64, keep *clientpolicyv1.RealmSettings) {
		f.commit(f.change("r", parent, storage.Content{
			Settings: keep, Policies: []*storage.Item{Policy(t, "a", int(parent%3)), Policy(t, "b", int(parent))},
		}))
		states[parent+1] = describe(f.load("r", 0))
	}
	for n := range int64(10) {
		commit(n, keep(4))
	}
	f.expectKept("r", 7, 10, states)
	// A greater bound brings nothing back, and applies from then on.
	for n := range int64(3) {
		commit(10+n, keep(6))
	}
	f.expectKept("r", 8, 13, states)
	commit(13, keep(1))
	f.expectKept("r", 14, 14, states)
	// 0 means the default.
	for n := range int64(30) {
		commit(14+n, keep(0))
	}
	f.expectKept("r", 14, 44, states)
}

// expectKept checks that exactly the revisions from oldest to current are there,
// and that they are what they were.
func (f *fixture) expectKept(realm string, oldest, current int64, states map[int64]string) {
	f.t.Helper()
	f.reopen()
	var want []int64
	for n := current; n >= oldest; n-- {
		want = append(want, n)
		if got := describe(f.load(realm, n)); got != states[n] {
			f.t.Errorf("revision %d:\n%s\nwant\n%s", n, got, states[n])
		}
	}
	if diff := cmp.Diff(want, f.revisions(realm, 0, storage.MaxHistory)); diff != "" {
		f.t.Errorf("revisions kept (-want +got):\n%s", diff)
	}
	for _, n := range []int64{1, oldest - 1, current + 1} {
		if n >= oldest && n <= current || n == 0 {
			continue
		}
		if _, err := f.Load(f.t.Context(), realm, n); !errors.Is(err, storage.ErrRevisionNotFound) {
			f.t.Errorf("load %d = %v, want ErrRevisionNotFound", n, err)
		}
	}
}

func testMaxAge(t *testing.T, d Driver) {
	f := open(t, d)
	states := map[int64]string{}
	hour := retention(&clientpolicyv1.HistoryRetention{MaxAge: durationpb.New(time.Hour)})
	for n, at := range []time.Duration{0, 10 * time.Minute, 50 * time.Minute, 60 * time.Minute, 70*time.Minute + 1, 9 * time.Hour} {
		c := f.change("r", int64(n), storage.Content{Settings: hour, Policies: Policies(t, n)})
		c.Time = Epoch.Add(at)
		f.commit(c)
		states[int64(n+1)] = describe(f.load("r", 0))
		// A revision exactly as old as the bound is kept.
		f.expectKept("r", []int64{1, 1, 1, 1, 3, 6}[n], int64(n+1), states)
	}
}

// testLongHistory makes more revisions than lie between two that are written
// whole, and prunes them bit by bit.
func testLongHistory(t *testing.T, d Driver) {
	f := open(t, d)
	const revisions, keep = 230, 100
	settings := retention(&clientpolicyv1.HistoryRetention{MaxRevisions: proto.Int32(keep)})
	list := Policies(t, 20)
	states := map[int64]string{}
	for n := range revisions {
		// Change one, and now and then move it, bring an old one back, or remove it.
		list[n%20] = Policy(t, list[n%20].Name(), n%7)
		list[n%20], list[(n*3)%20] = list[(n*3)%20], list[n%20]
		f.commit(f.change("r", int64(n), storage.Content{Settings: settings, Policies: list[:20-n%3]}))
		states[int64(n+1)] = describe(f.load("r", 0))
		if n%40 == 39 {
			f.expectKept("r", max(1, int64(n+2-keep)), int64(n+1), states)
		}
	}
	f.expectKept("r", revisions-keep+1, revisions, states)
}
