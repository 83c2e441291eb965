package service

import (
	"context"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
)

// decisions implements pb.PolicyDecisionServiceServer.
type decisions struct {
	pb.UnimplementedPolicyDecisionServiceServer
	*Services
}

// Evaluate judges one event. The answer is allocated, not pooled: gRPC marshals
// it after this returns.
func (d *decisions) Evaluate(ctx context.Context, req *pb.EvaluateRequest) (*pb.EvaluateResponse, error) {
	// Contract 2.1 and 2.3.7: an unknown realm comes before everything else.
	snap := d.realms.get(req.GetRealm())
	if snap == nil {
		return nil, d.statusOf(realmNotFound(req.GetRealm()))
	}
	out, err := d.evaluate(ctx, snap, req)
	if err != nil {
		return nil, d.statusOf(err)
	}
	return out, nil
}

// BatchEvaluate judges events in order, all on one snapshot.
func (d *decisions) BatchEvaluate(ctx context.Context, req *pb.BatchEvaluateRequest) (*pb.BatchEvaluateResponse, error) {
	snap := d.realms.get(req.GetRealm())
	if snap == nil {
		return nil, d.statusOf(realmNotFound(req.GetRealm()))
	}
	if n := len(req.GetRequests()); n < 1 || n > d.limits.BatchItems {
		return nil, d.statusOf(invalidAt("/requests", "there are %d requests, expected 1 to %d", n, d.limits.BatchItems))
	}
	out := &pb.BatchEvaluateResponse{Results: make([]*pb.BatchResult, len(req.GetRequests()))}
	for i, item := range req.GetRequests() {
		if err := ctx.Err(); err != nil {
			return nil, d.statusOf(err)
		}
		out.Results[i] = d.batchResult(ctx, snap, item)
	}
	return out, nil
}

func (d *decisions) batchResult(ctx context.Context, snap *snapshot, item *pb.EvaluateRequest) *pb.BatchResult {
	answer, err := d.evaluateItem(ctx, snap, item)
	if err != nil {
		return &pb.BatchResult{Result: &pb.BatchResult_Error{Error: d.batchError(err)}}
	}
	return &pb.BatchResult{Result: &pb.BatchResult_Response{Response: answer}}
}

func (d *decisions) evaluateItem(ctx context.Context, snap *snapshot, item *pb.EvaluateRequest) (*pb.EvaluateResponse, error) {
	// Contract 2: the realm of an item is empty or that of the batch.
	if item.GetRealm() != "" && item.GetRealm() != snap.realm {
		return nil, invalidAt("/realm", "the realm is %q, that of the batch is %q; leave it out or make it the same",
			shorten(item.GetRealm()), snap.realm)
	}
	// The message of a batch can be larger than a decision message may be.
	if n := item.SizeVT(); n > d.limits.DecisionMessageBytes {
		return nil, refuse(pb.ErrorReason_ERROR_REASON_TOO_LARGE,
			"the request has %d bytes, at most %d are allowed; send fewer facts", n, d.limits.DecisionMessageBytes)
	}
	return d.evaluate(ctx, snap, item)
}

// evaluate answers from one snapshot alone. An answer that cannot be kept where
// everything must be kept is none.
func (d *decisions) evaluate(ctx context.Context, snap *snapshot, req *pb.EvaluateRequest) (*pb.EvaluateResponse, error) {
	if err := pdp.CheckInput(req, d.limits); err != nil {
		return nil, err
	}
	least := req.GetOptions().GetMinRevision()
	if least < 0 {
		return nil, invalidAt("/options/minRevision", "is %d, expected a revision, or 0 for any", least)
	}
	if least > snap.meta.Revision {
		return nil, refuse(pb.ErrorReason_ERROR_REASON_REVISION_NOT_REACHED,
			"realm %q is at revision %d, not yet at %d; try again", snap.realm, snap.meta.Revision, least)
	}
	if d.kept != nil {
		return d.evaluateAndKeep(ctx, snap, req)
	}
	return d.answer(snap, req, pdp.Env{Now: d.now(), Clock: d.now, Ask: d.ask})
}

func (d *decisions) answer(snap *snapshot, req *pb.EvaluateRequest, env pdp.Env) (*pb.EvaluateResponse, error) {
	out := &pb.EvaluateResponse{}
	if err := snap.compiled.Evaluate(req, env, out); err != nil {
		return nil, err
	}
	out.Revision, out.DecisionId = snap.meta.Revision, d.newID()
	return out, nil
}
