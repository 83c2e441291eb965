package decisionlog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"go.etcd.io/bbolt"
	"go.uber.org/zap"
)

var (
	// ErrNotFound tells that there is no such decision: it never was, was not
	// kept, or was erased.
	ErrNotFound = errors.New("decision not found")
	// ErrTooMany tells that there are as many followers as there may be.
	ErrTooMany = errors.New("too many followers")
	// ErrFull tells that there was no room for a decision in time.
	ErrFull = errors.New("decision log is full")
	// ErrUnavailable tells that decisions cannot be written at present.
	ErrUnavailable = errors.New("decision log cannot be written")
	// ErrClosed tells that the log was closed.
	ErrClosed = errors.New("decision log is closed")
	// ErrLocked tells that another process holds the file.
	ErrLocked = errors.New("decision log is locked")
	// ErrFormat tells that a later version wrote the file.
	ErrFormat = errors.New("decision log has an unknown format")
	// ErrCorrupt tells that the file is damaged.
	ErrCorrupt = errors.New("decision log is damaged")
)

// Entry is a decision as it was made. Record borrows it.
type Entry struct {
	// Request is what was asked.
	Request *pb.EvaluateRequest
	// Response is what was answered.
	Response *pb.EvaluateResponse
	// Audit are the findings of policies under AUDIT, absent from Response.
	Audit []*pb.Finding
	// Proposed are the mutations that policies under AUDIT would have asked for,
	// absent from Response.
	Proposed []*pb.Mutation
	// Realm is the name of the realm, Caller who asked (`token:idp`), TraceID the
	// W3C trace id or empty.
	Realm, Caller, TraceID string
	// Revision is the revision that answered.
	Revision int64
	// Time is when it was asked for.
	Time time.Time
	// Duration is how long the evaluation took.
	Duration time.Duration
}

// Log keeps decisions and audit records. It is safe for concurrent use.
type Log struct {
	options    Options
	sampling   sampling
	mask       []maskPath
	pseudonyms *pseudonyms
	logger     *zap.Logger

	file  *store
	queue *queue
	lines *lines
	index index

	followers      *hub[*pb.LoggedDecision]
	auditFollowers *hub[*pb.AuditRecord]

	// writing is held by who changes the file.
	writing sync.Mutex
	lastSeq uint64

	// unwritten is what the writer had in hand when it was made to end.
	unwritten struct{ decisions, audits int }
	// written is closed when the writer has ended, abandon to make it end.
	written, abandon chan struct{}
	closing          sync.Once
	closed           chan struct{}

	kept, sampledOut, lost, auditLost atomic.Uint64

	complaints sync.Map // of text to *complaint
}

// Stats counts what became of decisions since the log was opened.
type Stats struct {
	// Kept were stored.
	Kept uint64
	// SampledOut were clean ALLOWs outside of the sample.
	SampledOut uint64
	// Lost were not stored because there was no room, or no time at the end.
	Lost uint64
	// Queue is the number of decisions that wait to be written.
	Queue int
	// Bytes is how much of the file is in use.
	Bytes int64
	// AuditLost is the number of audit records that were not stored.
	AuditLost uint64
	// NDJSONErrors is the number of lines that could not be written.
	NDJSONErrors uint64
	// Followers is the number of followers of both kinds.
	Followers int
}

// Stats returns the counts.
func (l *Log) Stats() Stats {
	s := Stats{
		Kept: l.kept.Load(), SampledOut: l.sampledOut.Load(), Lost: l.lost.Load(), AuditLost: l.auditLost.Load(),
		Queue: l.queue.length(), Bytes: l.file.used(), Followers: l.followers.length() + l.auditFollowers.length(),
	}
	if l.lines != nil {
		s.NDJSONErrors = l.lines.failed.Load()
	}
	return s
}

