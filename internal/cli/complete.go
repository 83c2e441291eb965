package cli

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sidegate/sidegate/internal/document"
)

// completionTime bounds how long a shell waits for names from a server.
const completionTime = time.Second

// names looks up what a word can be; what fails has no names, and says nothing:
// the shell is in the middle of a line.
type names func(context.Context, *cobra.Command) []string

// suggest completes the value of a flag.
func (a *app) suggest(c *cobra.Command, flag string, of names) {
	err := c.RegisterFlagCompletionFunc(flag, func(c *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		return a.offer(c, of, nil, word)
	})
	if err != nil {
		panic(err) // the flag is not defined: a test of every verb finds it
	}
}

// offer returns the names that begin with a word and were not given yet.
func (a *app) offer(c *cobra.Command, of names, given []string, word string) ([]string, cobra.ShellCompDirective) {
	ctx := c.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	var fit []string
	for _, name := range of(ctx, c) {
		if strings.HasPrefix(name, word) && plainWord(name) && !slices.Contains(given, name) {
			fit = append(fit, name)
		}
	}
	return fit, cobra.ShellCompDirectiveNoFileComp
}

// plainWord tells a name that no shell reads as more than a word, in whatever way
// it is put on the command line.
func plainWord(name string) bool {
	odd := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-+@%/:,", r)
	}
	return name != "" && name[0] != '-' && strings.IndexFunc(name, odd) < 0
}

// arguments completes arguments from a list for the first, and by the first for the others.
func (a *app) arguments(first []string, rest func(kind string) names, limit int) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		switch {
		case len(args) == 0:
			return a.offer(c, func(context.Context, *cobra.Command) []string { return first }, nil, word)
		case limit > 0 && len(args) >= limit:
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		of := rest(args[0])
		if of == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.offer(c, of, args[1:], word)
	}
}

// itemNames looks up the names of realms, profiles or policies.
func (a *app) itemNames(kind string) names {
	switch kind {
	case "realms":
		return a.realmNames
	case "profiles", "policies":
		return func(ctx context.Context, c *cobra.Command) []string { return a.namesIn(ctx, c, kind) }
	default:
		return nil
	}
}

func (a *app) realmNames(ctx context.Context, _ *cobra.Command) []string {
	return a.lookUp(ctx, "/v1/realms", "realms", "name")
}

// namesIn looks up profiles or policies; verbs that change them get those that can be.
func (a *app) namesIn(ctx context.Context, c *cobra.Command, kind string) []string {
	realm, err := a.realm("completion")
	if err != nil {
		return nil
	}
	list := a.page(ctx, realmPath(realm, "/"+kind), kind)
	if c.Name() != "get" {
		list = slices.DeleteFunc(list, func(n *document.Node) bool { return scalar(n, "global") == "true" })
	}
	return texts(list, "name")
}

// lookUp reads a member of the items of a collection.
func (a *app) lookUp(ctx context.Context, path, collection, member string) []string {
	return texts(a.page(ctx, path, collection), member)
}

// page reads a page of a collection.
func (a *app) page(ctx context.Context, path, collection string) []*document.Node {
	client, err := a.connect()
	if err != nil {
		return nil
	}
	page, err := client.get(ctx, path, map[string][]string{"pageSize": {"500"}})
	if err != nil {
		return nil
	}
	return items(page.body, collection)
}

func texts(list []*document.Node, member string) []string {
	var words []string
	for _, n := range list {
		words = append(words, scalar(n, member))
	}
	return words
}

func (a *app) contextNames(context.Context, *cobra.Command) []string {
	f, err := a.contexts()
	if err != nil {
		return nil
	}
	var list []string
	for _, c := range f.List {
		list = append(list, c.Name)
	}
	return list
}

// completeChoices completes the flags that have few values, in every verb, and
// keeps files from being offered where none is meant.
func completeChoices(c *cobra.Command) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		_, known := c.GetFlagCompletionFunc(f.Name)
		switch v, few := f.Value.(choice); {
		case few:
			_ = c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(v.options, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
		case noFile[f.Name] && !known:
			_ = c.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions) // the flag is there
		}
	})
	if c.ValidArgsFunction == nil && len(c.ValidArgs) == 0 && !takesFiles[c.Name()] {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, sub := range c.Commands() {
		completeChoices(sub)
	}
}

// noFile are the flags that a file is no value of.
var noFile = map[string]bool{
	"realm": true, "server": true, "grpc": true, "comment": true, "search": true, "filter": true, "order-by": true,
	"since": true, "until": true, "limit": true, "after": true, "to": true, "client": true, "user": true, "expires-in": true,
}

// takesFiles are the verbs whose arguments are files.
var takesFiles = map[string]bool{"test": true}
