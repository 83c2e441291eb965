package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// deleting is one run of delete.
type deleting struct {
	*app
	writing
	force  bool
	client *api
	kind   string
}

// doomed is an item to be deleted, and what it was when it was looked at.
type doomed struct{ name, path, etag string }

func (a *app) delete() *cobra.Command {
	d := &deleting{app: a}
	kinds := []string{resourceRealms, resourceProfiles, resourcePolicies}
	c := &cobra.Command{
		Use:   "delete profiles|policies|realms NAME…",
		Short: "Delete profiles, policies or realms, after asking",
		Long: "Looks at all of them first and has the server check each deletion; only then it asks and deletes,\n" +
			"one after the other, each only if nobody changed it in between.",
		Args: resourceArgs(kinds, 2, 0),
		RunE: func(c *cobra.Command, args []string) error { return d.run(c.Context(), args[0], args[1:]) },
	}
	c.ValidArgsFunction = a.arguments(kinds, a.itemNames, 0)
	a.realmFlag(c)
	d.flags(c)
	return c
}

func (d *deleting) flags(c *cobra.Command) {
	d.writeFlags(c)
	c.Flags().BoolVar(&d.force, "force", false, "delete realms although they are not empty")
	d.serverFlags(c)
	d.outputFlag(c)
}

func (d *deleting) run(ctx context.Context, kind string, names []string) (err error) {
	d.kind = kind
	switch {
	case d.force && kind != resourceRealms:
		return usage("delete %s: --force is for realms; a profile that a policy names is let go by the policy first", kind)
	case d.comment != "" && kind == resourceRealms:
		return usage("delete realms: --comment would go with the realm; leave it out")
	}
	if err := d.answerable("delete", d.asks()); err != nil {
		return err
	}
	base := "/v1/realms"
	if kind != resourceRealms {
		realm, err := d.realm("delete " + kind)
		if err != nil {
			return err
		}
		base = realmPath(realm, "/"+kind)
	}
	if d.client, err = d.connect(); err != nil {
		return err
	}
	list, err := d.look(ctx, base, slices.Compact(slices.Sorted(slices.Values(names))))
	if err != nil {
		return err
	}
	return d.delete(ctx, list)
}

// look reads the items and has the server check that each can go.
func (d *deleting) look(ctx context.Context, base string, names []string) ([]doomed, error) {
	var list []doomed
	for _, name := range names {
		item := doomed{name: name, path: base + "/" + segment(name)}
		got, err := d.client.get(ctx, item.path, nil)
		if err != nil {
			return nil, d.failed(item, err)
		}
		item.etag = got.etag
		if err := d.remove(ctx, item, true); err != nil {
			return nil, d.failed(item, err)
		}
		list = append(list, item)
	}
	return list, nil
}

func (d *deleting) failed(item doomed, err error) error {
	if p, ok := errors.AsType[*problem](err); ok && p.Reason == "REALM_NOT_EMPTY" {
		err = fmt.Errorf("%w; pass --force to delete it with all that is in it", err)
	}
	return fmt.Errorf("delete %s %q: nothing deleted: %w", d.kind, item.name, err)
}

func (d *deleting) remove(ctx context.Context, item doomed, check bool) error {
	query := d.query()
	if check {
		query.Set("validateOnly", "true")
	}
	if d.force {
		query.Set("force", "true")
	}
	_, err := d.client.do(ctx, call{method: http.MethodDelete, path: item.path, query: query, ifMatch: item.etag})
	return err
}

// delete asks and deletes. When one fails, it says which are gone.
func (d *deleting) delete(ctx context.Context, list []doomed) error {
	var lines []string
	for _, item := range list {
		lines = append(lines, fmt.Sprintf("- %s %q", singular[d.kind], item.name))
	}
	d.preview(lines, d.asks())
	if d.asks() && !d.confirmed("Delete %s?", plural(len(list), singular[d.kind])) {
		return errors.New("nothing deleted")
	}
	gone := []string{}
	for _, item := range list {
		if d.dryRun {
			break
		}
		if err := d.remove(ctx, item, false); err != nil {
			return fmt.Errorf("delete %s %q: deleted before it: %s: %w", d.kind, item.name, orNone(gone), d.changed(err))
		}
		gone = append(gone, item.name)
	}
	return d.conclude(list, gone)
}

// changed explains a mismatch.
func (d *deleting) changed(err error) error {
	if refusedWith(err, http.StatusPreconditionFailed) {
		return fmt.Errorf("somebody changed it in the meantime; look at it and run the command again: %w", err)
	}
	return err
}

var singular = map[string]string{resourceRealms: "realm", resourceProfiles: "profile", resourcePolicies: "policy"}

func plural(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(what, "y"))
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (d *deleting) conclude(list []doomed, gone []string) error {
	if d.output != outputTable {
		return d.print(object("kind", d.kind, "deleted", gone), nil)
	}
	if d.dryRun {
		d.say("dry run: the server accepts this; nothing deleted")
	} else {
		d.say("deleted %s", plural(len(list), singular[d.kind]))
	}
	return nil
}
