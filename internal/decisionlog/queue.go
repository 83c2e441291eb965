package decisionlog

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// Bounds of the queue besides Options.Queue.
const (
	maxQueueBytes  = 64 << 20
	maxQueueAudits = 16 << 10
	// refusalAudits is how many audit records may wait when one more refusal is
	// still taken: there is always room for the others.
	refusalAudits = maxQueueAudits / 2
)

// pending is a decision that waits to be written.
type pending struct {
	realm   string
	time    int64
	seq     uint64 // given out when it is written
	message []byte // of a LoggedDecision
	lost    int64  // decisions lost right before this one
}

func (p pending) key() key { return key{p.time, p.seq} }

// pendingAudit is an audit record that waits to be written.
type pendingAudit struct {
	class   auditClass
	seq     uint64
	realm   string
	message []byte
}

// queue is what waits to be written, bounded in number and bytes.
type queue struct {
	mu        sync.Mutex
	greatest  int
	decisions []pending
	bytes     int
	audits    []pendingAudit
	// lost is the number of decisions turned away since the last one taken.
	lost int64
	// in counts what came, out what of it was stored.
	in, out uint64
	// down is why nothing can be written at present, nil when it can.
	down   error
	closed bool
	// flushing is the number of callers that wait for the queue to be written.
	flushing int
	// seq is the number of the last audit record.
	seq uint64

	// wake holds a mark when there is something to do.
	wake chan struct{}
	// changed is closed, and made anew, when there is more room or out has grown.
	changed chan struct{}
}

func newQueue(greatest int) *queue {
	return &queue{greatest: greatest, wake: make(chan struct{}, 1), changed: make(chan struct{})}
}

// offer takes a decision or counts it as lost.
func (q *queue) offer(p pending) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || !q.fits(p) {
		q.lost++
		return false
	}
	q.put(p)
	return true
}

// wait takes a decision as soon as there is room, or returns why there is none.
func (q *queue) wait(ctx context.Context, p pending) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		switch {
		case q.closed:
			return ErrClosed
		case q.down != nil:
			return fmt.Errorf("%w: %w", ErrUnavailable, q.down)
		case q.fits(p):
			q.put(p)
			return nil
		}
		if err := q.sleep(ctx); err != nil {
			return fmt.Errorf("%w: %d decisions wait to be written: %w", ErrFull, len(q.decisions), err)
		}
	}
}

// fits reports whether there is room. A single decision always fits.
func (q *queue) fits(p pending) bool {
	return len(q.decisions) == 0 || len(q.decisions) < q.greatest && q.bytes+len(p.message) <= maxQueueBytes
}

func (q *queue) put(p pending) {
	p.lost, q.lost = q.lost, 0
	q.decisions = append(q.decisions, p)
	q.bytes += len(p.message)
	q.in++
	q.rouse()
}

// sleep waits, without the lock, for a change.
func (q *queue) sleep(ctx context.Context) error {
	changed := q.changed
	q.mu.Unlock()
	defer q.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// rouse tells the writer that there is something to do.
func (q *queue) rouse() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// tell tells all who wait that something has changed.
func (q *queue) tell() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// audit takes an audit record, gives it its number, and reports whether there was
// room for it.
func (q *queue) audit(p pendingAudit) (seq uint64, taken bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.seq++
	p.seq = q.seq
	room := maxQueueAudits
	if p.class == auditRefusals {
		room = refusalAudits
	}
	if q.closed || len(q.audits) >= room {
		return p.seq, false
	}
	q.audits = append(q.audits, p)
	q.in++
	q.rouse()
	return p.seq, true
}

// batch is what is written in one transaction.
type batch struct {
	decisions []pending
	audits    []pendingAudit
}

func (b *batch) empty() bool { return len(b.decisions) == 0 && len(b.audits) == 0 }

// Bounds of a batch.
const (
	batchItems = 1024
	batchBytes = 8 << 20
)

// take removes as much as one transaction writes.
func (q *queue) take() batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < min(len(q.decisions), batchItems) && (n == 0 || size+len(q.decisions[n].message) <= batchBytes) {
		size += len(q.decisions[n].message)
		n++
	}
	b := batch{decisions: slices.Clone(q.decisions[:n])}
	q.decisions = slices.Delete(q.decisions, 0, n)
	q.bytes -= size
	n = min(len(q.audits), batchItems)
	b.audits = slices.Clone(q.audits[:n])
	q.audits = slices.Delete(q.audits, 0, n)
	if !b.empty() {
		q.tell()
	}
	return b
}

// settle tells that items were stored.
func (q *queue) settle(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.out += uint64(n)
	q.tell()
}

// setDown tells whether anything can be written.
func (q *queue) setDown(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.down == nil && err == nil {
		return
	}
	q.down = err
	q.tell()
}

// flush waits until everything that came before was stored.
func (q *queue) flush(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	goal := q.in
	q.flushing++
	defer func() { q.flushing-- }()
	q.rouse()
	for q.out < goal {
		if err := q.sleep(ctx); err != nil {
			return err
		}
	}
	return nil
}

// hurried reports whether somebody waits for the queue to be written.
func (q *queue) hurried() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.flushing > 0 || q.closed || len(q.decisions) >= min(batchItems, q.greatest) || q.bytes >= batchBytes || len(q.audits) >= batchItems
}

// close turns away everything from now on.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.tell()
	q.rouse()
}

// ended reports whether there will never be anything to write.
func (q *queue) ended() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed && len(q.decisions) == 0 && len(q.audits) == 0
}

// drop empties the queue and returns how much there was.
func (q *queue) drop() (decisions, audits int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	decisions, audits = len(q.decisions), len(q.audits)
	q.decisions, q.audits, q.bytes = nil, nil, 0
	q.tell()
	return decisions, audits
}

// length returns how many decisions wait.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.decisions)
}
