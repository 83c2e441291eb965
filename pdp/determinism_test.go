package pdp_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/pdptest"
	recorded "github.com/sidegate/sidegate/pdp/pdptest/testdata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// decided is a case of a vector file with the realm that decides it.
type decided struct {
	name     string
	set      *pb.PolicySet
	settings *pb.RealmSettings
	realm    *pdp.Realm
	req      *pb.EvaluateRequest
}

// everyCase compiles all recorded and own cases that can be.
func everyCase(t *testing.T) (list []decided) {
	t.Helper()
	c := compiler(t)
	add := func(files []*pdptest.File, err error) {
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			for _, v := range f.Cases {
				settings := &pb.RealmSettings{Compatibility: &v.Compatibility}
				realm, _ := c.Compile(v.Set, settings)
				req := v.RequestFor("vectors")
				if realm == nil || pdp.CheckInput(req, pdp.DefaultLimits()) != nil || realm.Evaluate(req, pdp.Env{Now: now}, &pb.EvaluateResponse{}) != nil {
					continue
				}
				list = append(list, decided{f.Path + ": " + v.Name, v.Set, settings, realm, req})
			}
		}
	}
	for _, kind := range []string{"engine", "conditions", "executors", "scenarios"} {
		add(pdptest.Load(recorded.FS(), kind, now))
	}
	for _, dir := range []string{"../conditions/testdata", "../executors/testdata", "testdata"} {
		add(pdptest.Load(os.DirFS(dir), ".", now))
	}
	if len(list) < 1000 {
		t.Fatalf("only %d cases: too few to prove anything", len(list))
	}
	return list
}

// Contract 2.3.6: the same request gets the same answer, explained or not, alone
// or among others, and from a pool that has seen other requests.
func TestEveryAnswerIsTheSameAgain(t *testing.T) {
	list := everyCase(t)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range list {
				c := &list[(i*7+worker*331)%len(list)]
				again(t, c)
			}
		})
	}
	all.Wait()
}

func again(t *testing.T, c *decided) {
	t.Helper()
	first := answerOf(t, c, false)
	for range 3 {
		same(t, c.name+": the answer differs (-first +again)", first, answerOf(t, c, false))
	}
	explained := answerOf(t, c, true)
	// What the policies found by values come to is what all of them come to.
	explained.Trace = nil
	same(t, c.name+": the answer differs (-plain +explained)", first, explained)
}

// same compares quickly, and tells the difference when there is one.
func same(t *testing.T, what string, a, b proto.Message) {
	t.Helper()
	if !proto.Equal(a, b) {
		t.Errorf("%s:\n%s", what, cmp.Diff(a, b, protocmp.Transform()))
	}
}

func answerOf(t *testing.T, c *decided, explain bool) *pb.EvaluateResponse {
	t.Helper()
	req, resp := proto.CloneOf(c.req), &pb.EvaluateResponse{}
	if req.Options == nil {
		req.Options = &pb.EvaluateOptions{}
	}
	req.Options.Explain, req.Options.ReturnClient = explain, true
	before := proto.CloneOf(req)
	if err := c.realm.Evaluate(req, pdp.Env{Now: now}, resp); err != nil {
		t.Errorf("%s: %v", c.name, err)
	}
	same(t, c.name+": the request was changed (-before +after)", before, req)
	if strings.Contains(resp.Error.GetDescription(), "panicked") {
		t.Errorf("%s: %v", c.name, resp)
	}
	return resp
}

// What one executor asked for stays in the trace as it asked for it, although the
// answer merges it with what another one asks for.
func TestTraceKeepsWhatWasAskedFor(t *testing.T) {
	realm := compile(t, policySet(t, `{"profiles":[{"name":"p","executors":[
		{"executor":"auth-flow-enforcer","configuration":{"auth-flow-alias":"one","auth-flow-loa":2}},
		{"executor":"auth-flow-enforcer","configuration":{"auth-flow-alias":"two"}}]}],
		"policies":[{"name":"all","enabled":true,"conditions":[{"condition":"any-client"}],"profiles":["p"]}]}`))
	req := requestFor(pdp.AuthorizationRequest)
	req.Options = &pb.EvaluateOptions{Explain: true}
	resp := evaluate(t, realm, req)
	if len(resp.Obligations) != 1 {
		t.Fatalf("got obligations %v, want one", resp.Obligations)
	}
	if flow := resp.Obligations[0].GetAuthenticationFlow(); flow.GetAlias() != "two" || flow.GetLoa() != 2 {
		t.Errorf("got flow %v, want two with the level of one", flow)
	}
	asked := resp.Trace.Policies[0].Executors
	for i, alias := range []string{"one", "two"} {
		if flow := asked[i].Obligations[0].GetAuthenticationFlow(); flow.GetAlias() != alias || (flow.Loa != nil) != (i == 0) {
			t.Errorf("executor %d: the trace tells %v", i, flow)
		}
	}
}

// A point in time that no calendar has is refused: binary messages can hold one.
func TestCheckInputRefusesImpossibleTimes(t *testing.T) {
	for _, req := range []*pb.EvaluateRequest{
		{Options: &pb.EvaluateOptions{EvaluationTime: &timestamppb.Timestamp{Seconds: 1 << 60}}},
		{Session: &pb.SessionFacts{AuthTime: &timestamppb.Timestamp{Nanos: -1}}},
	} {
		if err := pdp.CheckInput(req, pdp.DefaultLimits()); err == nil {
			t.Errorf("%v: accepted", req)
		}
	}
}
