package cli

import (
	"strings"

	"github.com/sidegate/sidegate/internal/document"
	"github.com/sidegate/sidegate/internal/filter"
	"github.com/spf13/cobra"
)

var auditListing = listing{"auditRecords", []column{
	{"TIME", 20, moment("time")},
	{"KIND", 21, enum("kind", "KIND_")},
	{"WHO", 20, whoCell},
	{"REALM", 12, textOf("realm")},
	{"CODE", 17, textOf("code")},
	{"WHAT", 30, whatCell},
}}

// whoCell is the caller, else whence the call came.
func whoCell(_ *app, n *document.Node) any {
	if who := scalar(n, "caller"); who != "" {
		return who
	}
	return scalar(n, "from")
}

// whatCell is the short name of the method, and what is to be said besides.
func whatCell(_ *app, n *document.Node) any {
	method := scalar(n, "method")
	method = method[strings.LastIndexAny(method, "./")+1:]
	parts := []string{method}
	if revision := scalar(n, "revision"); revision != "" && revision != "0" {
		parts = append(parts, "revision "+revision)
	}
	parts = append(parts, scalar(n, "detail"))
	return strings.Trim(strings.Join(parts, ": "), ": ")
}

func (a *app) audit() *cobra.Command {
	var s span
	c := &cobra.Command{
		Use:   "audit",
		Short: "Show who changed what, and who was turned away, newest first",
		Long: "Shows the records of the realms that the caller administers, or of --realm alone.\n" +
			"With --follow it shows records as they are made, until it is interrupted.",
		Args: cobra.NoArgs,
	}
	realm := ""
	c.RunE = func(c *cobra.Command, _ []string) error {
		book := logbook{verb: "audit", path: "/v1/auditRecords", follow: "/v1/auditRecords:follow", listing: auditListing, id: "id"}
		if realm != "" {
			book.terms = []filter.Term{{Key: "realm", Value: realm}}
		}
		return book.show(c.Context(), a, &s)
	}
	c.Flags().StringVar(&realm, "realm", "", "only records of this realm")
	a.suggest(c, "realm", a.realmNames)
	s.spanFlags(c, "kind=PERMISSION_DENIED AND caller=token:alice")
	s.listFlags(c)
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}
