package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/sidegate/sidegate/internal/document"
	"github.com/spf13/cobra"
)

// catalogues are what can be looked up: how it is listed and what names an entry.
var catalogues = map[string]struct {
	listing listing
	id      string
}{
	"executors":  {listing{"executors", providerColumns}, "id"},
	"conditions": {listing{"conditions", providerColumns}, "id"},
	"events": {listing{"events", []column{
		{"ID", 40, textOf("id")}, {"DOCUMENTATION", 0, textOf("documentation")},
	}}, "id"},
	"profiles": {listing{"profiles", []column{
		{"NAME", 30, textOf("name")}, {"EXECUTORS", 40, list("executors", "executor")}, {"AVAILABLE", 9, availableCell},
	}}, "name"},
}

var providerColumns = []column{
	{"ID", 40, textOf("id")}, {"DOCUMENTATION", 60, textOf("documentation")}, {"EVENTS", 6, eventCount},
}

func eventCount(_ *app, n *document.Node) any { return len(items(n, "events")) }

func availableCell(_ *app, n *document.Node) any {
	if scalar(n, "available") == "false" {
		return "no"
	}
	return "yes"
}

func (a *app) catalogue() *cobra.Command {
	kinds := []string{"executors", "conditions", "events", "profiles"}
	search := ""
	c := &cobra.Command{
		Use:   "catalogue executors|conditions|events|profiles [ID]",
		Short: "Show what policies can be made of",
		Args:  resourceArgs(kinds, 1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			if len(args) == 2 {
				if search != "" {
					return usage("catalogue: --search chooses among a list; leave it out")
				}
				return a.catalogueEntry(c.Context(), client, args[0], args[1])
			}
			l := catalogues[args[0]].listing
			found, err := client.list(c.Context(), "/v1/catalogue/"+args[0], l.collection, (&choosing{search: search}).query(), 0)
			if err != nil {
				return err
			}
			return l.show(a, found)
		},
	}
	c.ValidArgsFunction = a.arguments(kinds, func(kind string) names {
		return func(ctx context.Context, _ *cobra.Command) []string {
			return a.lookUp(ctx, "/v1/catalogue/"+kind, kind, catalogues[kind].id)
		}
	}, 2)
	c.Flags().StringVar(&search, "search", "", "only those with this text in id or documentation")
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

func (a *app) catalogueEntry(ctx context.Context, client *api, kind, id string) error {
	got, err := client.get(ctx, "/v1/catalogue/"+kind+"/"+segment(id), nil)
	if err != nil {
		return err
	}
	n := got.body
	if a.output != outputTable {
		return a.print(n, nil)
	}
	a.table(func(t table.Writer) {
		t.AppendRow(table.Row{"id", scalar(n, catalogues[kind].id)})
		for _, text := range []string{"documentation", "description"} {
			if s := scalar(n, text); s != "" {
				t.AppendRow(table.Row{text, s})
			}
		}
		listRow(t, "events", without(n.Get("events"), "EVENT_"))
		for _, name := range []string{"executors", "conditions", "requiredFacts", "specifications"} {
			if kind != "profiles" {
				listRow(t, name, words(n.Get(name), ""))
			}
		}
	})
	a.configurations(kind, n)
	return nil
}

func listRow(t table.Writer, name, text string) {
	if text != "" {
		t.AppendRow(table.Row{name, text})
	}
}

// without joins the texts of a list without the prefix of their enum.
func without(n *document.Node, prefix string) string {
	if n == nil {
		return ""
	}
	var list []string
	for _, item := range n.Items {
		list = append(list, strings.TrimPrefix(item.Text, prefix))
	}
	return strings.Join(list, ", ")
}

// configurations shows what can be set, or in a profile what is set.
func (a *app) configurations(kind string, n *document.Node) {
	if kind == "profiles" {
		a.say("")
		a.table(func(t table.Writer) {
			t.AppendHeader(table.Row{"EXECUTOR", "CONFIGURATION"})
			for _, x := range items(n, "executors") {
				t.AppendRow(table.Row{scalar(x, "executor"), settings(x.Get("configuration"))})
			}
		})
		return
	}
	schema := n.Get("configurationSchema")
	if schema.Get("properties") == nil {
		return
	}
	a.say("")
	a.table(func(t table.Writer) {
		t.AppendHeader(table.Row{"KEY", "TYPE", "DEFAULT", "OPTIONS", "DOCUMENTATION"})
		for _, m := range schema.Get("properties").Members {
			t.AppendRow(table.Row{m.Name, typeOf(m.Value), presented(m.Value.Get("default")), optionsOf(m.Value), documented(schema, m)})
		}
	})
}

// settings is a configuration in a line.
func settings(n *document.Node) string {
	if n == nil || len(n.Members) == 0 {
		return "–"
	}
	var list []string
	for _, m := range n.Members {
		list = append(list, m.Name+"="+presented(m.Value))
	}
	return strings.Join(list, ", ")
}

// presented is a value as a person writes it; "–" is none.
func presented(n *document.Node) string {
	switch {
	case n == nil:
		return "–"
	case n.Kind == document.Text:
		return n.Text
	default:
		return string(n.JSON())
	}
}

// typeOf is the type that a schema asks for first; others are other spellings of it.
func typeOf(n *document.Node) string {
	if n == nil {
		return "any"
	}
	name := scalar(n, "type")
	if types := items(n, "type"); len(types) > 0 {
		name = types[0].Text
	}
	if variants := variantsOf(n); name == "" && len(variants) > 0 {
		name = typeOf(variants[0])
	}
	switch {
	case name == "array":
		return "list of " + typeOf(n.Get("items"))
	case name == "" && len(items(n, "enum")) > 0:
		return "string"
	case name == "":
		return "any"
	}
	return name
}

func variantsOf(n *document.Node) []*document.Node {
	return slices.Concat(items(n, "anyOf"), items(n, "oneOf"))
}

// optionsOf are the values that a schema knows.
func optionsOf(n *document.Node) string {
	var list []string
	for _, known := range items(n, "enum") {
		list = append(list, presented(known))
	}
	for _, bound := range []struct{ name, sign string }{{"minimum", "≥ "}, {"maximum", "≤ "}} {
		if v := n.Get(bound.name); v != nil {
			list = append(list, bound.sign+presented(v))
		}
	}
	for _, part := range append(variantsOf(n), n.Get("items")) {
		if part != nil {
			list = append(list, optionsOf(part))
		}
	}
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), ", ")
}

// documented is the documentation of a key, and that it is required.
func documented(schema *document.Node, m document.Member) string {
	doc := scalar(m.Value, "description")
	if slices.ContainsFunc(items(schema, "required"), func(n *document.Node) bool { return n.Text == m.Name }) {
		doc = strings.TrimSpace(fmt.Sprintf("required. %s", doc))
	}
	return doc
}
