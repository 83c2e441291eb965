package cli

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/document"
	"github.com/spf13/cobra"
)

const envData = "SIDEGATE_DATA"

// tokenVerbs work on the data directory itself: whoever may write there may make
// tokens, and a running server notices at the next call.
func (a *app) tokenVerbs() *cobra.Command {
	var data string
	c := &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke API tokens in a data directory",
		Args:  unknownCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&data, "data", "", "data directory of the server (environment: "+envData+")")
	open := func() (*auth.Tokens, error) {
		if data == "" {
			data = a.env(envData)
		}
		if data == "" {
			return nil, usage("token: --data is required")
		}
		if info, err := os.Stat(data); err != nil || !info.IsDir() {
			return nil, usage("token: --data: expected the data directory of a server, got %q, which is none", data)
		}
		return auth.OpenTokens(data, time.Now)
	}
	c.AddCommand(a.tokenCreate(open), a.tokenList(open), a.tokenRevoke(open))
	return c
}

type openTokens func() (*auth.Tokens, error)

func (a *app) tokenCreate(open openTokens) *cobra.Command {
	var (
		spec    = auth.Token{Realms: []string{auth.AllRealms}}
		role    string
		expires time.Duration
	)
	c := &cobra.Command{
		Use:   "create NAME --role ROLE",
		Short: "Make a token and print its secret, which is shown this once",
		Args:  one("name of the token"),
		RunE: func(_ *cobra.Command, args []string) error {
			if role == "" {
				return usage("token create: --role is required: evaluator, viewer, editor or admin")
			}
			var err error
			if spec.Role, err = auth.ParseRole(role); err != nil {
				return usage("%w", err)
			}
			if expires < 0 {
				return usage("token create: --expires-in: expected a time to come, got %v", expires)
			}
			if spec.Name = args[0]; expires > 0 {
				spec.Expires = time.Now().Add(expires).UTC().Truncate(time.Second)
			}
			tokens, err := open()
			if err != nil {
				return err
			}
			return a.createToken(tokens, spec)
		},
	}
	c.Flags().Var(choice{&role, []string{"evaluator", "viewer", "editor", "admin"}}, "role", "what the holder may do")
	c.Flags().StringSliceVar(&spec.Realms, "realm", spec.Realms, "realms in which the role holds; * for all")
	c.Flags().Var((*days)(&expires), "expires-in", "how long the token is good for, such as 12h or 90d; 0 means for ever")
	a.outputFlag(c)
	return c
}

func (a *app) createToken(tokens *auth.Tokens, spec auth.Token) error {
	secret, made, err := tokens.Create(spec)
	if err != nil {
		return err
	}
	if a.output == outputTable {
		a.say("%s", secret)
		return nil
	}
	return a.print(tokenNode(made).With("secret", document.NewText(secret)), nil)
}

func (a *app) tokenList(open openTokens) *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "Show the tokens, without their secrets", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			tokens, err := open()
			if err != nil {
				return err
			}
			list, err := tokens.List()
			if err != nil {
				return err
			}
			nodes := []*document.Node{}
			for _, t := range list {
				nodes = append(nodes, tokenNode(t))
			}
			return a.print(object("tokens", nodes), func(w table.Writer) {
				w.AppendHeader(table.Row{"ID", "NAME", "ROLE", "REALMS", "CREATED", "EXPIRES"})
				for _, t := range list {
					w.AppendRow(table.Row{t.ID, t.Name, t.Role, strings.Join(t.Realms, ", "), stamp(t.Created), expiry(t, time.Now())})
				}
			})
		},
	}
	a.outputFlag(c)
	return c
}

func (a *app) tokenRevoke(open openTokens) *cobra.Command {
	c := &cobra.Command{
		Use: "revoke ID", Short: "End a token at once", Args: one("id of a token, as the list shows it"),
		RunE: func(_ *cobra.Command, args []string) error {
			tokens, err := open()
			if err != nil {
				return err
			}
			if err := tokens.Revoke(args[0]); err != nil {
				return err
			}
			return a.print(object("revoked", args[0]), func(table.Writer) { a.say("token %s is revoked", args[0]) })
		},
	}
	c.ValidArgsFunction = func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.offer(c, func(context.Context, *cobra.Command) []string { return tokenIDs(open) }, nil, word)
	}
	a.outputFlag(c)
	return c
}

// tokenIDs are the ids of the tokens, as far as they can be read.
func tokenIDs(open openTokens) []string {
	tokens, err := open()
	if err != nil {
		return nil
	}
	list, err := tokens.List()
	if err != nil {
		return nil
	}
	ids := make([]string, len(list))
	for i, t := range list {
		ids[i] = t.ID
	}
	return ids
}

// expiry is when a token ends, and whether it has.
func expiry(t auth.Token, now time.Time) string {
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		return stamp(t.Expires) + " (expired)"
	}
	return stamp(t.Expires)
}

func tokenNode(t auth.Token) *document.Node {
	n := object("id", t.ID, "name", t.Name, "role", t.Role, "realms", t.Realms, "created", stamp(t.Created))
	if !t.Expires.IsZero() {
		n = n.With("expires", document.NewText(stamp(t.Expires)))
	}
	return n
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}
