package cli

import (
	"context"
	"net/url"
	"strconv"

	"github.com/sidegate/sidegate/internal/document"
	"github.com/spf13/cobra"
)

func (a *app) compare() *cobra.Command {
	d := &drifting{app: a}
	c := &cobra.Command{
		Use:   "diff [REVISION [OTHER]]",
		Short: "Show what a revision changed",
		Long: "Shows what REVISION has that OTHER has not, item by item and member by member. Without OTHER it\n" +
			"is compared with the one it was based on; without REVISION that in force is looked at.\n\n" +
			"With --dir it shows what a folder has that a server has not, with exit code 11 when they differ.",
		Args: func(c *cobra.Command, args []string) error {
			if err := cobra.MaximumNArgs(2)(c, args); err != nil {
				return err
			}
			for _, arg := range args {
				if err := checkRevision(arg); err != nil {
					return err
				}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if d.asked(c) {
				return d.run(c, args)
			}
			return a.compareRevisions(c.Context(), args)
		},
	}
	c.ValidArgsFunction = func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 1 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.offer(c, a.revisionNames, nil, word)
	}
	d.driftFlags(c)
	a.realmFlag(c)
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

// checkRevision refuses what is no number of a revision.
func checkRevision(arg string) error {
	n, err := strconv.ParseInt(arg, 10, 64)
	if err != nil || n < 1 {
		return usage("expected the number of a revision, 1 or more, got %q; history lists them", arg)
	}
	return nil
}

func (a *app) revisionNames(ctx context.Context, _ *cobra.Command) []string {
	realm, err := a.realm("completion")
	if err != nil {
		return nil
	}
	return a.lookUp(ctx, realmPath(realm, "/revisions"), "revisions", "revision")
}

func (a *app) compareRevisions(ctx context.Context, args []string) error {
	realm, err := a.realm("diff")
	if err != nil {
		return err
	}
	client, err := a.connect()
	if err != nil {
		return err
	}
	other := ""
	if len(args) > 1 {
		other = args[1]
	}
	if len(args) == 0 {
		current, err := client.currentRevision(ctx, realm)
		if err != nil {
			return err
		}
		args = []string{current}
	}
	got, err := client.difference(ctx, realm, args[0], other)
	if err != nil {
		return err
	}
	return a.showDifference(got)
}

// currentRevision is the revision of a realm that is in force.
func (c *api) currentRevision(ctx context.Context, realm string) (string, error) {
	got, err := c.get(ctx, realmPath(realm, ""), nil)
	return scalar(got.body, "revision"), err
}

// difference asks what a revision has that another has not; "" is its parent.
func (c *api) difference(ctx context.Context, realm, revision, other string) (*document.Node, error) {
	query := url.Values{}
	if other != "" {
		query.Set("other", other)
	}
	got, err := c.get(ctx, realmPath(realm, "/revisions/"+segment(revision)+":diff"), query)
	return got.body, err
}

func (a *app) showDifference(n *document.Node) error {
	if a.output != outputTable {
		return a.print(n, nil)
	}
	from := "revision " + scalar(n, "other")
	if other := scalar(n, "other"); other == "" || other == "0" {
		from = "nothing"
	}
	a.say("from %s to revision %s:", from, scalar(n, "revision"))
	if len(items(n, "changes")) == 0 {
		a.say("no difference")
	}
	a.showChanges(items(n, "changes"))
	return nil
}
