package cli

import (
	"path/filepath"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/sidegate/sidegate/internal/cli/contexts"
	"github.com/sidegate/sidegate/internal/config"
	"github.com/sidegate/sidegate/internal/document"
	"github.com/spf13/cobra"
)

func (a *app) contextVerbs() *cobra.Command {
	c := &cobra.Command{
		Use:   "context",
		Short: "Name servers, and choose the one to talk to",
		Long: "Contexts are kept in contexts.yaml, in $" + config.EnvConfigHome + ", else in sidegate below the user's\n" +
			"configuration directory. The file names files with credentials and never holds them itself.",
		Args: unknownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.contextList(), a.contextShow(), a.contextUse(), a.contextSet(), a.contextDelete())
	return c
}

// contextVerb is a verb about contexts: how many names it takes at least and at
// most, and what it does.
func (a *app) contextVerb(use, short string, least, most int, run func(f *contexts.File, names []string) error) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < least || len(args) > most {
				return usage("context %s: expected %s", c.Name(), use)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := a.contexts()
			if err != nil {
				return err
			}
			return run(f, args)
		},
	}
	if most > 0 {
		c.ValidArgsFunction = func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) >= most {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return a.offer(c, a.contextNames, args, word)
		}
	}
	a.outputFlag(c)
	return c
}

func (a *app) contextList() *cobra.Command {
	return a.contextVerb("list", "Show the contexts; * marks the one in use", 0, 0, func(f *contexts.File, _ []string) error {
		nodes := []*document.Node{}
		for _, c := range f.List {
			nodes = append(nodes, contextNode(c, f.Current))
		}
		return a.print(object("file", f.Path, "contexts", nodes), func(t table.Writer) {
			t.AppendHeader(table.Row{"NAME", "SERVER", "REALM"})
			for _, c := range f.List {
				name := c.Name
				if name == f.Current {
					name += " *"
				}
				t.AppendRow(table.Row{name, c.Server, c.Realm})
			}
		})
	})
}

func contextNode(c contexts.Context, current string) *document.Node {
	n := object("name", c.Name, "current", c.Name == current)
	c.Each(func(key, v string) { n = n.With(key, document.NewText(v)) })
	return n
}

func (a *app) contextShow() *cobra.Command {
	return a.contextVerb("show [NAME]", "Show a context, or the one in use", 0, 1, func(f *contexts.File, names []string) error {
		name := f.Current
		if len(names) > 0 {
			name = names[0]
		}
		if name == "" {
			return usage("context show: no context is in use; name one, or choose one by `context use`")
		}
		c, err := f.Get(name)
		if err != nil {
			return usage("%w", err)
		}
		return a.print(contextNode(c, f.Current), func(t table.Writer) {
			t.AppendRow(table.Row{"name", c.Name})
			c.Each(func(key, v string) { t.AppendRow(table.Row{key, v}) })
		})
	})
}

func (a *app) contextUse() *cobra.Command {
	return a.contextVerb("use NAME", "Use a context from now on", 1, 1, func(f *contexts.File, names []string) error {
		c, err := f.Get(names[0])
		if err != nil {
			return usage("%w", err)
		}
		f.Current = c.Name
		return a.saved(f, c)
	})
}

// saved writes the file and tells what came of it.
func (a *app) saved(f *contexts.File, c contexts.Context) error {
	if err := f.Write(); err != nil {
		return err
	}
	if a.output != outputTable {
		return a.print(contextNode(c, f.Current), nil)
	}
	if c.Name == f.Current {
		a.say("context %q is in use: %s", c.Name, c.Server)
	} else {
		a.say("context %q is kept; `sidegate context use %s` makes it the one in use", c.Name, c.Name)
	}
	return nil
}

func (a *app) contextSet() *cobra.Command {
	var next contexts.Context
	use := false
	var c *cobra.Command
	c = a.contextVerb("set NAME --server URL", "Make a context or change members of it", 1, 1, func(f *contexts.File, names []string) error {
		current, err := f.Get(names[0])
		if err != nil {
			current = contexts.Context{Name: names[0]}
		}
		if err := changeContext(c, &current, next); err != nil {
			return err
		}
		if use || len(f.List) == 0 {
			f.Current = current.Name
		}
		if err := f.Set(current); err != nil {
			return usage("%w", err)
		}
		return a.saved(f, current)
	})
	c.Long = "Members that are not given stay as they are; an empty one ('') is taken away. The first context is in\n" +
		"use at once."
	c.Flags().StringVar(&next.Server, "server", "", "URL of the administration API")
	c.Flags().StringVar(&next.TokenFile, "token-file", "", "file with the bearer token")
	c.Flags().StringVar(&next.CAFile, "ca-file", "", "PEM file with the authorities to trust")
	c.Flags().StringVar(&next.ClientCert, "client-cert", "", "PEM file with a client certificate")
	c.Flags().StringVar(&next.ClientKey, "client-key", "", "PEM file with its private key")
	c.Flags().StringVar(&next.Realm, "realm", "", "realm of commands that name none")
	c.Flags().StringVar(&next.GRPC, "grpc", "", "decision listener: host:port or unix:///path")
	c.Flags().BoolVar(&use, "use", false, "use it from now on")
	return c
}

// changeContext takes over what the flags say.
func changeContext(c *cobra.Command, current *contexts.Context, next contexts.Context) error {
	if next.Server != "" {
		if _, err := serverURL(next.Server); err != nil {
			return err
		}
	}
	for _, m := range []struct {
		flag     string
		path     bool
		from, to *string
	}{
		{"server", false, &next.Server, &current.Server}, {"token-file", true, &next.TokenFile, &current.TokenFile},
		{"ca-file", true, &next.CAFile, &current.CAFile}, {"client-cert", true, &next.ClientCert, &current.ClientCert},
		{"client-key", true, &next.ClientKey, &current.ClientKey}, {"realm", false, &next.Realm, &current.Realm},
		{"grpc", false, &next.GRPC, &current.GRPC},
	} {
		if !c.Flags().Changed(m.flag) {
			continue
		}
		if *m.to = *m.from; m.path && *m.to != "" {
			full, err := filepath.Abs(*m.to)
			if err != nil {
				return err
			}
			*m.to = full
		}
	}
	return nil
}

func (a *app) contextDelete() *cobra.Command {
	return a.contextVerb("delete NAME…", "Forget contexts; files that they name stay", 1, 100, func(f *contexts.File, names []string) error {
		for _, name := range names {
			if err := f.Delete(name); err != nil {
				return usage("%w", err)
			}
		}
		if err := f.Write(); err != nil {
			return err
		}
		if a.output != outputTable {
			return a.print(object("deleted", names), nil)
		}
		a.say("forgot %s", plural(len(names), "context"))
		return nil
	})
}
