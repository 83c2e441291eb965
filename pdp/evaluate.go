package pdp

import (
	"fmt"
	"sync"
	"time"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/types/known/structpb"
)

// Env is what an evaluation takes from outside, so that it stays deterministic.
type Env struct {
	// Now counts as now when the request names no evaluation time.
	Now time.Time
	// Clock measures the durations of a trace; nil leaves them out.
	Clock func() time.Time
	// Ask reaches the endpoints that configurations name; nil is offline.
	Ask Ask
	// Audited takes what policies under audit say; nil when nobody keeps it.
	Audited *Audited
}

// evaluation is the state of one evaluation, pooled.
type evaluation struct {
	req     Request
	verdict Verdict
	realm   *Realm
	out     *pb.EvaluateResponse
	env     Env
	found   []int32 // candidates that values lead to

	policy   *policy
	profile  *profile
	executor *boundExecutor
	findings int // by the running executor

	rejected bool    // an enforced finding stands
	fault    bool    // and the first one is a fault
	first    Finding // the first one
	unsafe   bool    // one of them says that the redirect URI must not be used, or could not tell
	rotated  bool    // an executor keeps the expiry of secrets

	trace tracer
}

var evaluations = sync.Pool{New: func() any {
	e := &evaluation{}
	e.verdict.e = e
	return e
}}

// Evaluate judges one request and writes the answer into out, whose slices it
// reuses. The request must have passed [CheckInput]; required members are checked
// here. The error is a [RequestError]; with one, out is of no use.
//
// Revision and decision id are left to the caller.
func (r *Realm) Evaluate(req *pb.EvaluateRequest, env Env, out *pb.EvaluateResponse) error {
	if err := checkRequired(req); err != nil {
		return err
	}
	e := evaluations.Get().(*evaluation)
	defer e.release()
	e.begin(r, req, env, out)
	e.run()
	e.answer()
	return nil
}

func (e *evaluation) begin(r *Realm, req *pb.EvaluateRequest, env Env, out *pb.EvaluateResponse) {
	e.realm, e.env, e.out = r, env, out
	e.req = Request{msg: req, now: env.Now, keycloak: r.keycloak, omitted: r.omitted, changes: e.req.changes[:0], ask: env.Ask}
	if t := req.Options.GetEvaluationTime(); t != nil {
		e.req.now = t.AsTime()
	}
	e.rejected, e.fault, e.unsafe, e.rotated, e.first = false, false, false, false, Finding{}
	resetKeeping(out)
	env.Audited.Reset()
	e.trace.begin(e)
}

// resetKeeping empties an answer and keeps its slices.
func resetKeeping(out *pb.EvaluateResponse) {
	out.Decision, out.Reason, out.Revision, out.DecisionId = 0, 0, 0, ""
	out.Error, out.WireError, out.Client, out.Trace = nil, nil, nil, nil
	clear(out.Findings[:cap(out.Findings)])
	clear(out.Mutations[:cap(out.Mutations)])
	clear(out.ProposedMutations[:cap(out.ProposedMutations)])
	clear(out.Obligations[:cap(out.Obligations)])
	out.Findings, out.Mutations = out.Findings[:0], out.Mutations[:0]
	out.ProposedMutations, out.Obligations = out.ProposedMutations[:0], out.Obligations[:0]
	out.AppliedPolicies = out.AppliedPolicies[:0]
}

// release forgets everything that belongs to the request.
func (e *evaluation) release() {
	clear(e.req.changes[:cap(e.req.changes)])
	e.req = Request{changes: e.req.changes[:0]}
	e.realm, e.out, e.env, e.policy, e.profile, e.executor = nil, nil, Env{}, nil, nil, nil
	e.first, e.trace = Finding{}, tracer{}
	evaluations.Put(e)
}

func (e *evaluation) run() {
	index := e.realm.events[e.req.msg.Event]
	if e.req.explaining {
		for _, p := range e.realm.policies {
			e.judge(p)
		}
	} else {
		for _, i := range e.candidates(index) {
			e.judge(e.realm.policies[i])
		}
	}
	e.dropRotated()
}

// judge runs one policy. One that does not enforce is judged on an overlay of its
// own: what it would change nobody after it sees (contract 2.3.5).
func (e *evaluation) judge(p *policy) {
	e.policy = p
	e.trace.policy(e)
	applies := e.satisfied()
	if applies {
		e.apply()
	}
	e.trace.endPolicy(applies)
}

