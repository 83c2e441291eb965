package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/document"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
	"github.com/spf13/cobra"
)

// applying is one run of apply.
type applying struct {
	*app
	writing
	file, realm        string
	createRealm, prune bool
	client             *api
	wanted             *changes
	// exists tells that the realm is there, base what the set was read from.
	exists bool
	base   answer
}

// writing is what verbs that write have in common.
type writing struct {
	comment     string
	dryRun, yes bool
}

// writeFlags defines --yes, --dry-run and --comment.
func (w *writing) writeFlags(c *cobra.Command) {
	c.Flags().StringVar(&w.comment, "comment", "", "why; kept with the revision")
	c.Flags().BoolVar(&w.dryRun, "dry-run", false, "check and show what would change, write nothing")
	c.Flags().BoolVar(&w.yes, "yes", false, "do not ask")
}

// asks tells that somebody will be asked.
func (w *writing) asks() bool { return !w.yes && !w.dryRun }

// query is what the flags say to the server.
func (w *writing) query() url.Values {
	q := url.Values{}
	if w.comment != "" {
		q.Set("comment", w.comment)
	}
	if w.dryRun {
		q.Set("validateOnly", "true")
	}
	return q
}

func (a *app) apply() *cobra.Command {
	p := &applying{app: a}
	c := &cobra.Command{
		Use:   "apply -f FILE|DIR [--realm REALM]",
		Short: "Write a policy set, profiles or policies, after showing what changes",
		Long: "A file holds a policy set (profiles and policies), one profile (executors) or one policy\n" +
			"(conditions), as JSON or YAML. A policy set replaces the realm's, or, when it names one of the\n" +
			"two lists alone, that list; profiles and policies replace those of the same name or are appended.\n" +
			"With --prune all others are deleted. All of it is written at once, or nothing, and only if nobody\n" +
			"changed the realm in between.\n\n" +
			"A dry run ends with 0 when the server would accept the change, whether there is one or not.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return p.run(c.Context()) },
	}
	c.Flags().StringVarP(&p.file, "file", "f", "", "file, directory, or - for standard input")
	c.Flags().BoolVar(&p.prune, "prune", false, "delete profiles and policies that the files do not hold")
	c.Flags().BoolVar(&p.createRealm, "create-realm", false, "create the realm when there is none")
	p.writeFlags(c)
	a.realmFlag(c)
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

func (p *applying) run(ctx context.Context) (err error) {
	if p.file == "" {
		return usage("apply: --file is required")
	}
	if p.realm, err = p.app.realm("apply"); err != nil {
		return err
	}
	if p.file == "-" && p.asks() {
		return usage("apply: the document comes from standard input, where no question can be answered; pass --yes to write, or --dry-run to look")
	}
	if err := p.answerable("apply", p.asks()); err != nil {
		return err
	}
	if p.wanted, err = readChanges(p.file, p.In); err != nil {
		return err
	}
	if p.client, err = p.connect(); err != nil {
		return err
	}
	if err := p.read(ctx); err != nil {
		return err
	}
	next := p.wanted.over(p.base.body, p.prune)
	found := diffSets(p.base.body, next)
	p.announce(found)
	done, err := p.write(ctx, next, len(found) > 0 || !p.exists)
	if err != nil {
		return err
	}
	return p.conclude(found, done)
}

// read reads the set to be changed. A missing realm has an empty one, if it may
// be created.
func (p *applying) read(ctx context.Context) (err error) {
	p.base, err = p.client.policySet(ctx, p.realm)
	if !refusedWith(err, http.StatusNotFound) {
		p.exists = true
		return err
	}
	if !p.createRealm {
		return fmt.Errorf("realm %q does not exist; pass --create-realm to make it: %w", p.realm, err)
	}
	p.base = answer{body: object("profiles", []string{}, "policies", []string{})}
	return nil
}

// refusedWith tells a refusal by its status.
func refusedWith(err error, status ...int) bool {
	p, ok := errors.AsType[*problem](err)
	for _, s := range status {
		if ok && p.Status == s {
			return true
		}
	}
	return false
}

func (c *api) policySet(ctx context.Context, realm string) (answer, error) {
	return c.get(ctx, setPath(realm), nil)
}

func setPath(realm string) string { return realmPath(realm, "/policySet") }

// announce shows what would change, before anybody is asked.
func (p *applying) announce(found []*document.Node) {
	var lines []string
	if !p.exists {
		lines = append(lines, fmt.Sprintf("+ realm %q", p.realm))
	}
	p.preview(append(lines, changeLines(found)...), p.asks())
}

// conclude tells what came of it.
func (p *applying) conclude(found []*document.Node, done *document.Node) error {
	if p.output != outputTable {
		doc := object("realm", p.realm, "created", done != nil && !p.dryRun && !p.exists)
		return p.print(p.outcome(doc, found, done), nil)
	}
	p.warn(done)
	switch {
	case p.exists && len(found) == 0:
		p.say("realm %q is up to date: nothing to change", p.realm)
	case p.dryRun && !p.exists:
		p.say("dry run: nothing written; the set was checked here, the server checks it again once the realm exists")
	case p.dryRun:
		p.say("dry run: the server accepts this; nothing written")
	default:
		p.say("realm %q is at revision %s", p.realm, scalar(done, "revision"))
	}
	return nil
}

// outcome adds to a document what was found and what came of it.
func (w *writing) outcome(doc *document.Node, found []*document.Node, done *document.Node) *document.Node {
	doc = doc.With("changes", value(found)).With("written", value(done != nil && !w.dryRun))
	for _, name := range []string{"revision", "warnings"} {
		if v := done.Get(name); v != nil && (!w.dryRun || name == "warnings") {
			doc = doc.With(name, v)
		}
	}
	return doc
}

// warn shows the warnings that came with an answer.
func (a *app) warn(done *document.Node) {
	for _, w := range items(done, "warnings") {
		a.say("warning: %s: %s", scalar(w, "path"), scalar(w, "message"))
	}
}

// errNothingWritten is the error of a question that was not answered by yes.
var errNothingWritten = errors.New("nothing written")

// write asks, and writes the set if nobody changed it since it was read. It
// answers the set as the server has it, nil when there was nothing to write.
func (p *applying) write(ctx context.Context, next *document.Node, changes bool) (*document.Node, error) {
	if !changes {
		return nil, nil
	}
	if p.asks() && !p.confirmed("Write this to realm %q?", p.realm) {
		return nil, errNothingWritten
	}
	if !p.exists {
		return p.create(ctx, next)
	}
	return p.put(ctx, next, p.query())
}

// create makes the realm with its set. A realm whose set was refused is taken
// away again: without policies it would allow everything.
func (p *applying) create(ctx context.Context, next *document.Node) (*document.Node, error) {
	if err := p.compile(next); err != nil {
		return nil, err
	}
	query := p.query()
	created, err := p.client.do(ctx, call{method: http.MethodPost, path: "/v1/realms", query: query, body: object("name", p.realm).JSON()})
	if err != nil || p.dryRun {
		return nil, err
	}
	query.Set("revision", scalar(created.body, "revision"))
	done, err := p.put(ctx, next, query)
	if _, refused := errors.AsType[*problem](err); !refused {
		return done, err
	}
	_, undone := p.client.do(ctx, call{method: http.MethodDelete, path: realmPath(p.realm, ""), ifMatch: created.etag})
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
	body := next.JSON()
	defer p.client.upload(p.app, "policy set", len(body))()
	done, err := p.client.do(ctx, call{method: http.MethodPut, path: setPath(p.realm), query: query, body: body, ifMatch: p.base.etag})
	if refusedWith(err, http.StatusPreconditionFailed, http.StatusConflict) {
		return nil, fmt.Errorf("somebody changed realm %q in the meantime; nothing written, run the command again: %w", p.realm, err)
	}
	return done.body, p.wanted.locate(err, next)
}