// Open opens the log, and makes the file when it is not there. It reads the whole
// file: a damaged one is [ErrCorrupt] and nothing of it is used. [ErrLocked]: another
// process holds it; [ErrFormat]: a later version wrote it.
func Open(o Options) (*Log, error) {
	shares, mask, err := o.check()
	if err != nil {
		return nil, err
	}
	o.fill(rand.Reader)
	file, err := openStore(o.File, o.Timeout, o.NoSync)
	if err != nil {
		return nil, fmt.Errorf("decision log %s: %w", o.File, err)
	}
	l := &Log{
		options: o, sampling: shares, mask: mask, logger: o.Logger, file: file, queue: newQueue(o.Queue),
		index: index{change: newChange()}, followers: newHub[*pb.LoggedDecision](true), auditFollowers: newHub[*pb.AuditRecord](false),
		written: make(chan struct{}), abandon: make(chan struct{}), closed: make(chan struct{}),
	}
	if err := l.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("decision log %s: %w", o.File, err), file.close())
	}
	go l.write()
	return l, nil
}

// start reads the file, removes what has expired, and opens what else is needed.
func (l *Log) start() (err error) {
	err = l.file.view(func(tx *bbolt.Tx) (err error) {
		l.index.change, l.lastSeq, l.queue.seq, err = check(tx)
		return err
	})
	if err != nil {
		return err
	}
	if l.pseudonyms, err = loadPseudonyms(l.file, l.options.PseudonymKeyFile, l.options.Random); err != nil {
		return err
	}
	// Retention goes on beside the writer: a file that is far too large must not
	// keep the server from starting.
	if err := l.retain(batchItems); err != nil {
		return err
	}
	l.lines, err = openLines(l.options.NDJSON, func(err error) { l.complain("a decision was not written as NDJSON", zap.Error(err)) })
	return err
}

func (l *Log) now() time.Time { return l.options.Now() }

// usable returns why nothing can be asked of the log.
func (l *Log) usable(ctx context.Context) error {
	select {
	case <-l.closed:
		return ErrClosed
	default:
		return ctx.Err()
	}
}

// Flush waits until everything that was recorded before is stored, and written as
// NDJSON.
func (l *Log) Flush(ctx context.Context) error {
	if err := l.usable(ctx); err != nil {
		return err
	}
	if err := l.queue.flush(ctx); err != nil {
		return err
	}
	if l.lines == nil {
		return nil
	}
	return l.lines.flush(ctx)
}

// Close stores what waits, until ctx ends; what is left then is lost, counted and
// logged. It ends all followers.
func (l *Log) Close(ctx context.Context) (err error) {
	l.closing.Do(func() { err = l.close(ctx) })
	return err
}

func (l *Log) close(ctx context.Context) (err error) {
	l.queue.close()
	select {
	case <-l.written:
	case <-ctx.Done():
		close(l.abandon)
		<-l.written
		err = l.leave(context.Cause(ctx))
	}
	close(l.closed)
	l.followers.close()
	l.auditFollowers.close()
	if l.lines != nil {
		err = errors.Join(err, l.lines.close(ctx))
	}
	// An erasure that is under way has the file.
	l.writing.Lock()
	defer l.writing.Unlock()
	return errors.Join(err, l.file.close())
}

// leave counts what is left in the queue, and tells how much was lost at the end.
func (l *Log) leave(why error) error {
	decisions, audits := l.queue.drop()
	decisions, audits = decisions+l.unwritten.decisions, audits+l.unwritten.audits
	l.lost.Add(uint64(decisions))
	l.auditLost.Add(uint64(audits))
	if decisions+audits == 0 {
		return nil
	}
	l.logger.Error("decisions were lost at shutdown", zap.Int("decisions", decisions), zap.Int("audit", audits), zap.String("file", l.options.File))
	return fmt.Errorf("%d decisions and %d audit records are not stored: %w", decisions, audits, why)
}

// complaintInterval is how often one thing is complained of.
const complaintInterval = 10 * time.Second

// complaint is something that goes wrong again and again.
type complaint struct {
	mu    sync.Mutex
	last  time.Time
	since int
}

// complain logs what went wrong, at most once in an interval.
func (l *Log) complain(what string, fields ...zap.Field) {
	v, _ := l.complaints.LoadOrStore(what, &complaint{})
	c := v.(*complaint)
	c.mu.Lock()
	defer c.mu.Unlock()
	now := l.now()
	if !c.last.IsZero() && now.Sub(c.last) < complaintInterval {
		c.since++
		return
	}
	l.logger.Error(what, append(fields, zap.Int("suppressed", c.since))...)
	c.last, c.since = now, 0
}