func (e *evaluation) apply() {
	e.out.AppliedPolicies = append(e.out.AppliedPolicies, e.policy.name)
	mark := len(e.req.changes)
	for _, profile := range e.policy.profiles {
		e.profile = profile
		executors := profile.byEvent[e.req.msg.Event]
		if e.req.explaining {
			executors = profile.executors
		}
		for _, x := range executors {
			e.execute(x)
		}
	}
	e.profile = nil
	if !e.enforcing() {
		e.req.changes = e.req.changes[:mark]
	}
}

func (e *evaluation) enforcing() bool {
	return e.policy == nil || e.policy.enforcement == pb.Policy_ENFORCEMENT_ENFORCE
}

// satisfied asks the conditions in order (engine.md 1).
func (e *evaluation) satisfied() bool {
	p := e.policy
	if !p.enabled || !p.events.Has(e.req.msg.Event) || len(p.conditions) == 0 {
		e.trace.notAsked(e)
		return false
	}
	yes := false
	for _, c := range p.conditions {
		vote, err := e.vote(c)
		e.trace.condition(e, c, vote, err)
		switch {
		case err != nil:
			e.faulted(c.info.ID, err)
			return false
		case vote == No, vote == Abstain && p.strict:
			return false
		case vote == Yes:
			yes = true
		}
	}
	return yes
}

// vote returns a condition's vote after negation. It abstains for a condition
// that has nothing to say on the event.
func (e *evaluation) vote(c *boundCondition) (vote Vote, err error) {
	if !c.info.Events.Has(e.req.msg.Event) {
		return Abstain, nil
	}
	defer e.recovered(&err)
	e.req.missing, e.req.unreadable, e.req.because = "", false, ""
	e.req.delta = false
	vote, err = c.condition.Vote(&e.req)
	switch {
	case err != nil:
	case vote == Abstain: // abstaining reads nothing that could be missing
	case e.req.missing != "":
		err = &missingError{e.req.missing, e.req.unreadable}
	case vote != Yes && vote != No:
		err = fmt.Errorf("condition gave no vote")
	case c.negated:
		vote = Yes + No - vote
	}
	return vote, err
}

func (e *evaluation) execute(x *boundExecutor) {
	e.executor, e.findings = x, 0
	e.trace.executor(e)
	if x.info.Events.Has(e.req.msg.Event) {
		before := e.mark()
		if err := e.call(x); err != nil {
			e.undo(before)
			e.faulted("", err)
			e.trace.fault(err)
		}
	}
	e.trace.endExecutor(e)
	e.executor = nil
}

// marks are the lengths of what an executor may add to.
type marks struct {
	findings, mutations, proposed, obligations, changes int
	audited, auditedMutations                           int

	rejected, fault, unsafe bool
	first                   Finding
}

func (e *evaluation) mark() marks {
	audited, mutations := e.env.Audited.lengths()
	return marks{
		len(e.out.Findings), len(e.out.Mutations), len(e.out.ProposedMutations), len(e.out.Obligations),
		len(e.req.changes), audited, mutations, e.rejected, e.fault, e.unsafe, e.first,
	}
}

// undo takes back what an executor said before it turned out that it cannot
// decide: what it concluded from a missing fact is worth nothing.
func (e *evaluation) undo(m marks) {
	e.out.Findings, e.out.Mutations = e.out.Findings[:m.findings], e.out.Mutations[:m.mutations]
	e.out.ProposedMutations = e.out.ProposedMutations[:m.proposed]
	e.out.Obligations = e.out.Obligations[:m.obligations]
	e.env.Audited.cut(m.audited, m.auditedMutations)
	e.req.changes = e.req.changes[:m.changes]
	e.rejected, e.fault, e.unsafe, e.first = m.rejected, m.fault, m.unsafe, m.first
	e.trace.undo()
}

func (e *evaluation) call(x *boundExecutor) (err error) {
	defer e.recovered(&err)
	e.req.missing, e.req.unreadable, e.req.because = "", false, ""
	e.req.delta = x.info.Delta && e.req.keycloak
	err = x.executor.Execute(&e.req, &e.verdict)
	if err == nil && e.req.missing != "" {
		err = &missingError{e.req.missing, e.req.unreadable}
	}
	return err
}

