//go:build !race

package catalog_test

import (
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// A provider that has nothing to say allocates nothing, but for the reasons listed,
// each of which some path needs.
func TestPassingPathsDoNotAllocate(t *testing.T) {
	paths, measured, needed := passingPaths(t), map[string]int{}, map[*allocation]bool{}
	for _, p := range paths {
		resp, why := &pb.EvaluateResponse{}, allocationOf(p)
		n := testing.AllocsPerRun(10, func() { p.run(t, resp) })
		switch {
		case why != nil && n > 0:
			needed[why] = true
		case n > 0:
			t.Errorf("%s: %s: %v allocations", p.id, p.name, n)
		default:
			measured[p.id]++
		}
	}
	for i := range allocations {
		if a := &allocations[i]; !needed[a] {
			t.Errorf("%s may allocate because %s, and never does: strike the exception", a.id, a.reason)
		}
	}
	for id, p := range representative(paths) {
		if why := allocationOf(p); measured[id] == 0 {
			t.Errorf("%s: no path without allocations (%v)", id, why)
		}
	}
}
