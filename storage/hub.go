package storage

import (
	"context"
	"sync"
)

// Hub tells watchers of new heads; every driver has one. The zero Hub is ready.
type Hub struct {
	mu       sync.Mutex
	watchers map[*watcher]struct{}
	closed   bool
	running  sync.WaitGroup
}

// watcher is one reader: the heads it has not read, one per realm at most.
type watcher struct {
	out     chan Head
	stop    context.CancelFunc
	mu      sync.Mutex
	pending map[string]Head
	order   []string
	wake    chan struct{}
}

// Watch implements Store.Watch.
func (h *Hub) Watch(ctx context.Context) (<-chan Head, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	w := &watcher{out: make(chan Head), stop: stop, pending: map[string]Head{}, wake: make(chan struct{}, 1)}
	if h.watchers == nil {
		h.watchers = map[*watcher]struct{}{}
	}
	h.watchers[w] = struct{}{}
	h.running.Go(func() {
		defer h.drop(w)
		w.run(ctx)
	})
	return w.out, nil
}

// Publish announces a head and never waits for readers. Drivers call it once
// the commit is durable, before Commit returns, in the order of revisions.
func (h *Hub) Publish(head Head) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		w.put(head)
	}
}

// Close ends all watches and waits until their channels are closed.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	for w := range h.watchers {
		w.stop()
	}
	h.mu.Unlock()
	h.running.Wait()
}

func (h *Hub) drop(w *watcher) {
	w.stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
}

// run hands out heads until ctx is done, then closes the channel.
func (w *watcher) run(ctx context.Context) {
	defer close(w.out)
	for {
		head, ok := w.take()
		if !ok {
			select {
			case <-w.wake:
			case <-ctx.Done():
				return
			}
			continue
		}
		select {
		case w.out <- head:
		case <-ctx.Done():
			return
		}
	}
}

// put notes a head; one of the same realm that is still waiting is replaced and
// keeps its place.
func (w *watcher) put(head Head) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, waiting := w.pending[head.Realm]; !waiting {
		w.order = append(w.order, head.Realm)
	}
	w.pending[head.Realm] = head
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take removes the head that waits longest.
func (w *watcher) take() (Head, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.order) == 0 {
		return Head{}, false
	}
	head := w.pending[w.order[0]]
	delete(w.pending, w.order[0])
	w.order = w.order[1:]
	return head, true
}
