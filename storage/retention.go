package storage

import (
	"time"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// DefaultMaxRevisions is the number of revisions kept when a realm says nothing.
const DefaultMaxRevisions = 1000

// Oldest returns the oldest revision that a realm keeps once next is stored,
// given the oldest kept so far. Both bounds of the retention hold at once;
// revisions go from the oldest on without gaps, and the current one always
// stays. TimeOf tells when a revision was made.
func Oldest(next *Snapshot, oldest int64, timeOf func(revision int64) (time.Time, error)) (int64, error) {
	keep := next.settings.GetHistoryRetention()
	oldest = max(oldest, next.meta.Revision-maxRevisions(keep)+1)
	if keep.GetMaxAge() == nil {
		return oldest, nil
	}
	limit := next.meta.Time.Add(-keep.GetMaxAge().AsDuration())
	for ; oldest < next.meta.Revision; oldest++ {
		made, err := timeOf(oldest)
		if err != nil {
			return 0, err
		}
		if !made.Before(limit) {
			break
		}
	}
	return oldest, nil
}

func maxRevisions(keep *clientpolicyv1.HistoryRetention) int64 {
	if n := keep.GetMaxRevisions(); n > 0 {
		return int64(n)
	}
	return DefaultMaxRevisions
}
