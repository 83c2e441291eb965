package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/cli/document"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
	"github.com/spf13/cobra"
)

// applying is one run of apply.
type applying struct {
	*app
	file, realm, comment     string
	dryRun, yes, createRealm bool
	client                   *api
	// exists tells that the realm is there, base what the set was read from.
	exists bool
	base   answer
}

func (a *app) apply() *cobra.Command {
	p := &applying{app: a}
	c := &cobra.Command{
		Use:   "apply -f FILE|DIR --realm REALM",
		Short: "Write a policy set, profiles or policies, after showing what changes",
		Long: "A file holds a policy set (profiles and policies), one profile (executors) or one policy\n" +
			"(conditions), as JSON or YAML. A policy set replaces the realm's; profiles and policies replace\n" +
			"those of the same name or are appended. All of it is written at once, or nothing, and only if\n" +
			"nobody changed the realm in between.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return p.run(c.Context()) },
	}
	c.Flags().StringVarP(&p.file, "file", "f", "", "file, directory, or - for standard input")
	c.Flags().StringVar(&p.realm, "realm", "", "name of the realm")
	c.Flags().StringVar(&p.comment, "comment", "", "why; kept with the revision")
	c.Flags().BoolVar(&p.dryRun, "dry-run", false, "check and show what would change, write nothing")
	c.Flags().BoolVar(&p.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&p.createRealm, "create-realm", false, "create the realm when there is none")
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

func (p *applying) run(ctx context.Context) error {
	switch {
	case p.file == "":
		return usage("apply: --file is required")
	case p.realm == "":
		return usage("apply: --realm is required")
	case !p.yes && !p.dryRun && (!p.Terminal || p.file == "-"):
		return usage("apply: there is no terminal to ask at; pass --yes to write, or --dry-run to look")
	}
	wanted, err := readChanges(p.file, p.In)
	if err != nil {
		return err
	}
	if p.client, err = p.connect(); err != nil {
		return err
	}
	if err := p.read(ctx); err != nil {
		return err
	}
	next := wanted.over(p.base.body)
	changes := diffSets(p.base.body, next)
	p.announce(changes)
	written, err := p.write(ctx, next, len(changes) > 0 || !p.exists)
	if err != nil {
		return err
	}
	return p.conclude(changes, written)
}

// read reads the set to be changed. A missing realm has an empty one, if it may
// be created.
func (p *applying) read(ctx context.Context) (err error) {
	p.base, err = p.client.policySet(ctx, p.realm)
	refusal, refused := errors.AsType[*problem](err)
	if !refused || refusal.Status != http.StatusNotFound {
		p.exists = true
		return err
	}
	if !p.createRealm {
		return fmt.Errorf("realm %q does not exist; pass --create-realm to make it: %w", p.realm, err)
	}
	p.base = answer{body: object("profiles", []string{}, "policies", []string{})}
	return nil
}

func (c *api) policySet(ctx context.Context, realm string) (answer, error) {
	return c.do(ctx, call{method: http.MethodGet, path: setPath(realm)})
}

func setPath(realm string) string { return "/v1/realms/" + segment(realm) + "/policySet" }

// announce shows what would change, before anybody is asked.
func (p *applying) announce(changes []string) {
	if p.output != outputTable {
		return
	}
	if !p.exists {
		p.say("%s", p.paint(fmt.Sprintf("+ realm %q", p.realm)))
	}
	for _, change := range changes {
		p.say("%s", p.paint(change))
	}
}

// conclude tells what came of it.
func (p *applying) conclude(changes []string, written *document.Node) error {
	done := written != nil && !p.dryRun
	if p.output != outputTable {
		doc := object("realm", p.realm, "created", done && !p.exists, "changes", changes, "written", done)
		for _, name := range []string{"revision", "warnings"} {
			if v := written.Get(name); v != nil && !p.dryRun {
				doc = doc.With(name, v)
			}
		}
		return p.print(doc, nil)
	}
	for _, w := range items(written, "warnings") {
		p.say("warning: %s: %s", scalar(w, "path"), scalar(w, "message"))
	}
	switch {
	case p.exists && len(changes) == 0:
		p.say("realm %q is up to date: nothing to change", p.realm)
	case p.dryRun && !p.exists:
		p.say("dry run: nothing written; the set was checked here, the server checks it again once the realm exists")
	case p.dryRun:
		p.say("dry run: the server accepts this; nothing written")
	default:
		p.say("realm %q is at revision %s", p.realm, scalar(written, "revision"))
	}
	return nil
}

func (a *app) say(format string, args ...any) { _, _ = fmt.Fprintf(a.Out, format+"\n", args...) }

// write asks, and writes the set if nobody changed it since it was read. It
// answers the set as the server has it, nil when there was nothing to write.
func (p *applying) write(ctx context.Context, next *document.Node, changes bool) (*document.Node, error) {
	if !changes {
		return nil, nil
	}
	query := url.Values{}
	if p.comment != "" {
		query.Set("comment", p.comment)
	}
	if p.dryRun {
		query.Set("validateOnly", "true")
	} else if !p.yes && !p.confirmed() {
		return nil, errors.New("nothing written")
	}
	if !p.exists {
		return p.create(ctx, next, query)
	}
	return p.put(ctx, next, query)
}

// create makes the realm with its set. A realm whose set was refused is taken
// away again: without policies it would allow everything.
func (p *applying) create(ctx context.Context, next *document.Node, query url.Values) (*document.Node, error) {
	if err := p.compile(next); err != nil {
		return nil, err
	}
	created, err := p.client.do(ctx, call{method: http.MethodPost, path: "/v1/realms", query: query, body: object("name", p.realm).JSON()})
	if err != nil || p.dryRun {
		return nil, err
	}
	query.Set("revision", scalar(created.body, "revision"))
	written, err := p.put(ctx, next, query)
	if _, refused := errors.AsType[*problem](err); !refused {
		return written, err
	}
	_, undone := p.client.do(ctx, call{method: http.MethodDelete, path: "/v1/realms/" + segment(p.realm), ifMatch: created.etag})
	if undone != nil {
		err = errors.Join(err, fmt.Errorf("realm %q is left behind without policies, and allows everything; delete it: %w", p.realm, undone))
	}
	return nil, err
}

// compile refuses before there is a realm what its server would refuse after.
func (p *applying) compile(next *document.Node) error {
	set := &clientpolicyv1.PolicySet{}
	if err := document.Decode(p.file, next, set); err != nil {
		return err
	}
	engine, err := newEngine(profiles.None)
	if err != nil {
		return err
	}
	_, problems := engine.compiler.Compile(set, &clientpolicyv1.RealmSettings{})
	if err := pdp.JoinErrors(problems); err != nil {
		return fmt.Errorf("%s: the policies cannot be used; nothing written: %w", p.file, err)
	}
	return nil
}

func (p *applying) put(ctx context.Context, next *document.Node, query url.Values) (*document.Node, error) {
	written, err := p.client.do(ctx, call{method: http.MethodPut, path: setPath(p.realm), query: query, body: next.JSON(), ifMatch: p.base.etag})
	refusal, ok := errors.AsType[*problem](err)
	if ok && (refusal.Status == http.StatusPreconditionFailed || refusal.Status == http.StatusConflict) {
		return nil, fmt.Errorf("somebody changed realm %q in the meantime; run the command again: %w", p.realm, err)
	}
	return written.body, err
}

// confirmed asks on the terminal; only yes is yes.
func (p *applying) confirmed() bool {
	_, _ = fmt.Fprintf(p.Err, "Write this to realm %q? [y/N] ", p.realm)
	line, _ := bufio.NewReader(p.In).ReadString('\n') // an end of input is a no
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(line)))
}
