package pdp

import (
	"time"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// tracer builds the trace of an evaluation. Its zero value traces nothing.
type tracer struct {
	clock    func() time.Time
	trace    *pb.Trace
	at       *pb.PolicyTrace
	running  *pb.ExecutorTrace
	began    time.Time
	policyAt time.Time
	stepAt   time.Time
}

func (t *tracer) begin(e *evaluation) {
	*t = tracer{}
	if e.req.explaining = e.req.msg.Options.GetExplain(); !e.req.explaining {
		return
	}
	t.clock, t.trace = e.env.Clock, &pb.Trace{}
	t.began = t.now()
	e.out.Trace = t.trace
}

func (t *tracer) now() time.Time {
	if t.clock == nil {
		return time.Time{}
	}
	return t.clock()
}

func (t *tracer) since(start time.Time) *durationpb.Duration {
	if t.clock == nil {
		return nil
	}
	return durationpb.New(t.clock().Sub(start))
}

func (t *tracer) policy(e *evaluation) {
	if t.trace == nil {
		return
	}
	p := e.policy
	t.at = &pb.PolicyTrace{Policy: p.name, Global: p.global, Enforcement: p.enforcement}
	t.trace.Policies = append(t.trace.Policies, t.at)
	t.policyAt = t.now()
	t.stepAt = t.policyAt
}

func (t *tracer) notAsked(e *evaluation) {
	if t.trace == nil {
		return
	}
	switch p := e.policy; {
	case !p.enabled:
		t.at.Reason = "the policy is disabled"
	case len(p.conditions) == 0:
		t.at.Reason = "the policy has no conditions"
	default:
		t.at.Reason = "the policy is narrowed to other events"
	}
}

func (t *tracer) condition(e *evaluation, c *boundCondition, vote Vote, err error) {
	if t.trace == nil {
		return
	}
	step := &pb.ConditionTrace{Condition: c.info.ID, Negated: c.negated, Reason: e.req.because, Duration: t.since(t.stepAt)}
	switch {
	case err != nil:
		step.Vote, step.Reason = pb.ConditionTrace_VOTE_FAULT, err.Error()
	case !c.info.Events.Has(e.req.msg.Event):
		step.Vote, step.Negated = pb.ConditionTrace_VOTE_ABSTAIN, false
		step.Reason = "the condition abstains on " + EventName(e.req.msg.Event)
	default:
		step.Vote = votes[vote]
	}
	t.at.Conditions = append(t.at.Conditions, step)
	t.at.Reason = conclusion(step, e.policy.strict)
	t.stepAt = t.now()
}

var votes = map[Vote]pb.ConditionTrace_Vote{
	Yes: pb.ConditionTrace_VOTE_YES, No: pb.ConditionTrace_VOTE_NO, Abstain: pb.ConditionTrace_VOTE_ABSTAIN,
}

// conclusion tells what a vote means for a policy that does not apply.
func conclusion(step *pb.ConditionTrace, strict bool) string {
	switch {
	case step.Vote == pb.ConditionTrace_VOTE_FAULT:
		return "condition " + step.Condition + " could not decide"
	case step.Vote == pb.ConditionTrace_VOTE_NO:
		return "condition " + step.Condition + " voted NO"
	case step.Vote == pb.ConditionTrace_VOTE_ABSTAIN && strict:
		return "condition " + step.Condition + " abstained and the mode is STRICT"
	}
	return "no condition voted YES"
}

func (t *tracer) endPolicy(applied bool) {
	if t.trace == nil {
		return
	}
	if t.at.Applied = applied; applied {
		t.at.Reason = "no condition voted NO and at least one voted YES"
	}
	t.at.Duration = t.since(t.policyAt)
}

func (t *tracer) executor(e *evaluation) {
	if t.trace == nil {
		return
	}
	t.running = &pb.ExecutorTrace{Profile: e.profile.name, Executor: e.executor.info.ID}
	t.at.Executors = append(t.at.Executors, t.running)
	t.stepAt = t.now()
}

func (t *tracer) endExecutor(e *evaluation) {
	if t.trace == nil {
		return
	}
	switch {
	case t.running.Outcome == pb.ExecutorTrace_OUTCOME_FAULT:
	case !e.executor.info.Events.Has(e.req.msg.Event):
		t.running.Outcome = pb.ExecutorTrace_OUTCOME_NOT_APPLICABLE
		t.running.Reason = "the executor does not act on " + EventName(e.req.msg.Event)
	case e.findings > 0:
		t.running.Outcome, t.running.Reason = pb.ExecutorTrace_OUTCOME_REJECT, t.running.Findings[0].Description
	default:
		t.running.Outcome, t.running.Reason = pb.ExecutorTrace_OUTCOME_PASS, t.passed(e.req.because)
	}
	t.running.Duration = t.since(t.stepAt)
	t.running = nil
}

// undo forgets what the running executor said.
func (t *tracer) undo() {
	if t.running != nil {
		t.running.Findings, t.running.Mutations, t.running.Obligations = nil, nil, nil
	}
}

// passed is why an executor let a request pass, for those that say nothing of it.
func (t *tracer) passed(because string) string {
	switch {
	case because != "":
		return because
	case len(t.running.Mutations) > 0:
		return "the executor changes the client"
	case len(t.running.Obligations) > 0:
		return "the executor asks for an obligation"
	}
	return "the executor has nothing to object to"
}

func (t *tracer) fault(err error) {
	if t.running != nil {
		t.running.Outcome, t.running.Reason = pb.ExecutorTrace_OUTCOME_FAULT, err.Error()
	}
}

func (t *tracer) finding(f *pb.Finding) {
	if t.running != nil {
		t.running.Findings = append(t.running.Findings, f)
	}
}

func (t *tracer) mutation(m *pb.Mutation) {
	if t.running != nil {
		t.running.Mutations = append(t.running.Mutations, m)
	}
}

func (t *tracer) obligation(o *pb.Obligation) {
	if t.running != nil {
		// A copy: what is asked for may yet be merged with what others ask for.
		t.running.Obligations = append(t.running.Obligations, proto.CloneOf(o))
	}
}

func (t *tracer) end() {
	if t.trace != nil {
		t.trace.Duration = t.since(t.began)
	}
}
