package auth

import (
	"strconv"
	"sync"
	"time"
)

// Pace says how failures slow down further attempts.
type Pace struct {
	// Free is the number of failures that cost nothing.
	Free int
	// First is how long the first failure after those closes the door; every further
	// one doubles it.
	First time.Duration
	// Longest bounds that.
	Longest time.Duration
	// Forget is how long after the last failure all are forgotten.
	Forget time.Duration
}

// TokenPace is that of wrong tokens and certificates. Nobody can guess those: it
// keeps floods cheap, and a right one is taken whatever came before it.
var TokenPace = Pace{Free: 100, First: time.Second, Longest: time.Minute, Forget: time.Minute}

// maxThrottled bounds the keys of a throttle.
const maxThrottled = 4096

// Throttle counts failed attempts by key and says how long to wait for the next.
// All methods may be called concurrently.
type Throttle struct {
	pace Pace
	now  func() time.Time

	mu   sync.Mutex
	keys map[string]*failures
}

type failures struct {
	n int
	// last is when the last one was, until when the door opens.
	last, until time.Time
}

// NewThrottle makes a throttle; a nil clock is the system's.
func NewThrottle(pace Pace, now func() time.Time) *Throttle {
	if now == nil {
		now = time.Now
	}
	return &Throttle{pace: pace, now: now, keys: map[string]*failures{}}
}

// Wait returns how long the door of a key stays closed; 0 means that it is open.
func (t *Throttle) Wait(key string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wait(key, t.now())
}

func (t *Throttle) wait(key string, now time.Time) time.Duration {
	f := t.keys[key]
	if f == nil {
		return 0
	}
	return max(0, f.until.Sub(now))
}

// Fail counts a failed attempt. When the door is closed it counts nothing, and
// returns for how long.
func (t *Throttle) Fail(key string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if wait := t.wait(key, now); wait > 0 {
		return wait
	}
	f := t.keys[key]
	if f == nil || now.Sub(f.last) >= t.pace.Forget {
		f = t.add(key, now)
	}
	f.n++
	f.last = now
	if over := f.n - t.pace.Free; over > 0 {
		f.until = now.Add(t.closed(over))
	}
	return 0
}

// closed is how long the failures after the free ones close the door.
func (t *Throttle) closed(over int) time.Duration {
	d := t.pace.First
	for range over - 1 {
		if d *= 2; d >= t.pace.Longest {
			return t.pace.Longest
		}
	}
	return min(d, t.pace.Longest)
}

// add makes room for a key. The caller holds t.mu.
func (t *Throttle) add(key string, now time.Time) *failures {
	if t.keys[key] == nil && len(t.keys) >= maxThrottled {
		t.evict(now)
	}
	f := &failures{}
	t.keys[key] = f
	return f
}

// evict forgets what is over, or else the key whose door is open for the longest.
func (t *Throttle) evict(now time.Time) {
	oldest := ""
	for key, f := range t.keys {
		if now.Sub(f.last) >= t.pace.Forget && !f.until.After(now) {
			delete(t.keys, key)
			continue
		}
		if o := t.keys[oldest]; o == nil || f.until.Before(o.until) || f.until.Equal(o.until) && f.last.Before(o.last) {
			oldest = key
		}
	}
	if len(t.keys) >= maxThrottled {
		delete(t.keys, oldest)
	}
}

// Seconds is a time to wait in whole seconds, rounded up, as Retry-After wants it
// (RFC 9110 section 10.2.3).
func Seconds(wait time.Duration) string {
	return strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10)
}
