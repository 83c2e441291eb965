package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/document"
	"github.com/spf13/cobra"
)

func (a *app) decisionReplay() *cobra.Command {
	var revision int64
	c := &cobra.Command{
		Use:   "replay ID",
		Short: "Ask a kept decision again of another revision",
		Long: "Shows what the revision in force, or that of --revision, would answer now.\n" +
			"Exit code 1 when that is another answer.",
		Args: one("id of a decision"),
		RunE: func(c *cobra.Command, args []string) error {
			if revision < 0 {
				return usage("decisions replay: --revision: expected 1 or more")
			}
			return a.replay(c.Context(), args[0], revision)
		},
	}
	c.ValidArgsFunction = func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.offer(c, a.decisionNames, nil, word)
	}
	c.Flags().Int64Var(&revision, "revision", 0, "revision to ask; 0 means the one in force")
	a.suggest(c, "revision", a.revisionNames)
	a.realmFlag(c)
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

func (a *app) replay(ctx context.Context, id string, revision int64) error {
	realm, err := a.realm("decisions replay")
	if err != nil {
		return err
	}
	client, err := a.connect()
	if err != nil {
		return err
	}
	query := url.Values{}
	if revision > 0 {
		query.Set("revision", fmt.Sprint(revision))
	}
	got, err := client.do(ctx, call{method: http.MethodPost, path: realmPath(realm, "/decisions/"+segment(id)+":replay"), query: query})
	if err != nil {
		return err
	}
	r := &clientpolicyv1.ReplayDecisionResponse{}
	if err := lenient(got.body, r); err != nil {
		return err
	}
	if err := a.printReplay(r, got.body); err != nil || !r.GetDiffers() {
		return err
	}
	return quiet(exitFailed)
}

func (a *app) printReplay(r *clientpolicyv1.ReplayDecisionResponse, n *document.Node) error {
	return a.print(n, func(t table.Writer) {
		then := r.GetDecision()
		t.AppendRow(table.Row{fmt.Sprintf("revision %d", then.GetRevision()), a.verdict(then.GetDecision())})
		t.AppendRow(table.Row{fmt.Sprintf("revision %d", r.GetRevision()), a.verdict(r.GetResponse().GetDecision())})
		differs := "the same answer"
		if r.GetDiffers() {
			differs = "another answer"
		}
		t.AppendRow(table.Row{"result", differs})
		for _, c := range r.GetCaveats() {
			t.AppendRow(table.Row{"but", c})
		}
		a.answerRows(t, r.GetResponse())
	})
}

func (a *app) decisionErase() *cobra.Command {
	var client, user string
	yes := false
	c := &cobra.Command{
		Use:   "erase --client ID|--user ID",
		Short: "Erase all decisions of a client or of a user, for good",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if client == "" && user == "" {
				return usage("decisions erase: expected --client, --user, or both for the decisions of both together")
			}
			if err := a.answerable("decisions erase", !yes); err != nil {
				return err
			}
			return a.erase(c.Context(), client, user, yes)
		},
	}
	c.Flags().StringVar(&client, "client", "", "client id, as the identity provider sends it")
	c.Flags().StringVar(&user, "user", "", "user id or name, as the identity provider sends it")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	a.realmFlag(c)
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

func (a *app) erase(ctx context.Context, clientID, user string, yes bool) error {
	realm, err := a.realm("decisions erase")
	if err != nil {
		return err
	}
	client, err := a.connect()
	if err != nil {
		return err
	}
	var whose []string
	body := object()
	if clientID != "" {
		body, whose = body.With("clientId", document.NewText(clientID)), append(whose, fmt.Sprintf("client %q", clientID))
	}
	if user != "" {
		body, whose = body.With("user", document.NewText(user)), append(whose, fmt.Sprintf("user %q", user))
	}
	if !yes && !a.confirmed("Erase the decisions of %s in realm %q for good?", strings.Join(whose, " and "), realm) {
		return errors.New("nothing erased")
	}
	got, err := client.do(ctx, call{method: http.MethodPost, path: realmPath(realm, "/decisions:erase"), body: body.JSON()})
	if err != nil {
		return err
	}
	return a.print(got.body, func(table.Writer) { a.say("erased %s", decisionsOf(got.body)) })
}

func decisionsOf(n *document.Node) string {
	switch erased := scalar(n, "erased"); erased {
	case "", "0":
		return "no decisions"
	case "1":
		return "1 decision"
	default:
		return erased + " decisions"
	}
}
