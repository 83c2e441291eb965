package cli

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/sidegate/sidegate/internal/cli/document"
	"github.com/sidegate/sidegate/pdp"
	"github.com/spf13/cobra"
)

// resource is a kind of thing that can be read.
type resource struct {
	name string
	// collection is the path of the list and the member of its answer; realms
	// stand outside any realm.
	collection string
	// named tells that an item can be asked for by name.
	named   bool
	columns []string
	row     func(*document.Node) []string
}

var resources = []resource{
	{name: "realms", collection: "realms", named: true, columns: []string{"NAME", "REVISION", "COMPATIBILITY", "UPDATED"}, row: realmRow},
	{name: "profiles", collection: "profiles", named: true, columns: []string{"NAME", "EXECUTORS", "ORIGIN", "UPDATED"}, row: profileRow},
	{name: "policies", collection: "policies", named: true, columns: []string{"NAME", "ENABLED", "MODE", "CONDITIONS", "PROFILES", "ORIGIN"}, row: policyRow},
	{name: "policyset"},
}

func realmRow(n *document.Node) []string {
	compatibility := strings.TrimPrefix(scalar(n.Get("settings"), "compatibility"), "COMPATIBILITY_")
	if compatibility == "" {
		compatibility = "SAFE"
	}
	return []string{scalar(n, "name"), scalar(n, "revision"), compatibility, scalar(n, "updateTime")}
}

func profileRow(n *document.Node) []string {
	origin := "own"
	if scalar(n, "global") == "true" {
		origin = "built-in"
		if scalar(n, "available") == "false" {
			origin = "built-in, not available"
		}
	}
	return []string{scalar(n, "name"), cell(n.Get("executors"), "executor"), origin, scalar(n, "updateTime")}
}

func policyRow(n *document.Node) []string {
	origin, enabled, mode := "own", scalar(n, "enabled"), scalar(n, "mode")
	if scalar(n, "global") == "true" {
		origin = "server-wide"
	}
	if enabled == "" {
		enabled = "false"
	}
	if mode == "" {
		mode = "DEFAULT"
	}
	if e := strings.TrimPrefix(scalar(n, "enforcement"), "ENFORCEMENT_"); e != "" && e != "ENFORCE" {
		mode += ", " + e
	}
	return []string{scalar(n, "name"), enabled, mode, cell(n.Get("conditions"), "condition"), cell(n.Get("profiles"), ""), origin}
}

func (a *app) get() *cobra.Command {
	var realm string
	c := &cobra.Command{
		Use:   "get realms|profiles|policies|policyset [NAME]",
		Short: "Show realms, profiles, policies or a whole policy set",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := findResource(args)
			if err != nil {
				return err
			}
			if r.collection != "realms" && realm == "" {
				return usage("get %s: --realm is required", r.name)
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			return a.show(c.Context(), client, r, realm, args[1:])
		},
		ValidArgs: resourceNames(),
	}
	c.Flags().StringVar(&realm, "realm", "", "name of the realm")
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

func resourceNames() []string {
	names := make([]string, len(resources))
	for i, r := range resources {
		names[i] = r.name
	}
	return names
}

func findResource(args []string) (*resource, error) {
	for i := range resources {
		if r := &resources[i]; r.name == args[0] {
			if len(args) == 2 && !r.named {
				return nil, usage("get %s: a realm has one, without a name; leave out %q", r.name, args[1])
			}
			return r, nil
		}
	}
	return nil, usage("get: unknown resource %q%s", args[0], pdp.Suggest(args[0], resourceNames()))
}

func (a *app) show(ctx context.Context, client *api, r *resource, realm string, name []string) error {
	path := "/v1/realms"
	if r.collection != "realms" {
		path += "/" + segment(realm) + "/" + r.collection
	}
	switch {
	case r.collection == "":
		return a.showSet(ctx, client, realm)
	case len(name) == 1:
		got, err := client.do(ctx, call{method: http.MethodGet, path: path + "/" + segment(name[0])})
		if err != nil {
			return err
		}
		return a.print(got.body, func(t table.Writer) { r.rows(t, []*document.Node{got.body}) })
	}
	list, err := client.list(ctx, path, r.collection)
	if err != nil {
		return err
	}
	return a.print(list, func(t table.Writer) { r.rows(t, list.Get(r.collection).Items) })
}

func (r *resource) rows(t table.Writer, items []*document.Node) {
	t.AppendHeader(row(r.columns))
	for _, item := range items {
		t.AppendRow(row(r.row(item)))
	}
}

func row(cells []string) table.Row {
	r := make(table.Row, len(cells))
	for i, c := range cells {
		r[i] = c
	}
	return r
}

// list reads all pages of a collection.
func (c *api) list(ctx context.Context, path, collection string) (*document.Node, error) {
	items, query := []*document.Node{}, url.Values{"pageSize": {"500"}}
	for {
		page, err := c.do(ctx, call{method: http.MethodGet, path: path, query: query})
		if err != nil {
			return nil, err
		}
		if part := page.body.Get(collection); part != nil {
			items = append(items, part.Items...)
		}
		next := scalar(page.body, "nextPageToken")
		if next == "" {
			list := object(collection, items, "totalSize", len(items))
			if revision := page.body.Get("revision"); revision != nil {
				list = list.With("revision", revision)
			}
			return list, nil
		}
		query.Set("pageToken", next)
	}
}

func (a *app) showSet(ctx context.Context, client *api, realm string) error {
	set, err := client.policySet(ctx, realm)
	if err != nil {
		return err
	}
	return a.print(set.body, func(t table.Writer) {
		t.AppendHeader(table.Row{"KIND", "NAME", "HOLDS"})
		for _, p := range items(set.body, "profiles") {
			t.AppendRow(table.Row{"profile", scalar(p, "name"), cell(p.Get("executors"), "executor")})
		}
		for _, p := range items(set.body, "policies") {
			t.AppendRow(table.Row{"policy", scalar(p, "name"), cell(p.Get("conditions"), "condition") + " → " + cell(p.Get("profiles"), "")})
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
