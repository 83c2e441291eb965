package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/document"
	"github.com/sidegate/sidegate/pdp"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

var decisionListing = listing{"decisions", []column{
	{"TIME", 20, moment("time")},
	{"OUTCOME", 7, outcomeCell},
	{"EVENT", 22, enum("event", "EVENT_")},
	{"CLIENT", 20, textOf("clientId")},
	{"WHY", 20, whyCell},
	{"ID", 22, textOf("decisionId")},
}}

func outcomeCell(a *app, n *document.Node) any {
	d := clientpolicyv1.EvaluateResponse_Decision_value[scalar(n, "decision")]
	return a.verdict(clientpolicyv1.EvaluateResponse_Decision(d))
}

// whyCell is the error, else the reason; and what was lost before.
func whyCell(_ *app, n *document.Node) any {
	why := scalar(n.Get("error"), "code")
	if why == "" {
		why = strings.TrimPrefix(scalar(n, "reason"), "REASON_")
	}
	if lost := scalar(n, "lostBefore"); lost != "" && lost != "0" {
		why += fmt.Sprintf(" (%s lost before)", lost)
	}
	return why
}

func (a *app) decisionVerbs() *cobra.Command {
	var s span
	c := &cobra.Command{
		Use:   "decisions [ID]",
		Short: "Show decisions that were kept, newest first, or one of them whole",
		Long: "Shows the decision log of a realm. An id that begins with a dash stands after --.\n" +
			"With --follow it shows decisions as they are kept, until it is interrupted.",
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usage("decisions: expected one id at most, got %d", len(args))
		}
		for _, arg := range args {
			if hint := pdp.Suggest(arg, subcommands(c)); strings.Contains(hint, "did you mean") {
				return usage("decisions: unknown command %q%s", arg, hint)
			}
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		realm, err := a.realm("decisions")
		if err != nil {
			return err
		}
		path := realmPath(realm, "/decisions")
		if len(args) == 1 {
			return a.showDecision(c.Context(), path+"/"+segment(args[0]))
		}
		book := logbook{verb: "decisions", path: path, follow: path + ":follow", listing: decisionListing, id: "decisionId"}
		return book.show(c.Context(), a, &s)
	}
	s.spanFlags(c, "decision=REJECT AND clientId=app")
	s.listFlags(c)
	a.realmFlag(c)
	a.serverFlags(c)
	a.outputFlag(c)
	c.AddCommand(a.decisionExport(), a.decisionReplay(), a.decisionErase())
	return c
}

func subcommands(c *cobra.Command) []string {
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	return names
}

func (a *app) decisionNames(ctx context.Context, _ *cobra.Command) []string {
	realm, err := a.realm("completion")
	if err != nil {
		return nil
	}
	return a.lookUp(ctx, realmPath(realm, "/decisions"), "decisions", "decisionId")
}

// lenient reads an answer into a message; members of newer servers are let be.
func lenient(n *document.Node, m proto.Message) error {
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(n.JSON(), m); err != nil {
		return fmt.Errorf("the answer is not that of this version: %w", err)
	}
	return nil
}

func (a *app) showDecision(ctx context.Context, path string) error {
	client, err := a.connect()
	if err != nil {
		return err
	}
	got, err := client.get(ctx, path, nil)
	if err != nil {
		return err
	}
	d := &clientpolicyv1.LoggedDecision{}
	if err := lenient(got.body, d); err != nil {
		return err
	}
	return a.print(got.body, func(t table.Writer) { a.decisionRows(t, d, got.body) })
}

// decisionRows shows a decision as evaluate does, and what the log knows besides.
func (a *app) decisionRows(t table.Writer, d *clientpolicyv1.LoggedDecision, n *document.Node) {
	for _, r := range []struct{ name, text string }{
		{"id", d.GetDecisionId()}, {"time", scalar(n, "time")}, {"caller", d.GetCaller()},
		{"realm", fmt.Sprintf("%s, revision %d", d.GetRealm(), d.GetRevision())},
		{"event", strings.TrimPrefix(d.GetEvent().String(), "EVENT_")},
		{"client", d.GetClientId()}, {"user", d.GetUser()}, {"took", d.GetDuration().AsDuration().String()},
		{"trace", d.GetTraceId()}, {"masked", strings.Join(d.GetMasked(), ", ")},
	} {
		if r.text != "" {
			t.AppendRow(table.Row{r.name, r.text})
		}
	}
	a.answerRows(t, &clientpolicyv1.EvaluateResponse{
		Decision: d.GetDecision(), Reason: d.GetReason(), Error: d.GetError(), AppliedPolicies: d.GetAppliedPolicies(),
		Findings: d.GetFindings(), Mutations: d.GetMutations(), ProposedMutations: d.GetProposedMutations(), Obligations: d.GetObligations(),
	})
	if d.GetLostBefore() > 0 {
		t.AppendRow(table.Row{"lost", fmt.Sprintf("%d decisions of the server right before this one", d.GetLostBefore())})
	}
	if request := n.Get("request"); request != nil {
		t.AppendRow(table.Row{"request", string(request.JSON())})
	}
}
