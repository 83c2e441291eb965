package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/document"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
)

// editing is one run of edit.
type editing struct {
	*app
	writing
	client     *api
	kind, path string
	// base is what was read, file where it is being edited.
	base answer
	file string
}

func (a *app) edit() *cobra.Command {
	e := &editing{app: a}
	kinds := []string{resourceProfiles, resourcePolicies, resourcePolicySet}
	c := &cobra.Command{
		Use:   "edit profiles|policies NAME, or edit policyset",
		Short: "Change a profile, a policy or a policy set in an editor",
		Long: "Opens what is stored in $VISUAL, else $EDITOR, else vi, as YAML or with -o json as JSON, and writes\n" +
			"it back if it was changed and nobody changed the original in between. What cannot be written is\n" +
			"kept in a file, whose path is told.",
		Args: resourceArgs(kinds, 2, 2),
		RunE: func(c *cobra.Command, args []string) error { return e.run(c.Context(), args) },
	}
	c.ValidArgsFunction = a.arguments(kinds, a.itemNames, 2)
	c.Flags().StringVar(&e.comment, "comment", "", "why; kept with the revision")
	a.realmFlag(c)
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

func (e *editing) run(ctx context.Context, args []string) (err error) {
	e.kind = args[0]
	realm, err := e.realm("edit " + e.kind)
	if err != nil {
		return err
	}
	editor, err := e.editor()
	if err != nil {
		return err
	}
	if e.client, err = e.connect(); err != nil {
		return err
	}
	if e.path = setPath(realm); e.kind != resourcePolicySet {
		e.path = realmPath(realm, "/"+e.kind+"/"+segment(args[1]))
	}
	if e.base, err = e.client.get(ctx, e.path, nil); err != nil {
		return err
	}
	if scalar(e.base.body, "global") == "true" {
		return fmt.Errorf("%s %q is built-in or server-wide and cannot be changed", singular[e.kind], args[1])
	}
	if err := e.prepare(args); err != nil {
		return err
	}
	return e.loop(ctx, editor)
}

// content is a document as it is edited.
func (e *editing) content(n *document.Node) *document.Node {
	if e.kind != resourcePolicySet {
		return written(n)
	}
	return object("profiles", stripped(n, "profiles"), "policies", stripped(n, "policies"))
}

// prepare writes the file to edit into a directory of its own, which nobody else
// can look into.
func (e *editing) prepare(args []string) error {
	dir, err := os.MkdirTemp("", "sidegate-edit-")
	if err != nil {
		return err
	}
	name, text := "document", bytes.Buffer{}
	if len(args) == 2 && plainWord(args[1]) && !strings.ContainsAny(args[1], "/:") {
		name = args[1]
	}
	form := &app{Options: Options{Streams: Streams{Out: &text}}}
	if e.output == outputJSON {
		name, err = name+".json", form.printJSON(e.content(e.base.body))
	} else {
		fmt.Fprintf(&text, "# %s, to be changed. Unchanged or empty, nothing is written.\n", strings.Join(args, " "))
		name, err = name+".yaml", form.printYAML(e.content(e.base.body))
	}
	if err != nil {
		return err
	}
	e.file = filepath.Join(dir, name)
	return os.WriteFile(e.file, text.Bytes(), 0o600)
}

// loop edits until the document is written, left alone, or given up.
func (e *editing) loop(ctx context.Context, editor []string) error {
	for {
		if err := e.open(ctx, editor); err != nil {
			return e.kept(err)
		}
		err := e.save(ctx)
		if err == nil {
			return e.cleanUp()
		}
		if !e.mendable(err) {
			return e.kept(err)
		}
		for _, line := range strings.Split(err.Error(), "\n") {
			e.tell("sidegate: %s", line)
		}
		if !e.confirmed("Open the editor again?") {
			return e.kept(errNothingWritten)
		}
	}
}

// mendable tells that the document is wrong, which another look can mend.
func (e *editing) mendable(err error) bool {
	p, refused := errors.AsType[*problem](err)
	_, wrong := errors.AsType[*document.Error](err)
	return e.Terminal && (wrong || refused && (p.Status == http.StatusBadRequest || p.Status == http.StatusConflict))
}

// kept tells where the work is.
func (e *editing) kept(err error) error {
	return fmt.Errorf("%w\nwhat you edited is kept in %s", err, e.file)
}

func (e *editing) cleanUp() error { return os.RemoveAll(filepath.Dir(e.file)) }

// save checks what was edited and writes it.
func (e *editing) save(ctx context.Context) error {
	data, err := readBounded(e.file, document.MaxBytes)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return e.unchanged()
	}
	n, err := document.Parse(e.file, data)
	if err != nil {
		return err
	}
	if err := document.Decode(e.file, n, e.message()); err != nil {
		return err
	}
	next := e.content(n)
	found := e.changes(next)
	if len(found) == 0 {
		return e.unchanged()
	}
	if e.output == outputTable {
		e.showChanges(found)
	}
	done, err := e.client.do(ctx, call{method: http.MethodPut, path: e.path, query: e.query(), body: next.JSON(), ifMatch: e.base.etag})
	if refusedWith(err, http.StatusPreconditionFailed) {
		return fmt.Errorf("somebody changed it in the meantime; nothing written: %w", err)
	}
	err = located(err, func(pointer string) *document.Error { return place(e.file, next, pointer) })
	if err != nil {
		return err
	}
	return e.conclude(found, done.body)
}

// message is what the document must be.
func (e *editing) message() proto.Message {
	switch e.kind {
	case resourceProfiles:
		return &clientpolicyv1.Profile{}
	case resourcePolicies:
		return &clientpolicyv1.Policy{}
	default:
		return &clientpolicyv1.PolicySet{}
	}
}

// changes is what was changed, as ItemChanges.
func (e *editing) changes(next *document.Node) []*document.Node {
	base := e.content(e.base.body)
	if e.kind == resourcePolicySet {
		return diffSets(base, next)
	}
	fields := diff(base, next, "")
	if len(fields) == 0 {
		return nil
	}
	kind := kindProfile
	if e.kind == resourcePolicies {
		kind = kindPolicy
	}
	return []*document.Node{itemChange(kind, typeChanged, scalar(base, "name"), -1, -1, fields...)}
}

func (e *editing) unchanged() error {
	if e.output != outputTable {
		return e.print(e.outcome(object(), nil, nil), nil)
	}
	e.say("nothing changed; nothing written")
	return nil
}

func (e *editing) conclude(found []*document.Node, done *document.Node) error {
	if e.output != outputTable {
		return e.print(e.outcome(object(), found, done), nil)
	}
	e.warn(done)
	e.say("written as revision %s", scalar(done, "revision"))
	return nil
}
