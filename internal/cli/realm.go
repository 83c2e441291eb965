package cli

import (
	"context"
	"net/http"

	"github.com/sidegate/sidegate/internal/document"
	"github.com/spf13/cobra"
)

func (a *app) realmVerbs() *cobra.Command {
	c := &cobra.Command{
		Use:   "realm",
		Short: "List, create and delete realms",
		Args:  unknownCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.realmList(), a.realmCreate(), a.realmDelete())
	return c
}

func (a *app) realmList() *cobra.Command {
	g := &getting{app: a}
	c := &cobra.Command{
		Use: "list", Short: "Show the realms", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.run(c.Context(), []string{resourceRealms}) },
	}
	c.Flags().StringVar(&g.search, "search", "", "only realms with this text in their name")
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

func (a *app) realmCreate() *cobra.Command {
	var w writing
	compatibility := ""
	c := &cobra.Command{
		Use: "create NAME", Short: "Create an empty realm, which allows everything", Args: one("name of the realm"),
		RunE: func(c *cobra.Command, args []string) error {
			doc := object("name", args[0])
			if compatibility != "" {
				doc = doc.With("settings", object("compatibility", "COMPATIBILITY_"+compatibility))
			}
			return a.createRealm(c.Context(), doc, &w)
		},
	}
	c.Flags().Var(choice{&compatibility, []string{compatibilitySafe, compatibilityKeycloak}}, "compatibility", "whom to follow where Keycloak is known to be unsafe")
	c.Flags().StringVar(&w.comment, "comment", "", "why; kept with the revision")
	c.Flags().BoolVar(&w.dryRun, "dry-run", false, "check, create nothing")
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

func (a *app) createRealm(ctx context.Context, doc *document.Node, w *writing) error {
	client, err := a.connect()
	if err != nil {
		return err
	}
	made, err := client.do(ctx, call{method: http.MethodPost, path: "/v1/realms", query: w.query(), body: doc.JSON()})
	if err != nil {
		return err
	}
	if a.output != outputTable {
		return a.print(made.body, nil)
	}
	a.warn(made.body)
	if w.dryRun {
		a.say("dry run: the server accepts this; nothing written")
	} else {
		a.say("realm %q is at revision %s", scalar(made.body, "name"), scalar(made.body, "revision"))
	}
	return nil
}

// realmDelete is `delete realms` where it is looked for too.
func (a *app) realmDelete() *cobra.Command {
	d := &deleting{app: a}
	c := &cobra.Command{
		Use: "delete NAME…", Short: "Delete realms with all that is in them", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return d.run(c.Context(), resourceRealms, args) },
	}
	c.ValidArgsFunction = func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		return a.offer(c, a.realmNames, args, word)
	}
	d.flags(c)
	return c
}
