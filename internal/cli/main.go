package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/internal/cli/contexts"
	"github.com/sidegate/sidegate/pdp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Streams are what a command reads and writes.
type Streams struct {
	// In is standard input.
	In io.Reader
	// Out is standard output.
	Out io.Writer
	// Err is standard error.
	Err io.Writer
	// Terminal tells that In is a terminal, at which a question can be asked.
	Terminal bool
	// Colour tells that Out is a terminal.
	Colour bool
}

// Options are what a command takes from its process.
type Options struct {
	Streams
	// Args are the arguments, without the name of the program.
	Args []string
	// Environ is the environment, `NAME=value` each.
	Environ []string
}

// Main runs one command and returns its exit code.
func Main(ctx context.Context, o Options) int {
	out := &output{Writer: o.Out}
	o.Out = out
	a := &app{Options: o}
	root := a.root()
	root.SetArgs(o.Args)
	err := root.ExecuteContext(ctx)
	if err == nil && out.err != nil {
		err = fmt.Errorf("standard output: %w", out.err)
	}
	if e, ok := errors.AsType[*exitError](err); err != nil && (!ok || !e.silent) {
		for _, line := range strings.Split(err.Error(), "\n") {
			a.tell("sidegate: %s", line)
		}
	}
	return exitCode(err)
}

// output remembers that something could not be written, which not everybody who
// writes tells.
type output struct {
	io.Writer
	err error
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// app is one run of the command.
type app struct {
	Options
	// flags are what the flags say about the server, context which one they name.
	flags   contexts.Context
	context string
	output  string
	answers *bufio.Reader
}

// env returns a variable of the environment.
func (a *app) env(name string) string {
	for _, entry := range a.Environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "sidegate",
		Short: "Decide what OAuth clients may do, beside the identity provider",
		Long: "Sidegate is a client-policy decision point that an OAuth identity provider runs beside itself.\n\n" +
			"Exit codes: 0 done, 1 refused or failed, 2 usage, 3 server not reachable; evaluate: 10 reject; diff --dir: 11 drift.",
		SilenceUsage: true, SilenceErrors: true,
		Args: unknownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.AddCommand(a.verbs()...)
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	for _, sub := range root.Commands() {
		if sub.Name() == "completion" {
			sub.Args, sub.RunE = unknownCommand, func(c *cobra.Command, _ []string) error { return c.Help() }
		}
	}
	completeChoices(root)
	strict(root)
	return root
}

func (a *app) verbs() []*cobra.Command {
	return []*cobra.Command{
		a.serve(), a.configVerbs(), a.tokenVerbs(), a.healthcheck(), a.showVersion(),
		a.contextVerbs(), a.realmVerbs(), a.get(), a.apply(), a.edit(), a.delete(), a.move(),
		a.history(), a.compare(), a.rollback(), a.decisionVerbs(), a.audit(), a.catalogue(),
		a.evaluate(), a.test(),
	}
}

// strict makes what cobra reports about the command line a usage error.
func strict(c *cobra.Command) {
	c.SetFlagErrorFunc(flagError)
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error { return asUsage(check(c, args)) }
	}
	for _, sub := range c.Commands() {
		strict(sub)
	}
}

func asUsage(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*exitError](err); ok {
		return err
	}
	return usage("%w", err)
}

// one asks for one argument and says which.
func one(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usage("%s: expected one %s, got %d arguments", strings.TrimPrefix(c.CommandPath(), "sidegate "), what, len(args))
		}
		return nil
	}
}

// unknownCommand refuses a word that is no verb.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, sub := range c.Commands() {
		known = append(known, sub.Name())
	}
	return usage("unknown command %q%s", args[0], pdp.Suggest(args[0], known))
}

// flagError adds the nearest flag to the message about an unknown one.
func flagError(c *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return usage("%w", err)
	}
	var known []string
	c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	return usage("%w%s", err, pdp.Suggest(unknown.GetSpecifiedName(), known))
}

// choice is a flag with few values.
type choice struct {
	value   *string
	options []string
}

// Set implements pflag.Value.
func (c choice) Set(s string) error {
	if !slices.Contains(c.options, s) {
		return fmt.Errorf("expected one of %s%s", strings.Join(c.options, ", "), pdp.Suggest(s, c.options))
	}
	*c.value = s
	return nil
}

// String implements pflag.Value.
func (c choice) String() string { return *c.value }

// Type implements pflag.Value.
func (c choice) Type() string { return strings.Join(c.options, "|") }
