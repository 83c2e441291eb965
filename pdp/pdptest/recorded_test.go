package pdptest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp/pdptest"
	recorded "github.com/sidegate/sidegate/pdp/pdptest/testdata"
)

func TestRecordedVectorsLoad(t *testing.T) {
	files, err := pdptest.Load(recorded.FS(), ".", now)
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for _, f := range files {
		cases += len(f.Cases)
		for _, c := range f.Cases {
			checkForms(t, f, c)
			if len(pdptest.Check(c, &clientpolicyv1.EvaluateResponse{}, nil)) == 0 {
				t.Errorf("%s: %s: agrees with an empty answer", f.Path, c.Name)
			}
		}
	}
	if len(files) != 107 || cases != 1895 {
		t.Errorf("got %d cases in %d files, want 1895 in 107", cases, len(files))
	}
}

// checkForms demands that message and JSON of a case say the same.
func checkForms(t *testing.T, f *pdptest.File, c *pdptest.Case) {
	t.Helper()
	var request clientpolicyv1.EvaluateRequest
	if err := protojson.Unmarshal(c.RequestJSON, &request); err != nil {
		t.Fatalf("%s: %s: %v", f.Path, c.Name, err)
	}
	if d := cmp.Diff(c.Request, &request, protocmp.Transform()); d != "" {
		t.Errorf("%s: %s: request (-message +JSON):\n%s", f.Path, c.Name, d)
	}
	var set clientpolicyv1.PolicySet
	if err := protojson.Unmarshal(c.SetJSON, &set); err != nil {
		t.Fatalf("%s: %s: %v", f.Path, c.Name, err)
	}
	ignore := protocmp.IgnoreFields(&clientpolicyv1.Profile{}, "empty_members")
	if d := cmp.Diff(c.Set, &set, protocmp.Transform(), ignore); d != "" {
		t.Errorf("%s: %s: set (-message +JSON):\n%s", f.Path, c.Name, d)
	}
	if len(c.Want.Names()) == 0 || !c.Request.GetOptions().GetReturnClient() {
		t.Errorf("%s: %s: wants nothing or does not ask for the client", f.Path, c.Name)
	}
}
