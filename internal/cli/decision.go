package cli

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/sidegate/sidegate/client"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"google.golang.org/protobuf/types/known/structpb"
)

// printDecision shows an answer.
func (a *app) printDecision(r *clientpolicyv1.EvaluateResponse) error {
	doc, err := tree(r)
	if err != nil {
		return err
	}
	return a.print(doc, func(t table.Writer) { a.answerRows(t, r) })
}

func (a *app) answerRows(t table.Writer, r *clientpolicyv1.EvaluateResponse) {
	t.AppendRow(table.Row{"decision", a.verdict(r.GetDecision())})
	t.AppendRow(table.Row{"reason", strings.TrimPrefix(r.GetReason().String(), "REASON_")})
	if e := r.GetError(); e != nil {
		t.AppendRow(table.Row{"error", fmt.Sprintf("%s (%d): %s", e.GetCode(), e.GetHttpStatus(), e.GetDescription())})
	}
	if len(r.GetAppliedPolicies()) > 0 {
		t.AppendRow(table.Row{"policies", strings.Join(r.GetAppliedPolicies(), ", ")})
	}
	findings(t, r.GetFindings())
	mutations(t, "change", r.GetMutations())
	mutations(t, "would change", r.GetProposedMutations())
	for _, o := range r.GetObligations() {
		t.AppendRow(table.Row{"obligation", fmt.Sprintf("%s (%s)", client.KindOf(o), o.GetExecutor())})
	}
	explain(t, r.GetTrace())
}

func (a *app) verdict(d clientpolicyv1.EvaluateResponse_Decision) painted {
	word := strings.TrimPrefix(d.String(), "DECISION_")
	if d == clientpolicyv1.EvaluateResponse_DECISION_ALLOW {
		return a.colour(text.FgGreen, word)
	}
	return a.colour(text.FgRed, word)
}

func findings(t table.Writer, list []*clientpolicyv1.Finding) {
	for _, f := range list {
		kind := "finding"
		if !f.GetEnforced() {
			kind = "finding, not enforced"
		}
		by := f.GetExecutor()
		if by == "" {
			by = f.GetCondition()
		}
		line := fmt.Sprintf("%s / %s / %s: %s: %s", f.GetPolicy(), f.GetProfile(), by, f.GetError(), f.GetDescription())
		t.AppendRow(table.Row{kind, line})
		for _, more := range []struct{ name, text string }{
			{"field", f.GetField()}, {"expected", f.GetExpected()}, {"actual", f.GetActual()}, {"spec", f.GetSpec()}, {"remedy", f.GetRemedy()},
		} {
			if more.text != "" {
				t.AppendRow(table.Row{"", more.name + ": " + more.text})
			}
		}
	}
}

func mutations(t table.Writer, kind string, list []*clientpolicyv1.Mutation) {
	for _, m := range list {
		line := fmt.Sprintf("remove %s", m.GetPath())
		if m.GetOp() == clientpolicyv1.Mutation_OP_SET {
			line = fmt.Sprintf("set %s to %s", m.GetPath(), literal(m.GetValue()))
		}
		t.AppendRow(table.Row{kind, fmt.Sprintf("%s (%s)", line, m.GetExecutor())})
	}
}

// literal is a value as JSON, as far as there is room.
func literal(v *structpb.Value) string {
	data, err := v.MarshalJSON()
	if err != nil {
		return "(no JSON form)"
	}
	return clip(string(data))
}

// explain shows the course: a line per policy, condition and executor.
func explain(t table.Writer, trace *clientpolicyv1.Trace) {
	for _, p := range trace.GetPolicies() {
		applied := "does not apply"
		if p.GetApplied() {
			applied = "applies"
		}
		t.AppendRow(table.Row{"policy", because(p.GetPolicy()+" "+applied, p.GetReason())})
		for _, c := range p.GetConditions() {
			vote := strings.TrimPrefix(c.GetVote().String(), "VOTE_")
			t.AppendRow(table.Row{"  condition", because(c.GetCondition()+" "+vote, c.GetReason())})
		}
		for _, x := range p.GetExecutors() {
			outcome := strings.TrimPrefix(x.GetOutcome().String(), "OUTCOME_")
			t.AppendRow(table.Row{"  executor", because(x.GetProfile()+" / "+x.GetExecutor()+" "+outcome, x.GetReason())})
		}
	}
}

func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}
