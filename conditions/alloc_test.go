//go:build !race

package conditions_test

import (
	"slices"
	"strings"
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/pdptest"
)

func TestVotesDoNotAllocate(t *testing.T) {
	compiler, measured := newCompiler(t), 0
	for _, f := range load(t) {
		id := strings.TrimSuffix(f.Path, ".json")
		t.Run(id, func(t *testing.T) {
			for _, vector := range f.Cases {
				realm, errs := compile(compiler, vector)
				if len(errs) > 0 || costs(vector) {
					continue
				}
				if n := allocations(t, realm, vector); n > 0 {
					t.Errorf("%s: %v allocations", vector.Name, n)
				}
				measured++
			}
		})
	}
	if measured < 500 {
		t.Errorf("measured %d cases: too few to prove anything", measured)
	}
}

// costs reports whether a case is one of the rare ones whose votes may allocate:
// there is something to say, facts are omitted, JSON comes as a text, or the client
// has several default classes.
func costs(vector *pdptest.Case) bool {
	r, says := vector.Request, slices.Contains(vector.Want.Names(), "findings")
	_, levels := r.Client.GetAttributes()["minimum.acr.value"]
	_, defaults := r.Client.GetAttributes()["default.acr.values"]
	_, claims := r.Request.GetParameters()["claims"]
	return says || len(r.Omitted) > 0 || levels || defaults || claims || r.Request.GetRequestObject() != nil
}

func allocations(t *testing.T, realm *pdp.Realm, vector *pdptest.Case) float64 {
	t.Helper()
	request, answer := vector.RequestFor("vectors"), &pb.EvaluateResponse{}
	request.Options = nil
	return testing.AllocsPerRun(100, func() {
		if err := realm.Evaluate(request, pdp.Env{Now: now}, answer); err != nil {
			t.Fatal(err)
		}
	})
}
