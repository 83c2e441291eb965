package decisionlog

import (
	"context"
	"errors"
	"math"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"go.uber.org/zap"
)

// maxRealmBytes is the greatest length of the name of a realm: 255 characters.
const maxRealmBytes = 255 * 4

// sampling is the share of clean ALLOWs that is kept, by realm and event.
type sampling struct {
	shares map[sampled]float64
	rest   float64
}

type sampled struct {
	realm string
	event pb.Event
}

// share returns the most specific one: of the event in the realm, of the realm, of
// the event, or that of all.
func (s *sampling) share(realm string, event pb.Event) float64 {
	if len(s.shares) == 0 {
		return s.rest
	}
	for _, of := range [...]sampled{{realm, event}, {realm, 0}, {"", event}} {
		if share, ok := s.shares[of]; ok {
			return share
		}
	}
	return s.rest
}

// inSample decides by the id of the decision, so that all who decide about one
// decision agree.
func inSample(id string, share float64) bool {
	switch {
	case share >= 1:
		return true
	case share <= 0:
		return false
	}
	return float64(hash(id)) < share*math.MaxUint64
}

// hash is FNV-1a with the mixing of MurmurHash3 behind it, because the upper bits of
// short texts vary little.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// notable reports whether a decision is always kept: it rejects, changes the client
// or would, or somebody objects.
func notable(e *Entry) bool {
	r := e.Response
	return r.GetDecision() != pb.EvaluateResponse_DECISION_ALLOW ||
		len(r.GetMutations()) > 0 || len(r.GetProposedMutations()) > 0 || len(r.GetFindings()) > 0 ||
		len(e.Audit) > 0 || len(e.Proposed) > 0
}

// errEntry tells that an entry lacks what makes a decision.
var errEntry = errors.New("decision log entry without request, response or realm")

// Record keeps a decision, if it is to be kept. In block mode it waits for room
// until ctx ends, and the error means that the decision must be refused; else it
// never waits, and the error is nil.
func (l *Log) Record(ctx context.Context, e *Entry) error {
	share := 1.0
	realm := e.Realm
	if realm == "" {
		realm = e.Request.GetRealm()
	}
	if !notable(e) {
		share = l.sampling.share(realm, e.Request.GetEvent())
		if !inSample(e.Response.GetDecisionId(), share) {
			l.sampledOut.Add(1)
			return nil
		}
	}
	return l.enqueue(ctx, e, realm, share)
}

func (l *Log) enqueue(ctx context.Context, e *Entry, realm string, share float64) error {
	if e.Request == nil || e.Response == nil || realm == "" || len(realm) > maxRealmBytes {
		return l.turnedAway(errEntry)
	}
	if e.Time.IsZero() {
		copied := *e
		copied.Time = l.now()
		e = &copied
	}
	message, err := l.build(e, realm, share).MarshalVT()
	if err != nil {
		return l.turnedAway(err)
	}
	p := pending{realm: realm, time: keyTime(e.Time), message: message}
	if l.options.Mode == Block {
		if err := l.queue.wait(ctx, p); err != nil {
			return l.turnedAway(err)
		}
		return nil
	}
	if !l.queue.offer(p) {
		return l.turnedAway(ErrFull)
	}
	return nil
}

// turnedAway counts a decision that is not kept. In block mode the caller is told.
func (l *Log) turnedAway(err error) error {
	l.lost.Add(1)
	l.complain("a decision was lost", zap.Error(err))
	if l.options.Mode == Block {
		return err
	}
	return nil
}
