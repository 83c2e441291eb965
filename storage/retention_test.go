package storage_test

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// snapshot is a revision made that many hours after the start.
func snapshot(t *testing.T, revision int64, hours int, keep *clientpolicyv1.HistoryRetention) *storage.Snapshot {
	t.Helper()
	s, err := storage.Prepare(nil, revision-1, storage.Change{
		Realm: "r", Author: "alice", Surface: "rest", Time: start.Add(time.Duration(hours) * time.Hour),
		Content: storage.Content{Settings: &clientpolicyv1.RealmSettings{HistoryRetention: keep}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestOldest computes what is kept of revisions made hourly, number n at hour n.
func TestOldest(t *testing.T) {
	hours := func(n int) *durationpb.Duration { return durationpb.New(time.Duration(n) * time.Hour) }
	for _, c := range []struct {
		name                 string
		keep                 *clientpolicyv1.HistoryRetention
		revision, kept, want int64
	}{
		{"nothing said", nil, 500, 1, 1},
		{"default full", nil, 1000, 1, 1},
		{"default over", nil, 1001, 1, 2},
		{"zero is the default", &clientpolicyv1.HistoryRetention{MaxRevisions: proto.Int32(0)}, 1001, 1, 2},
		{"number", &clientpolicyv1.HistoryRetention{MaxRevisions: proto.Int32(10)}, 500, 490, 491},
		{"only the current", &clientpolicyv1.HistoryRetention{MaxRevisions: proto.Int32(1)}, 500, 490, 500},
		{"nothing comes back", &clientpolicyv1.HistoryRetention{MaxRevisions: proto.Int32(100)}, 500, 490, 490},
		{"largest number", &clientpolicyv1.HistoryRetention{MaxRevisions: proto.Int32(1<<31 - 1)}, 500, 3, 3},
		{"age", &clientpolicyv1.HistoryRetention{MaxAge: hours(5)}, 500, 400, 495},
		{"age of less than a revision", &clientpolicyv1.HistoryRetention{MaxAge: durationpb.New(1)}, 500, 400, 500},
		{"greatest age", &clientpolicyv1.HistoryRetention{MaxAge: durationpb.New(1<<63 - 1)}, 500, 400, 400},
		{"both, age is narrower", &clientpolicyv1.HistoryRetention{MaxRevisions: proto.Int32(10), MaxAge: hours(5)}, 500, 400, 495},
		{"both, number is narrower", &clientpolicyv1.HistoryRetention{MaxRevisions: proto.Int32(3), MaxAge: hours(5)}, 500, 400, 498},
	} {
		got, err := storage.Oldest(snapshot(t, c.revision, int(c.revision), c.keep), c.kept, func(n int64) (time.Time, error) {
			if n < c.kept || n >= c.revision {
				t.Errorf("%s: revision %d was asked for", c.name, n)
			}
			return start.Add(time.Duration(n) * time.Hour), nil
		})
		if err != nil || got != c.want {
			t.Errorf("%s: %d, %v, want %d", c.name, got, err, c.want)
		}
	}
	broken := errors.New("broken")
	keep := &clientpolicyv1.HistoryRetention{MaxAge: hours(1)}
	if _, err := storage.Oldest(snapshot(t, 9, 9, keep), 1, func(int64) (time.Time, error) { return time.Time{}, broken }); !errors.Is(err, broken) {
		t.Errorf("unreadable revision: %v, want its error", err)
	}
}