// recovered turns a panic into an error: a fault of the provider, never an ALLOW.
func (e *evaluation) recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("provider panicked: %v", p)
	}
}

// missingError tells which fact a provider needed and did not get, or could not read.
type missingError struct {
	fact       string
	unreadable bool
}

func (m *missingError) Error() string {
	if m.unreadable {
		return fmt.Sprintf("the fact %s was sent and cannot be read", m.fact)
	}
	return fmt.Sprintf("the fact %s is needed and was not sent", m.fact)
}

// full returns the effective client with all mutations, whatever the running
// executor may see.
func (e *evaluation) full() Client {
	c := e.req.unchanged()
	c.changes = e.req.changes
	return c
}

// find records an objection of the running executor.
func (e *evaluation) find(f Finding) {
	e.findings++
	e.record(f, "", false)
}

// faulted records that a provider could not decide. It rejects, whatever comes after.
func (e *evaluation) faulted(condition string, err error) {
	f := Finding{Code: oauth.ServerError, Status: 500, Description: "could not decide: " + err.Error(), Spec: "RFC 6749 §4.1.2.1"}
	if m, ok := err.(*missingError); ok { //nolint:errorlint // made here, never wrapped
		f.Field = m.fact
		f.Remedy = "send the fact, or use a policy that does not need it"
		if m.unreadable {
			f.Remedy = "send what can be read, or what the provider itself has read"
		}
	}
	e.record(f, condition, true)
}

func (e *evaluation) record(f Finding, condition string, fault bool) {
	enforced := e.enforcing()
	if enforced && !e.rejected {
		e.rejected, e.fault, e.first = true, fault, f
	}
	if enforced && e.executor != nil && e.executor.info.UnsafeRedirect {
		e.unsafe = true
	}
	finding := &pb.Finding{
		Policy: e.policy.name, Error: f.Code, Field: f.Field, Expected: f.Expected, Actual: f.Actual,
		Spec: f.Spec, Remedy: f.Remedy, Enforced: enforced, Description: f.describe(), Condition: condition,
	}
	if e.executor != nil {
		finding.Profile, finding.Executor = e.profile.name, e.executor.info.ID
	}
	e.trace.finding(finding)
	if e.policy.enforcement == pb.Policy_ENFORCEMENT_AUDIT {
		e.env.Audited.finding(finding)
		return
	}
	e.out.Findings = append(e.out.Findings, finding)
}

// keep overlays what leaves the client as it is, for an executor that does not see
// the stored client. It is not asked for.
func (e *evaluation) keep(c change) {
	if e.req.delta {
		e.req.changes = append(e.req.changes, c)
	}
}

// change overlays a mutation and asks for it.
func (e *evaluation) change(c change, previous, value *structpb.Value) {
	e.req.changes = append(e.req.changes, c)
	m := &pb.Mutation{Op: pb.Mutation_OP_SET, Target: e.target(), Path: c.path, Value: value, Previous: previous}
	if c.remove {
		m.Op = pb.Mutation_OP_REMOVE
	}
	if e.executor != nil {
		m.Policy, m.Profile, m.Executor = e.policy.name, e.profile.name, e.executor.info.ID
	}
	e.trace.mutation(m)
	switch {
	case e.enforcing():
		e.out.Mutations = append(e.out.Mutations, m)
	case e.policy.enforcement == pb.Policy_ENFORCEMENT_WARN:
		e.out.ProposedMutations = append(e.out.ProposedMutations, m)
	default:
		e.env.Audited.mutation(m)
	}
}

// target is the stored client on the -ED events and outside the writing of
// clients, else the proposed one (events.md C20).
func (e *evaluation) target() pb.Mutation_Target {
	if e.req.msg.Event == Register || e.req.msg.Event == Update {
		return pb.Mutation_TARGET_PROPOSED
	}
	return pb.Mutation_TARGET_STORED
}

// oblige records an obligation; policies that do not enforce give none.
func (e *evaluation) oblige(o *pb.Obligation) {
	if e.executor != nil {
		o.Policy, o.Profile, o.Executor = e.policy.name, e.profile.name, e.executor.info.ID
	}
	e.trace.obligation(o)
	if !e.enforcing() {
		return
	}
	for _, old := range e.out.Obligations {
		if mergeObligation(old, o) {
			return
		}
	}
	e.out.Obligations = append(e.out.Obligations, o)
}
