package pdp_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

// audit puts all policies of a set under audit.
func audit(set *pb.PolicySet) *pb.PolicySet {
	set = proto.CloneOf(set)
	for _, p := range set.GetPolicies() {
		p.Enforcement = pb.Policy_ENFORCEMENT_AUDIT
	}
	return set
}

const changeAndReject = `{
	"profiles":[{"name":"p","executors":[{"executor":"pkce-enforcer","configuration":{"auto-configure":true}},{"executor":"reject-request"}]}],
	"policies":[{"name":"all","enabled":true,"conditions":[{"condition":"any-client"}],"profiles":["p"]}]}`

// What policies under audit say is handed over, and the answer is silent about it.
func TestAuditedIsHandedOver(t *testing.T) {
	realm := compile(t, audit(policySet(t, changeAndReject)))
	said, resp := &pdp.Audited{}, &pb.EvaluateResponse{}
	for range 2 { // what is used again keeps nothing
		if err := realm.Evaluate(requestFor(pdp.Register), pdp.Env{Now: now, Audited: said}, resp); err != nil {
			t.Fatal(err)
		}
	}
	if len(said.Findings) != 1 || said.Findings[0].Executor != "reject-request" || said.Findings[0].Enforced {
		t.Errorf("got findings %v, want one of reject-request, not enforced", said.Findings)
	}
	if len(said.Mutations) != 1 || said.Mutations[0].Executor != "pkce-enforcer" {
		t.Errorf("got mutations %v, want one of pkce-enforcer", said.Mutations)
	}
	if len(resp.Findings)+len(resp.Mutations)+len(resp.ProposedMutations) > 0 {
		t.Errorf("the answer tells what is for the log alone: %v", resp)
	}
	if diff := cmp.Diff(evaluate(t, realm, requestFor(pdp.Register)), resp, protocmp.Transform()); diff != "" {
		t.Errorf("the answer depends on who listens (-nobody +log):\n%s", diff)
	}
}

// Policies that enforce or warn hand nothing over.
func TestAuditedIsOfAuditAlone(t *testing.T) {
	set := policySet(t, changeAndReject)
	for _, mode := range []pb.Policy_Enforcement{0, pb.Policy_ENFORCEMENT_ENFORCE, pb.Policy_ENFORCEMENT_WARN} {
		set.Policies[0].Enforcement = mode
		said := &pdp.Audited{Findings: []*pb.Finding{{Policy: "of the request before"}}}
		if err := compile(t, set).Evaluate(requestFor(pdp.Register), pdp.Env{Now: now, Audited: said}, &pb.EvaluateResponse{}); err != nil {
			t.Fatal(err)
		}
		if len(said.Findings)+len(said.Mutations) > 0 {
			t.Errorf("%v: got %v", mode, said)
		}
	}
}

// For every case under audit, what is handed over is what the trace tells.
func TestAuditedIsWhatTheTraceTells(t *testing.T) {
	compiler, findings, mutations := compiler(t), 0, 0
	for _, c := range everyCase(t) {
		realm, problems := compiler.Compile(audit(c.set), c.settings)
		if realm == nil {
			t.Fatal(c.name, problems)
		}
		req := proto.CloneOf(c.req)
		if req.Options == nil {
			req.Options = &pb.EvaluateOptions{}
		}
		req.Options.Explain = true
		said, resp := &pdp.Audited{}, &pb.EvaluateResponse{}
		if err := realm.Evaluate(req, pdp.Env{Now: now, Audited: said}, resp); err != nil {
			t.Fatal(c.name, err)
		}
		for i, f := range said.Findings {
			if f.Condition != "" {
				said.Findings[i] = nil
			}
		}
		if diff := cmp.Diff(traced(resp.Trace), said, protocmp.Transform(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: (-trace +handed over):\n%s", c.name, diff)
		}
		findings, mutations = findings+len(said.Findings), mutations+len(said.Mutations)
	}
	if findings < 500 || mutations < 20 {
		t.Errorf("only %d findings and %d mutations: too few to prove anything", findings, mutations)
	}
}

// traced is what a trace tells of policies under audit. A fault of a condition
// has no finding there.
func traced(trace *pb.Trace) *pdp.Audited {
	said := &pdp.Audited{}
	for _, p := range trace.Policies {
		if p.Enforcement != pb.Policy_ENFORCEMENT_AUDIT {
			continue
		}
		for _, c := range p.Conditions {
			if c.Vote == pb.ConditionTrace_VOTE_FAULT {
				said.Findings = append(said.Findings, nil)
			}
		}
		for _, x := range p.Executors {
			said.Findings = append(said.Findings, x.Findings...)
			said.Mutations = append(said.Mutations, x.Mutations...)
		}
	}
	return said
}

// Of a provider that cannot decide under audit, the fault is handed over and
// nothing of what it said before.
func TestAuditedFaults(t *testing.T) {
	yes := func() (pdp.Vote, error) { return pdp.Yes, nil }
	for name, c := range map[string]struct {
		vote                probeCondition
		execute             probeExecutor
		condition, executor string
	}{
		"condition": {func() (pdp.Vote, error) { return 0, errors.New("cannot") }, nil, "probe", ""},
		"executor": {yes, func(v *pdp.Verdict) error {
			v.Reject(pdp.Finding{Code: "invalid_scope"})
			v.SetBool(pdp.ConsentRequired, true)
			return errors.New("cannot")
		}, "", "probe"},
	} {
		t.Run(name, func(t *testing.T) {
			said, resp := &pdp.Audited{}, &pb.EvaluateResponse{}
			realm := probing(t, pb.Policy_ENFORCEMENT_AUDIT, c.vote, c.execute)
			if err := realm.Evaluate(requestFor(pdp.View), pdp.Env{Now: now, Audited: said}, resp); err != nil {
				t.Fatal(err)
			}
			if resp.Decision != pb.EvaluateResponse_DECISION_ALLOW || len(resp.Findings) > 0 {
				t.Errorf("got %v, want ALLOW without findings", resp)
			}
			if len(said.Findings) != 1 || len(said.Mutations) > 0 {
				t.Fatalf("got %v, want the fault alone", said)
			}
			if f := said.Findings[0]; f.Error != "server_error" || f.Condition != c.condition || f.Executor != c.executor || f.Enforced {
				t.Errorf("got %v", f)
			}
		})
	}
}

// Nobody pays for a log that has nothing to take.
func TestAuditedAllocatesNothing(t *testing.T) {
	set := fapi2Policies(100)
	for name, policies := range map[string]*pb.PolicySet{"enforced": set, "audited and content": audit(set)} {
		for what, said := range map[string]*pdp.Audited{"kept": {}, "not kept": nil} {
			realm, req, resp := compile(t, policies), fapi2(t), &pb.EvaluateResponse{}
			allocs := testing.AllocsPerRun(200, func() {
				if err := realm.Evaluate(req, pdp.Env{Now: now, Audited: said}, resp); err != nil {
					t.Fatal(err)
				}
			})
			if len(resp.AppliedPolicies) != 1 || allocs != 0 {
				t.Errorf("%s, %s: got %v allocations, want none", name, what, allocs)
			}
		}
	}
}
