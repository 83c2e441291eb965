package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/sidegate/sidegate/internal/document"
	"github.com/sidegate/sidegate/pdp"
	"github.com/spf13/cobra"
)

// Resources, as verbs name them.
const (
	resourceRealms    = "realms"
	resourceProfiles  = "profiles"
	resourcePolicies  = "policies"
	resourcePolicySet = "policyset"
)

// listings are the resources that have lists.
var listings = map[string]listing{
	resourceRealms: {"realms", []column{
		{"NAME", 20, textOf("name")}, {"REVISION", 8, textOf("revision")},
		{"COMPATIBILITY", 13, compatibilityCell}, {"UPDATED", 20, moment("updateTime")},
	}},
	resourceProfiles: {"profiles", []column{
		{"NAME", 20, textOf("name")}, {"EXECUTORS", 30, list("executors", "executor")},
		{"ORIGIN", 8, profileOrigin}, {"UPDATED", 20, moment("updateTime")},
	}},
	resourcePolicies: {"policies", []column{
		{"NAME", 20, textOf("name")}, {"ENABLED", 7, enabledCell}, {"MODE", 8, modeCell},
		{"CONDITIONS", 20, list("conditions", "condition")}, {"PROFILES", 20, list("profiles", "")},
		{"ORIGIN", 11, policyOrigin},
	}},
}

func list(name, of string) func(*app, *document.Node) any {
	return func(_ *app, n *document.Node) any { return words(n.Get(name), of) }
}

func compatibilityCell(_ *app, n *document.Node) any {
	c := strings.TrimPrefix(scalar(n.Get("settings"), "compatibility"), "COMPATIBILITY_")
	if c == "" {
		return compatibilitySafe
	}
	return c
}

func profileOrigin(_ *app, n *document.Node) any {
	switch {
	case scalar(n, "global") != "true":
		return "own"
	case scalar(n, "available") == "false":
		return "built-in, not available"
	}
	return "built-in"
}

func policyOrigin(_ *app, n *document.Node) any {
	if scalar(n, "global") == "true" {
		return "server-wide"
	}
	return "own"
}

func enabledCell(_ *app, n *document.Node) any {
	if scalar(n, "enabled") == "true" {
		return "true"
	}
	return "false"
}

func modeCell(_ *app, n *document.Node) any {
	mode := scalar(n, "mode")
	if mode == "" {
		mode = "DEFAULT"
	}
	if e := strings.TrimPrefix(scalar(n, "enforcement"), "ENFORCEMENT_"); e != "" && e != "ENFORCE" {
		mode += ", " + e
	}
	return mode
}

// getting is one run of get.
type getting struct {
	*app
	choosing
}

func (a *app) get() *cobra.Command {
	g := &getting{app: a}
	resources := []string{resourceRealms, resourceProfiles, resourcePolicies, resourcePolicySet}
	c := &cobra.Command{
		Use:   "get realms|profiles|policies|policyset [NAME]",
		Short: "Show realms, profiles, policies or a whole policy set",
		Args:  resourceArgs(resources, 1, 2),
		RunE:  func(c *cobra.Command, args []string) error { return g.run(c.Context(), args) },
	}
	c.ValidArgsFunction = a.arguments(resources, a.itemNames, 2)
	c.Flags().StringVar(&g.search, "search", "", "only items with this text in name or description")
	c.Flags().StringVar(&g.filter, "filter", "", "only items for which all terms hold, such as 'enabled=true AND executor=pkce-enforcer'")
	c.Flags().StringVar(&g.orderBy, "order-by", "", "order, name or updateTime, each optionally followed by ' desc'")
	a.realmFlag(c)
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

// resourceArgs asks for a resource of a verb and for some names after it.
func resourceArgs(known []string, least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		verb := c.Name()
		switch {
		case len(args) == 0:
			return usage("%s: expected one of %s", verb, strings.Join(known, ", "))
		case !slices.Contains(known, args[0]):
			return usage("%s: unknown resource %q%s", verb, args[0], pdp.Suggest(args[0], known))
		case args[0] == resourcePolicySet && len(args) > 1:
			return usage("%s policyset: a realm has one, without a name; leave out %q", verb, args[1])
		case args[0] != resourcePolicySet && (len(args) < least || slices.Contains(args[1:], "")):
			return usage("%s %s: expected a name", verb, args[0])
		case most > 0 && len(args) > most:
			return usage("%s %s: expected one name at most, got %d", verb, args[0], len(args)-1)
		}
		return nil
	}
}

func (g *getting) run(ctx context.Context, args []string) error {
	kind := args[0]
	if query := g.query(); len(query) > 0 && (len(args) == 2 || kind == resourcePolicySet) {
		return usage("get %s: --search, --filter and --order-by choose among a list; leave them out", kind)
	}
	path := "/v1/realms"
	if kind != resourceRealms {
		realm, err := g.realm("get " + kind)
		if err != nil {
			return err
		}
		path = realmPath(realm, "/"+kind)
		if kind == resourcePolicySet {
			path = setPath(realm)
		}
	}
	client, err := g.connect()
	if err != nil {
		return err
	}
	name := ""
	if len(args) > 1 {
		name = args[1]
	}
	return g.show(ctx, client, kind, path, name)
}

func (g *getting) show(ctx context.Context, client *api, kind, path, name string) error {
	if kind == resourcePolicySet {
		return g.showSet(ctx, client, path)
	}
	l := listings[kind]
	if name != "" {
		got, err := client.get(ctx, path+"/"+segment(name), nil)
		if err != nil {
			return err
		}
		return l.showOne(g.app, got.body)
	}
	found, err := client.list(ctx, path, l.collection, g.query(), 0)
	if err != nil {
		return err
	}
	return l.show(g.app, found)
}

func (g *getting) showSet(ctx context.Context, client *api, path string) error {
	set, err := client.get(ctx, path, nil)
	if err != nil {
		return err
	}
	return g.print(set.body, func(t table.Writer) {
		t.AppendHeader(table.Row{"KIND", "NAME", "HOLDS"})
		for _, p := range items(set.body, "profiles") {
			t.AppendRow(table.Row{"profile", scalar(p, "name"), words(p.Get("executors"), "executor")})
		}
		for _, p := range items(set.body, "policies") {
			t.AppendRow(table.Row{"policy", scalar(p, "name"), words(p.Get("conditions"), "condition") + " → " + words(p.Get("profiles"), "")})
		}
	})
}

// items returns the elements of a member that is a list, if there is one.
func items(n *document.Node, member string) []*document.Node {
	if list := n.Get(member); list != nil {
		return list.Items
	}
	return nil
}
