package service_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// While a set is rewritten, every answer is that of the set of its revision, and
// a batch has one revision throughout.
func TestSwapNeverMixes(t *testing.T) {
	const callers, rewrites = 8, 300
	w := start(t)
	w.createRealm("master", nil)
	sets := [2]*pb.PolicySet{}
	for i := range sets {
		code := fmt.Sprint("code_", i)
		sets[i] = &pb.PolicySet{
			Profiles: []*pb.Profile{refusing("p", code), refusing("q", code)},
			Policies: []*pb.Policy{policy("first", "p"), policy("second", "q", "p")},
		}
	}
	w.replaceSet("master", sets[0]) // revision 2: even revisions answer code_0
	ctx, stop := context.WithCancel(w.root())
	var running sync.WaitGroup
	for range callers {
		running.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := judgeOnce(ctx, w, n); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range rewrites {
		set := w.replaceSet("master", sets[(i+1)%2])
		request := view("master")
		request.Options = &pb.EvaluateOptions{MinRevision: set.GetRevision()}
		out, err := w.decisions.Evaluate(w.root(), request) // the writer sees its own write
		if err != nil {
			t.Fatal(err)
		}
		if err := consistent(out); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	running.Wait()
	equal(t, w.revision("master"), int64(2+rewrites))
}

func judgeOnce(ctx context.Context, w *world, n int) error {
	if n%4 > 0 {
		out, err := w.decisions.Evaluate(ctx, view("master"))
		if err != nil {
			return err
		}
		return consistent(out)
	}
	batch, err := w.decisions.BatchEvaluate(ctx, &pb.BatchEvaluateRequest{
		Realm: "master", Requests: []*pb.EvaluateRequest{view(""), view(""), view("")},
	})
	if err != nil {
		return err
	}
	for _, r := range batch.GetResults() {
		if err := consistent(r.GetResponse()); err != nil {
			return err
		}
		if r.GetResponse().GetRevision() != batch.GetResults()[0].GetResponse().GetRevision() {
			return fmt.Errorf("a batch mixes revisions: %v", batch)
		}
	}
	return nil
}

func consistent(out *pb.EvaluateResponse) error {
	code := fmt.Sprint("code_", out.GetRevision()%2)
	if out.GetError().GetCode() != code || len(out.GetFindings()) != 3 {
		return fmt.Errorf("revision %d answers %v", out.GetRevision(), out)
	}
	for _, f := range out.GetFindings() {
		if f.GetError() != code {
			return fmt.Errorf("revision %d finds %v", out.GetRevision(), f)
		}
	}
	return nil
}

// Sets written at once from one base: one of them wins, the others are told.
func TestConcurrentSets(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	var (
		running sync.WaitGroup
		mu      sync.Mutex
		won     int
	)
	for i := range 8 {
		running.Go(func() {
			set := &pb.PolicySet{Policies: []*pb.Policy{policy(fmt.Sprint("p", i))}}
			_, err := w.admin.ReplacePolicySet(w.root("if-match", `"1"`), &pb.ReplacePolicySetRequest{Realm: "master", Document: set})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if p := problemOf(err); p.Code != codes.FailedPrecondition || p.Reason != "ETAG_MISMATCH" {
				t.Error(err)
			}
		})
	}
	running.Wait()
	equal(t, won, 1)
	equal(t, w.revision("master"), int64(2))
}
