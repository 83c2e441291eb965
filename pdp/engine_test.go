package pdp_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func compiler(t testing.TB) *pdp.Compiler {
	t.Helper()
	c, err := catalog.Compiler("")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func compile(t testing.TB, set *pb.PolicySet) *pdp.Realm {
	t.Helper()
	realm, errs := compiler(t).Compile(set, nil)
	if len(errs) > 0 {
		t.Fatal(pdp.JoinErrors(errs))
	}
	return realm
}

func policySet(t testing.TB, text string) *pb.PolicySet {
	t.Helper()
	set := &pb.PolicySet{}
	if err := protojson.Unmarshal([]byte(text), set); err != nil {
		t.Fatal(err)
	}
	return set
}

func rejectAll() *pb.PolicySet {
	return &pb.PolicySet{
		Profiles: []*pb.Profile{{Name: "reject", Executors: []*pb.ProfileExecutor{{Executor: "reject-request"}}}},
		Policies: []*pb.Policy{{
			Name: "all", Enabled: proto.Bool(true), Profiles: []string{"reject"},
			Conditions: []*pb.PolicyCondition{{Condition: "any-client"}},
		}},
	}
}

func evaluate(t testing.TB, realm *pdp.Realm, req *pb.EvaluateRequest) *pb.EvaluateResponse {
	t.Helper()
	resp := &pb.EvaluateResponse{}
	if err := realm.Evaluate(req, pdp.Env{Now: now}, resp); err != nil {
		t.Fatal(err)
	}
	return resp
}

// A provider that panics, returns an error, gives no vote, or changes what it
// must not, rejects; it never allows.
func TestFaultsReject(t *testing.T) {
	for name, vote := range map[string]func() (pdp.Vote, error){
		"panic":   func() (pdp.Vote, error) { panic("boom") },
		"error":   func() (pdp.Vote, error) { return pdp.No, errors.New("cannot") },
		"no vote": func() (pdp.Vote, error) { return 0, nil },
		"9":       func() (pdp.Vote, error) { return 9, nil },
	} {
		t.Run("condition "+name, func(t *testing.T) {
			isFault(t, evaluate(t, faulty(t, vote, nil), requestFor(pdp.View)), "probe", "")
		})
	}
	yes := func() (pdp.Vote, error) { return pdp.Yes, nil }
	for name, execute := range map[string]func(*pdp.Verdict) error{
		"panic": func(*pdp.Verdict) error { panic("boom") },
		"error": func(*pdp.Verdict) error { return errors.New("cannot") },
		"finding before error": func(v *pdp.Verdict) error {
			v.Reject(pdp.Finding{Code: "invalid_scope"})
			v.SetBool(pdp.ConsentRequired, true)
			return errors.New("cannot")
		},
	} {
		t.Run("executor "+name, func(t *testing.T) {
			isFault(t, evaluate(t, faulty(t, yes, execute), requestFor(pdp.View)), "", "probe")
		})
	}
}

func isFault(t *testing.T, resp *pb.EvaluateResponse, condition, executor string) {
	t.Helper()
	if resp.Decision != pb.EvaluateResponse_DECISION_REJECT || resp.Reason != pb.EvaluateResponse_REASON_FAULT {
		t.Fatalf("got %v %v, want REJECT for a fault", resp.Decision, resp.Reason)
	}
	want(t, resp.Error, "server_error", 500, direct)
	if len(resp.Findings) != 1 || len(resp.Mutations) != 0 {
		t.Fatalf("got %d findings and %d mutations, want 1 and 0", len(resp.Findings), len(resp.Mutations))
	}
	if f := resp.Findings[0]; f.Condition != condition || f.Executor != executor || !f.Enforced {
		t.Errorf("got finding %v, want it of condition %q, executor %q, enforced", f, condition, executor)
	}
}

type probeCondition func() (pdp.Vote, error)

func (c probeCondition) Vote(*pdp.Request) (pdp.Vote, error) { return c() }

type probeExecutor func(*pdp.Verdict) error

func (x probeExecutor) Execute(_ *pdp.Request, v *pdp.Verdict) error { return x(v) }

// faulty returns a realm with one policy of a given condition and executor.
func faulty(t *testing.T, vote probeCondition, execute probeExecutor) *pdp.Realm {
	t.Helper()
	return probing(t, pb.Policy_ENFORCEMENT_ENFORCE, vote, execute)
}

// probing returns a realm with one policy of a given enforcement, condition and executor.
func probing(t *testing.T, enforcement pb.Policy_Enforcement, vote probeCondition, execute probeExecutor) *pdp.Realm {
	t.Helper()
	registry, err := pdp.NewRegistry(
		[]pdp.ConditionInfo{{ID: "probe", Doc: "probe", Events: pdp.AllEvents, New: pdp.Configure(func(pdp.NoConfig) (pdp.Condition, error) { return vote, nil })}},
		[]pdp.ExecutorInfo{{ID: "probe", Doc: "probe", Events: pdp.AllEvents, New: pdp.Configure(func(pdp.NoConfig) (pdp.Executor, error) { return execute, nil })}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := pdp.NewCompiler(registry, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	set := policySet(t, `{"profiles":[{"name":"p","executors":[{"executor":"probe"}]}],
		"policies":[{"name":"all","enabled":true,"conditions":[{"condition":"probe"}],"profiles":["p"]}]}`)
	set.Policies[0].Enforcement = enforcement
	realm, errs := c.Compile(set, nil)
	if len(errs) > 0 {
		t.Fatal(pdp.JoinErrors(errs))
	}
	return realm
}

// A built-in profile that lacks an executor is unavailable and cannot be named;
// it is never partly loaded.
func TestUnavailableProfile(t *testing.T) {
	registry, err := pdp.NewRegistry(nil, []pdp.ExecutorInfo{{
		ID: "here", Doc: "here", Events: pdp.AllEvents,
		New: pdp.Configure(func(pdp.NoConfig) (pdp.Executor, error) { return probeExecutor(nil), nil }),
	}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := pdp.NewCompiler(registry, []*pb.Profile{{Name: "half", Executors: []*pb.ProfileExecutor{{Executor: "here"}, {Executor: "gone"}}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ok, lacking := c.Available("half"); ok || !slices.Equal(lacking, []string{"gone"}) {
		t.Errorf("got available %v, lacking %v; want false, [gone]", ok, lacking)
	}
	realm, errs := c.Compile(&pb.PolicySet{Policies: []*pb.Policy{{Name: "x", Profiles: []string{"half"}}}}, nil)
	if realm != nil || len(errs) != 1 || errs[0].Path != "/policies/0/profiles/0" {
		t.Errorf("got realm %v and %v, want a refusal at /policies/0/profiles/0", realm, errs)
	}
}

// Everything that is wrong is reported at once, with its place.
func TestCompileReportsAll(t *testing.T) {
	set := policySet(t, `{"profiles":[
		{"name":"p","executors":[{"executor":"pkce-enforcr"},{"executor":"pkce-enforcer","configuration":{"auto-configure":"yes","auto-configur":true}}]},
		{"name":"p"},{"name":"fapi-1-baseline"},{"name":".."},{"name":""}],
		"policies":[{"name":"x","mode":"strict","enforcement":7,"events":[99],"profiles":["nope","p","p"],
		"conditions":[{"condition":"client-role"},{"condition":"client-roles","configuration":{"roles":{},"is-negative-logic":"no"}}]}]}`)
	_, errs := compiler(t).Compile(set, &pb.RealmSettings{OmittedFacts: []string{"/client/nope", "client"}, Compatibility: pb.RealmSettings_Compatibility(9).Enum()})
	var got []string
	for _, e := range errs {
		got = append(got, e.Path)
	}
	want := []string{
		"/profiles/0/executors/0/executor", "/profiles/0/executors/1/configuration/auto-configure",
		"/profiles/0/executors/1/configuration/auto-configur", "/profiles/1/name", "/profiles/2/name", "/profiles/3/name", "/profiles/4/name",
		"/policies/0/mode", "/policies/0/enforcement", "/policies/0/events/0", "/policies/0/conditions/0/condition",
		"/policies/0/conditions/1/configuration/is-negative-logic", "/policies/0/conditions/1/configuration/roles",
		"/policies/0/profiles/0", "/policies/0/profiles/2", "/settings/compatibility", "/settings/omittedFacts/0", "/settings/omittedFacts/1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places differ (-want +got):\n%s\n%v", diff, pdp.JoinErrors(errs))
	}
}

// Policies under warn and audit are judged on an overlay of their own.
func TestModes(t *testing.T) {
	realm := compile(t, policySet(t, `{
		"profiles":[{"name":"p","executors":[{"executor":"pkce-enforcer","configuration":{"auto-configure":true}},{"executor":"reject-request"}]},
		            {"name":"judge","executors":[{"executor":"pkce-enforcer"}]}],
		"policies":[
		 {"name":"warn","enabled":true,"enforcement":"ENFORCEMENT_WARN","conditions":[{"condition":"any-client"}],"profiles":["p"]},
		 {"name":"audit","enabled":true,"enforcement":"ENFORCEMENT_AUDIT","conditions":[{"condition":"any-client"}],"profiles":["p"]},
		 {"name":"enforce","enabled":true,"conditions":[{"condition":"any-client"}],"profiles":["judge"]}]}`))
	req := requestFor(pdp.Register)
	req.Options = &pb.EvaluateOptions{Explain: true, ReturnClient: true}
	resp := evaluate(t, realm, req)
	var got []string
	for _, f := range resp.Findings {
		got = append(got, fmt.Sprint(f.Policy, " ", f.Executor, " ", f.Enforced))
	}
	if diff := cmp.Diff([]string{"warn reject-request false", "enforce pkce-enforcer true"}, got); diff != "" {
		t.Errorf("findings differ (-want +got):\n%s", diff)
	}
	if len(resp.Mutations) != 0 || len(resp.ProposedMutations) != 1 || resp.ProposedMutations[0].Policy != "warn" {
		t.Errorf("got mutations %v, proposed %v; want none and one of warn", resp.Mutations, resp.ProposedMutations)
	}
	if resp.Error.GetCode() != "invalid_client_metadata" {
		t.Errorf("got error %q, want that of the enforced policy", resp.Error.GetCode())
	}
	audited := resp.Trace.Policies[1].Executors
	if len(audited[1].Findings) != 1 || len(audited[0].Mutations) != 1 {
		t.Errorf("the trace lacks what the audited policy found: %v", audited)
	}
	if !slices.Equal(resp.AppliedPolicies, []string{"warn", "audit", "enforce"}) {
		t.Errorf("got applied policies %v", resp.AppliedPolicies)
	}
}

// The same request gives the same answer, and a reused answer keeps nothing.
func TestDeterminismAndReuse(t *testing.T) {
	realm := compile(t, rejectAll())
	fresh, reused := &pb.EvaluateResponse{}, &pb.EvaluateResponse{}
	for _, event := range append(pdp.AllEvents.List(), pdp.View) {
		req := requestFor(event)
		for _, resp := range []*pb.EvaluateResponse{fresh, reused} {
			if err := realm.Evaluate(req, pdp.Env{Now: now}, resp); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(evaluate(t, realm, req), reused, protocmp.Transform()); diff != "" {
			t.Fatalf("%v: reused answer differs (-fresh +reused):\n%s", event, diff)
		}
	}
}
