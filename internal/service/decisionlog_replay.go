package service

import (
	"context"
	"errors"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage"
)

// replay is the old revision of a realm that was asked last. One at a time is
// read and compiled.
type replay struct {
	// turn holds a value while somebody looks.
	turn     chan struct{}
	revision int64
	compiled *pdp.Realm
}

// ReplayDecision asks a kept decision's request again.
func (l *decisionLog) ReplayDecision(ctx context.Context, req *pb.ReplayDecisionRequest) (*pb.ReplayDecisionResponse, error) {
	out, err := l.replay(ctx, req)
	if err != nil {
		return nil, l.statusOf(err)
	}
	return out, nil
}

func (l *decisionLog) replay(ctx context.Context, req *pb.ReplayDecisionRequest) (*pb.ReplayDecisionResponse, error) {
	logged, err := l.get(ctx, req.GetRealm(), req.GetDecisionId())
	switch {
	case err != nil:
		return nil, err
	case req.GetRevision() < 0:
		return nil, invalidAt("/revision", "is %d, expected a revision, or 0 for the one in force", req.GetRevision())
	case logged.GetRequest() == nil:
		return nil, refuse(pb.ErrorReason_ERROR_REASON_REQUEST_NOT_KEPT,
			"the request of decision %q was not kept; set decision-log.requests to keep for those to come", logged.GetDecisionId())
	}
	compiled, revision, err := l.compiledAt(ctx, req.GetRealm(), req.GetRevision())
	if err != nil {
		return nil, err
	}
	a, err := l.again(compiled, logged, nil)
	if err != nil {
		return nil, err
	}
	a.response.Revision = revision
	out := &pb.ReplayDecisionResponse{Decision: logged, Revision: revision, Response: a.response, Differs: a.differs(logged)}
	out.Caveats, err = l.caveats(compiled, logged, a)
	return out, err
}

// compiledAt is a realm at a revision; 0 is the one in force.
func (s *Services) compiledAt(ctx context.Context, name string, revision int64) (*pdp.Realm, int64, error) {
	e := (*s.realms.index.Load())[name]
	if e == nil {
		return nil, 0, realmNotFound(name)
	}
	now := e.current.Load()
	switch {
	case now == nil:
		return nil, 0, realmNotFound(name)
	case revision == 0, revision == now.meta.Revision:
		return now.compiled, now.meta.Revision, nil
	}
	select {
	case e.replay.turn <- struct{}{}:
		defer func() { <-e.replay.turn }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	if e.replay.revision != revision {
		compiled, err := s.compileOld(ctx, now, revision)
		if err != nil {
			return nil, 0, err
		}
		e.replay.revision, e.replay.compiled = revision, compiled
	}
	return e.replay.compiled, revision, nil
}

// compileOld makes a revision that is no longer in force answer events.
func (s *Services) compileOld(ctx context.Context, now *snapshot, revision int64) (*pdp.Realm, error) {
	state, err := s.store.Load(ctx, now.realm, revision)
	switch {
	case errors.Is(err, storage.ErrRevisionNotFound):
		return nil, refuse(pb.ErrorReason_ERROR_REASON_REVISION_NOT_FOUND,
			"realm %q has no revision %d (any more); the current one is %d", now.realm, revision, now.meta.Revision)
	case err != nil:
		return nil, storeError(ctx, err)
	}
	c, err := contentOf(state, now)
	if err != nil {
		return nil, storeError(ctx, err)
	}
	set := c.set()
	compiled, problems := s.compiler.Compile(set, c.settings)
	if compiled != nil {
		return compiled, nil
	}
	var violations []violation
	for _, p := range problems {
		if !p.UnknownKey {
			violations = append(violations, namedItem(p, set))
		}
	}
	refused := invalid(violations...)
	refused.message = shorten("this version of the server cannot judge by the revision, as its policies are no longer valid: " + refused.message)
	return nil, refused
}

// answered is what a revision says to a request that was kept.
type answered struct {
	response *pb.EvaluateResponse
	audited  pdp.Audited
}

// again asks a kept request as of the time of the decision. Nothing is asked over
// the network. Besides what the provider did not look up, the facts given count as
// unknown.
func (s *Services) again(compiled *pdp.Realm, logged *pb.LoggedDecision, unknown []string) (*answered, error) {
	req := proto.CloneOf(logged.GetRequest())
	if req.Options == nil {
		req.Options = &pb.EvaluateOptions{}
	}
	req.Realm, req.Options.Explain = logged.GetRealm(), true
	req.Omitted = append(req.Omitted, unknown...)
	if req.Options.EvaluationTime == nil {
		req.Options.EvaluationTime = logged.GetTime()
	}
	a := &answered{response: &pb.EvaluateResponse{}}
	err := compiled.Evaluate(req, pdp.Env{Now: logged.GetTime().AsTime(), Clock: s.now, Audited: &a.audited}, a.response)
	if bad, ok := errors.AsType[*pdp.RequestError](err); ok {
		return nil, refuse(pb.ErrorReason_ERROR_REASON_REQUEST_NOT_KEPT,
			"what was kept of the request cannot be asked again, since %s was masked: %s", bad.Field, bad.Problem)
	}
	return a, err
}

// differs reports whether outcome, error or findings are not those of the decision.
// Texts for people are not compared: in what was kept they are masked.
func (a *answered) differs(logged *pb.LoggedDecision) bool {
	out := a.response
	return out.GetDecision() != logged.GetDecision() || out.GetReason() != logged.GetReason() ||
		out.GetError().GetCode() != logged.GetError().GetCode() ||
		out.GetError().GetHttpStatus() != logged.GetError().GetHttpStatus() ||
		out.GetError().GetDelivery() != logged.GetError().GetDelivery() ||
		!slices.Equal(findingKeys(logged.GetFindings()), findingKeys(a.findings()))
}

func (a *answered) findings() []*pb.Finding {
	return slices.Concat(a.response.GetFindings(), a.audited.Findings)
}

// findingKeys tell findings apart, in an order of their own.
func findingKeys(list []*pb.Finding) []string {
	keys := make([]string, 0, len(list))
	for _, f := range list {
		enforced := ""
		if f.GetEnforced() {
			enforced = "enforced"
		}
		keys = append(keys, strings.Join([]string{
			f.GetPolicy(), f.GetProfile(), f.GetExecutor(), f.GetCondition(), f.GetError(), enforced,
		}, "\x00"))
	}
	slices.Sort(keys)
	return keys
}
