package cli

import (
	"context"
	"net/url"
	"strconv"

	"github.com/sidegate/sidegate/internal/document"
	"github.com/spf13/cobra"
)

var revisions = listing{"revisions", []column{
	{"REVISION", 8, revisionCell},
	{"TIME", 20, moment("updateTime")},
	{"AUTHOR", 20, textOf("author")},
	{"BY", 9, textOf("surface")},
	{"COMMENT", 0, commentCell},
}}

// revisionCell marks the revision in force.
func revisionCell(_ *app, n *document.Node) any {
	if scalar(n, "current") == "true" {
		return scalar(n, "revision") + " *"
	}
	return scalar(n, "revision")
}

func commentCell(_ *app, n *document.Node) any {
	if scalar(n, "deleted") == "true" {
		return "(the realm was deleted) " + scalar(n, "comment")
	}
	return scalar(n, "comment")
}

// remembering is one run of history.
type remembering struct {
	*app
	limit  int
	search string
	follow bool
	after  int64
}

func (a *app) history() *cobra.Command {
	h := &remembering{app: a}
	c := &cobra.Command{
		Use:   "history [--realm REALM]",
		Short: "Show the revisions of a realm, newest first",
		Long: "Shows who changed a realm, when, why and by which way; * marks the revision in force.\n" +
			"With --follow it shows revisions as they are made, until it is interrupted.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return h.run(c) },
	}
	c.Flags().IntVar(&h.limit, "limit", 20, "greatest number of revisions; 0 means all")
	c.Flags().StringVar(&h.search, "search", "", "only revisions with this text in author or comment")
	c.Flags().BoolVar(&h.follow, "follow", false, "show revisions as they are made")
	c.Flags().Int64Var(&h.after, "after", 0, "with --follow: those after this revision first")
	a.realmFlag(c)
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

func (h *remembering) run(c *cobra.Command) error {
	switch {
	case h.limit < 0:
		return usage("history: --limit: expected 0 or more, got %d", h.limit)
	case h.follow && (h.search != "" || c.Flags().Changed("limit")):
		return usage("history: --follow shows every revision to come; leave out --search and --limit")
	case h.after < 0 || h.after > 0 && !h.follow:
		return usage("history: --after: expected the number of a revision, with --follow")
	}
	realm, err := h.realm("history")
	if err != nil {
		return err
	}
	client, err := h.connect()
	if err != nil {
		return err
	}
	if h.follow {
		return h.watch(c.Context(), client, realm)
	}
	query := url.Values{}
	if h.search != "" {
		query.Set("search", h.search)
	}
	list, err := client.list(c.Context(), realmPath(realm, "/revisions"), "revisions", query, h.limit)
	if err != nil {
		return err
	}
	return revisions.show(h.app, list)
}

// watch follows the revisions; that of a deletion is the last.
func (h *remembering) watch(ctx context.Context, client *api, realm string) error {
	query := url.Values{}
	if h.after > 0 {
		query.Set("after", strconv.FormatInt(h.after, 10))
	}
	gone := false
	revisions.header(h.app)
	err := client.follow(ctx, call{path: realmPath(realm, ":watch"), query: query}, func(n *document.Node) error {
		gone = scalar(n, "deleted") == "true"
		return revisions.line(h.app, n)
	})
	if gone {
		return nil
	}
	return err
}
