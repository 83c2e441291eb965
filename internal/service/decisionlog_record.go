package service

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc/metadata"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/decisionlog"
	"github.com/sidegate/sidegate/pdp"
)

// MetadataTraceParent tells of which trace a call is a part (W3C Trace Context
// section 3.2).
const MetadataTraceParent = "traceparent"

// keeping is what one decision takes on its way into the log. It is pooled: the
// log copies what it keeps.
type keeping struct {
	entry   decisionlog.Entry
	audited pdp.Audited
	patient patient
}

var keepings = sync.Pool{New: func() any { return &keeping{} }}

// evaluateAndKeep answers and hands the decision to the log. Requests that are
// refused are no decisions.
func (d *decisions) evaluateAndKeep(ctx context.Context, snap *snapshot, req *pb.EvaluateRequest) (*pb.EvaluateResponse, error) {
	k := keepings.Get().(*keeping)
	defer k.release()
	began := d.now()
	out, err := d.answer(snap, req, pdp.Env{Now: began, Clock: d.now, Ask: d.ask, Audited: &k.audited})
	if err != nil {
		return nil, err
	}
	k.entry = decisionlog.Entry{
		Request: req, Response: out, Audit: k.audited.Findings, Proposed: k.audited.Mutations,
		Realm: snap.realm, Caller: authorOf(ctx), TraceID: traceID(ctx), Revision: out.Revision,
		Time: began, Duration: d.now().Sub(began),
	}
	k.patient.Context = ctx
	if err := d.kept.Record(&k.patient, &k.entry); err != nil {
		return nil, notKept(err)
	}
	return out, nil
}

// release forgets the request and the answer.
func (k *keeping) release() {
	k.patient.end()
	k.entry = decisionlog.Entry{}
	k.audited.Reset()
	keepings.Put(k)
}

// patience is how long a decision waits for room in the log, when it must be kept.
const patience = 5 * time.Second

// patient is a context that ends when its parent does, or when somebody has waited
// for it too long. It costs nothing unless somebody waits.
type patient struct {
	context.Context //nolint:containedctx // of one call, and forgotten after it
	waiting         context.Context
	cancel          context.CancelFunc
}

// Done implements context.Context.
func (p *patient) Done() <-chan struct{} {
	if p.waiting == nil {
		p.waiting, p.cancel = context.WithTimeout(p.Context, patience)
	}
	return p.waiting.Done()
}

// Err implements context.Context.
func (p *patient) Err() error {
	if p.waiting != nil {
		return p.waiting.Err()
	}
	return p.Context.Err()
}

func (p *patient) end() {
	if p.cancel != nil {
		p.cancel()
	}
	*p = patient{}
}

// notKept refuses a decision that could not be kept where all must be.
func notKept(err error) *refusal {
	if errors.Is(err, decisionlog.ErrUnavailable) || errors.Is(err, decisionlog.ErrClosed) {
		return refuse(pb.ErrorReason_ERROR_REASON_STORAGE, "the decision cannot be logged, and the server answers none "+
			"that is not (decision-log.mode is block): %v; see the server's log, or set the mode best-effort", err)
	}
	return refuse(pb.ErrorReason_ERROR_REASON_BUSY, "the decision log is full, and the server answers no decision "+
		"that is not logged (decision-log.mode is block): %v; try again, or raise decision-log.queue", err)
}

// authorOf is who calls, or empty when nobody has to say.
func authorOf(ctx context.Context) string {
	if p := auth.FromContext(ctx); p != nil {
		return p.Author()
	}
	return ""
}

// traceID is that of the call, or empty when it has none or not a clear one.
func traceID(ctx context.Context) string {
	return auth.TraceID(metadata.ValueFromIncomingContext(ctx, MetadataTraceParent))
}
