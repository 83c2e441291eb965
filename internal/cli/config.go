package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/sidegate/sidegate/internal/config"
	"github.com/sidegate/sidegate/internal/document"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

func (a *app) configVerbs() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check and print the configuration of a server",
		Args:  unknownCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.configCheck(), a.configPrint())
	return c
}

func (a *app) configCheck() *cobra.Command {
	c := &cobra.Command{
		Use:   "check [--config FILE] [flags of serve]",
		Short: "Check a configuration without starting a server",
		Long: "Reads flags, environment and file as serve does, and tells everything that is wrong at once.\n" +
			"Policies, keys and the store are not opened. Exit code 0: a server would\n" +
			"start with it as far as can be told; 1: it would not.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := config.Load(c.Flags(), a.Environ)
			return a.checked(config.Problems(err))
		},
	}
	a.configFlags(c)
	return c
}

func (a *app) configFlags(c *cobra.Command) {
	c.Flags().SortFlags = false
	a.outputFlag(c)
	config.AddFlags(c.Flags())
}

// checked shows what is wrong.
func (a *app) checked(problems []*config.Problem) error {
	list := []*document.Node{}
	for _, p := range problems {
		list = append(list, object("place", p.Place, "problem", p.Text))
	}
	if a.output == outputTable && len(list) == 0 {
		a.say("the configuration is valid")
		return nil
	}
	err := a.print(object("valid", len(list) == 0, "problems", list), func(t table.Writer) {
		t.AppendHeader(table.Row{"PLACE", "PROBLEM"})
		for _, p := range problems {
			t.AppendRow(table.Row{p.Place, p.Text})
		}
	})
	if err == nil && len(list) > 0 {
		return quiet(exitFailed)
	}
	return err
}

func (a *app) configPrint() *cobra.Command {
	origin := false
	c := &cobra.Command{
		Use:   "print [--origin] [--config FILE] [flags of serve]",
		Short: "Print the values in effect",
		Long: "Prints all values in effect, from flags, environment, file and defaults. The YAML can be used\n" +
			"as a file. Passwords are not printed, only that there is one.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			values, err := config.Explain(c.Flags(), a.Environ)
			if err != nil {
				return usage("%w", err)
			}
			return a.printConfig(values, origin)
		},
	}
	c.Flags().BoolVar(&origin, "origin", false, "tell where each value comes from")
	a.configFlags(c)
	return c
}

func (a *app) printConfig(values []config.Value, origin bool) error {
	if a.output == outputYAML {
		return a.configYAML(values, origin)
	}
	doc, err := configDocument(values, origin)
	if err != nil {
		return err
	}
	return a.print(doc, func(t table.Writer) {
		header := table.Row{"KEY", "VALUE", "ORIGIN"}
		t.AppendHeader(header[:columns(origin)])
		for _, v := range values {
			t.AppendRow(table.Row{v.Key, inline(v.Node), v.Origin}[:columns(origin)])
		}
	})
}

func columns(origin bool) int {
	if origin {
		return 3
	}
	return 2
}

// inline is a value in one line; "–" is none.
func inline(n *yaml.Node) string {
	if n == nil {
		return "–"
	}
	if n.Kind == yaml.ScalarNode {
		return n.Value
	}
	doc, err := configNode(n)
	if err != nil {
		return err.Error()
	}
	return string(doc.JSON())
}

// configNode turns YAML into a tree.
func configNode(n *yaml.Node) (*document.Node, error) {
	data, err := yaml.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return document.Parse("configuration.yaml", data)
}

// configDocument is what JSON shows: the file that would say it, or a list that
// tells of each value where it comes from.
func configDocument(values []config.Value, origin bool) (*document.Node, error) {
	if !origin {
		return configNode(configTree(values, false))
	}
	list := []*document.Node{}
	for _, v := range values {
		entry := object("key", v.Key, "origin", v.Origin)
		if v.Node != nil {
			n, err := configNode(v.Node)
			if err != nil {
				return nil, err
			}
			entry = entry.With("value", n)
		}
		list = append(list, entry)
	}
	return object("values", list), nil
}

// configTree is the file that would say it. What only the environment can say is
// left out.
func configTree(values []config.Value, origin bool) *yaml.Node {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, v := range values {
		if v.Node == nil || v.Environment {
			continue
		}
		group, name, nested := strings.Cut(v.Key, ".")
		in := root
		if nested {
			in = member(root, group)
		} else {
			name = group
		}
		key := yamlText(name)
		if origin {
			key.HeadComment = "from " + clean(v.Origin)
		}
		in.Content = append(in.Content, key, v.Node)
	}
	return root
}

// member is a mapping in a mapping, made when there is none.
func member(in *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(in.Content); i += 2 {
		if in.Content[i].Value == name {
			return in.Content[i+1]
		}
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	in.Content = append(in.Content, yamlText(name), n)
	return n
}

func (a *app) configYAML(values []config.Value, origin bool) error {
	var b bytes.Buffer
	for _, v := range values {
		if v.Environment {
			fmt.Fprintf(&b, "# %s=%s is set in the environment\n", v.Key, clean(v.Node.Value))
		}
	}
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(configTree(values, origin)); err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	_, err := a.Out.Write(b.Bytes())
	return err
}
