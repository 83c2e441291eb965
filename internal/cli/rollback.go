package cli

import (
	"context"
	"fmt"
	"net/http"

	"github.com/sidegate/sidegate/internal/document"
	"github.com/spf13/cobra"
)

// rolling is one run of rollback.
type rolling struct {
	*app
	writing
	realm, revision string
	client          *api
}

func (a *app) rollback() *cobra.Command {
	r := &rolling{app: a}
	c := &cobra.Command{
		Use:   "rollback REVISION",
		Short: "Make a realm what it was at a revision, after showing what changes",
		Long: "Makes a new revision that is equal to an old one, settings included, if nobody changed the realm\n" +
			"since the differences were shown. The revisions in between stay in the history.",
		Args: func(c *cobra.Command, args []string) error {
			if err := one("number of a revision")(c, args); err != nil {
				return err
			}
			return checkRevision(args[0])
		},
		RunE: func(c *cobra.Command, args []string) error {
			r.revision = args[0]
			return r.run(c.Context())
		},
	}
	c.ValidArgsFunction = func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.offer(c, a.revisionNames, nil, word)
	}
	r.writeFlags(c)
	a.realmFlag(c)
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

func (r *rolling) run(ctx context.Context) (err error) {
	if err := r.answerable("rollback", r.asks()); err != nil {
		return err
	}
	if r.realm, err = r.app.realm("rollback"); err != nil {
		return err
	}
	if r.client, err = r.connect(); err != nil {
		return err
	}
	current, err := r.client.currentRevision(ctx, r.realm)
	if err != nil {
		return err
	}
	difference, err := r.client.difference(ctx, r.realm, r.revision, current)
	if err != nil {
		return err
	}
	found := items(difference, "changes")
	r.preview(changeLines(found), r.asks())
	var done *document.Node
	if len(found) > 0 {
		if done, err = r.write(ctx, current); err != nil {
			return err
		}
	}
	return r.conclude(found, done)
}

// write asks and goes back, if the realm is still at the revision that was shown.
func (r *rolling) write(ctx context.Context, current string) (*document.Node, error) {
	if r.asks() && !r.confirmed("Take realm %q back to revision %s?", r.realm, r.revision) {
		return nil, errNothingWritten
	}
	done, err := r.client.do(ctx, call{
		method: http.MethodPost, path: realmPath(r.realm, "/revisions/"+segment(r.revision)+":rollback"),
		query: r.query(), revision: current,
	})
	if refusedWith(err, http.StatusPreconditionFailed, http.StatusConflict) {
		return nil, fmt.Errorf("somebody changed realm %q in the meantime; nothing written, run the command again: %w", r.realm, err)
	}
	return done.body, err
}

func (r *rolling) conclude(found []*document.Node, done *document.Node) error {
	if r.output != outputTable {
		return r.print(r.outcome(object("realm", r.realm, "rolledBackTo", r.revision), found, done), nil)
	}
	r.warn(done)
	switch {
	case len(found) == 0:
		r.say("realm %q is as it was at revision %s: nothing to change", r.realm, r.revision)
	case r.dryRun:
		r.say("dry run: the server accepts this; nothing written")
	default:
		r.say("realm %q is at revision %s, equal to %s", r.realm, scalar(done, "revision"), r.revision)
	}
	return nil
}
