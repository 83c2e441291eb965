package catalog_test

import (
	"maps"
	"slices"
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
)

// BenchmarkProviders runs each provider alone on a request that it lets pass. What it
// allocates there is in TestPassingPathsDoNotAllocate; executors that always have
// something to say are left out.
func BenchmarkProviders(b *testing.B) {
	chosen := representative(passingPaths(b))
	for _, id := range slices.Sorted(maps.Keys(chosen)) {
		p := chosen[id]
		b.Run(id+"/"+pdp.EventName(p.event), func(b *testing.B) {
			resp := &pb.EvaluateResponse{}
			b.ReportAllocs()
			for b.Loop() {
				p.run(b, resp)
			}
		})
	}
}
