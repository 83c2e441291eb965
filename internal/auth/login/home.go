package login

import (
	"sync"
	"time"
)

const (
	// homeLife is how long a place is remembered from where somebody logged in.
	homeLife = 30 * 24 * time.Hour
	// maxHomes bounds the places.
	maxHomes = 1024
)

// home is a place from where a user has logged in.
type home struct{ user, source string }

// homes remember from where users have logged in.
type homes struct {
	now  func() time.Time
	mu   sync.Mutex
	seen map[home]time.Time
}

func newHomes(now func() time.Time) *homes {
	return &homes{now: now, seen: map[home]time.Time{}}
}

func (h *homes) has(at home) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen, ok := h.seen[at]
	return ok && h.now().Sub(seen) < homeLife
}

// add remembers a place, and forgets the one that was not seen for the longest.
func (h *homes) add(at home) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen[at] = h.now()
	if len(h.seen) <= maxHomes {
		return
	}
	oldest := at
	for other, seen := range h.seen {
		if seen.Before(h.seen[oldest]) {
			oldest = other
		}
	}
	delete(h.seen, oldest)
}
