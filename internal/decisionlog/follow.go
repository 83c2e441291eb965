package decisionlog

import (
	"context"
	"fmt"
	"slices"
	"sync"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

const (
	// MaxFollowers is how many may follow decisions, and how many audit records.
	MaxFollowers = 64
	// followerBuffer is how many items wait for a follower.
	followerBuffer = 256
)

// hub tells followers of items.
type hub[T any] struct {
	mu        sync.Mutex
	followers map[*follower[T]]struct{}
	// stopped is closed with the hub.
	stopped chan struct{}
	// lossy followers miss items when they are slow; others are cut off.
	lossy bool
}

func newHub[T any](lossy bool) *hub[T] {
	return &hub[T]{followers: map[*follower[T]]struct{}{}, stopped: make(chan struct{}), lossy: lossy}
}

// follower is one who follows. Its items wait in a list, so that some can be taken
// out again.
type follower[T any] struct {
	wants func(T) bool

	mu    sync.Mutex
	items []followed[T]
	lost  int64
	// cut tells that an item was lost that must not be: nothing comes any more.
	cut  bool
	wake chan struct{}
}

// followed is an item, and how many were lost before it.
type followed[T any] struct {
	item T
	lost int64
}

// follow returns a channel of the items that are wanted. What was lost before an
// item is noted on it by mark. The channel is closed when ctx ends, when the hub
// closes, or when a follower that may not lose any is too slow.
func (h *hub[T]) follow(ctx context.Context, wants func(T) bool, mark func(T, int64) T) (<-chan T, error) {
	f := &follower[T]{wants: wants, wake: make(chan struct{}, 1)}
	if err := h.add(f); err != nil {
		return nil, err
	}
	out := make(chan T)
	go func() {
		defer close(out)
		defer h.remove(f)
		f.run(ctx, h.stopped, out, mark)
	}()
	return out, nil
}

func (h *hub[T]) add(f *follower[T]) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended() {
		return ErrClosed
	}
	if len(h.followers) >= MaxFollowers {
		return fmt.Errorf("%w: there are %d; end one of them first", ErrTooMany, MaxFollowers)
	}
	h.followers[f] = struct{}{}
	return nil
}

func (h *hub[T]) remove(f *follower[T]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.followers, f)
}

// length returns how many follow.
func (h *hub[T]) length() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.followers)
}

func (h *hub[T]) each(fn func(*follower[T])) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for f := range h.followers {
		fn(f)
	}
}

// publish tells all who want it of an item. It never waits.
func (h *hub[T]) publish(item T) {
	h.each(func(f *follower[T]) {
		if f.wants(item) {
			f.put(item, h.lossy)
		}
	})
}

// drop takes items back that nobody has read yet.
func (h *hub[T]) drop(unwanted func(T) bool) {
	h.each(func(f *follower[T]) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.items = slices.DeleteFunc(f.items, func(i followed[T]) bool { return unwanted(i.item) })
	})
}

func (h *hub[T]) ended() bool {
	select {
	case <-h.stopped:
		return true
	default:
		return false
	}
}

func (h *hub[T]) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ended() {
		close(h.stopped)
	}
}

func (f *follower[T]) put(item T, lossy bool) {
	f.mu.Lock()
	switch {
	case len(f.items) < followerBuffer:
		f.items = append(f.items, followed[T]{item, f.lost})
		f.lost = 0
	case lossy:
		f.lost++
	default:
		f.cut = true
	}
	f.mu.Unlock()
	f.rouse()
}

func (f *follower[T]) rouse() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// take returns the next item, or that there is none yet, or none any more.
func (f *follower[T]) take() (next followed[T], ok, ended bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.items) == 0 {
		return next, false, f.cut
	}
	next = f.items[0]
	f.items = slices.Delete(f.items, 0, 1)
	return next, true, false
}

// run hands items on until ctx ends, the hub stops, or nothing comes any more.
func (f *follower[T]) run(ctx context.Context, stopped <-chan struct{}, out chan<- T, mark func(T, int64) T) {
	for {
		next, ok, ended := f.take()
		if ended {
			return
		}
		to, item := out, next.item
		if ok {
			item = mark(next.item, next.lost)
		} else {
			to = nil // nothing to hand on yet
		}
		select {
		case to <- item:
		case <-f.wakeUnless(ok):
		case <-ctx.Done():
			return
		case <-stopped:
			return
		}
	}
}

// wakeUnless is what tells of items, for who has none.
func (f *follower[T]) wakeUnless(has bool) <-chan struct{} {
	if has {
		return nil
	}
	return f.wake
}

// Follow returns a channel of the decisions of a realm that match, as they are
// stored from now on. It is closed when ctx ends or the log is closed. Who reads
// too slowly misses some: `lost_before` of the next one counts them. The decisions
// are shared and must not be changed.
func (l *Log) Follow(ctx context.Context, realm string, f Filter) (<-chan *pb.LoggedDecision, error) {
	if err := l.usable(ctx); err != nil {
		return nil, err
	}
	search := l.search(realm, f)
	wants := func(d *pb.LoggedDecision) bool { return d.GetRealm() == realm && search.matches(d) }
	return l.followers.follow(ctx, wants, markLost)
}

func markLost(d *pb.LoggedDecision, lost int64) *pb.LoggedDecision {
	if lost == 0 {
		return d
	}
	d = d.CloneVT()
	d.LostBefore += lost
	return d
}

// FollowAudit returns a channel of the audit records that match, of the realms
// that see is true of, as they are stored from now on. It is closed when ctx ends,
// when the log is closed, and when the reader is so slow that it would miss one.
// The records are shared and must not be changed.
func (l *Log) FollowAudit(ctx context.Context, see func(realm string) bool, f AuditFilter) (<-chan *pb.AuditRecord, error) {
	if err := l.usable(ctx); err != nil {
		return nil, err
	}
	wants := func(r *pb.AuditRecord) bool { return see(r.GetRealm()) && f.matches(r) }
	return l.auditFollowers.follow(ctx, wants, func(r *pb.AuditRecord, _ int64) *pb.AuditRecord { return r })
}

// publishDecision tells of a decision that was stored.
func (l *Log) publishDecision(p pending) {
	if l.followers.length() == 0 && l.lines == nil {
		return
	}
	d := &pb.LoggedDecision{}
	if err := d.UnmarshalVT(withLost(p.message, p.lost)); err != nil {
		return // it is what was marshalled here
	}
	l.followers.publish(d)
	if l.lines != nil {
		l.lines.put(d)
	}
}

func (l *Log) publishAudit(p pendingAudit) {
	if l.auditFollowers.length() == 0 {
		return
	}
	r := &pb.AuditRecord{}
	if err := r.UnmarshalVT(p.message); err != nil {
		return // it is what was marshalled here
	}
	r.Id = auditID(p.seq)
	l.auditFollowers.publish(r)
}
