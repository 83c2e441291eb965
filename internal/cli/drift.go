package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/document"
	"github.com/sidegate/sidegate/internal/folder"
	"github.com/spf13/cobra"
)

// exitDrift is the exit code of a folder that differs from what it was compared with.
const exitDrift = 11

// drifting is one run of diff --dir.
type drifting struct {
	*app
	dir, against string
}

// driftFlags defines --dir and --against.
func (d *drifting) driftFlags(c *cobra.Command) {
	c.Flags().StringVar(&d.dir, "dir", "", "compare a folder, as serve --policies reads it, with the server: exit code 11 when they differ")
	c.Flags().StringVar(&d.against, "against", "", "with --dir: another folder to compare with, instead of the server")
}

// asked reports whether the folder is what diff is about.
func (d *drifting) asked(c *cobra.Command) bool {
	return c.Flags().Changed("dir") || c.Flags().Changed("against")
}

// content is what a realm holds, as documents of the contract.
type content struct{ settings, set *document.Node }

func (d *drifting) run(c *cobra.Command, args []string) error {
	switch {
	case d.dir == "":
		return usage("diff: --dir: expected the path of a folder")
	case len(args) > 0:
		return usage("diff: --dir compares what is in force; leave out %q", args[0])
	case c.Flags().Changed("against") && d.against == "":
		return usage("diff: --against: expected the path of a folder")
	}
	wanted, err := readFolder(d.dir)
	if err != nil {
		return err
	}
	found, where, err := d.other(c.Context())
	if err != nil {
		return err
	}
	if only := d.flags.Realm; only != "" {
		_, there := found[only]
		if _, wanted := wanted[only]; !there && !wanted {
			return fmt.Errorf("realm %q is neither in %s nor in %s", only, d.dir, where)
		}
	}
	return d.show(d.compare(found, wanted), where)
}

// other reads what the folder is compared with, and says what that is.
func (d *drifting) other(ctx context.Context) (map[string]content, string, error) {
	if d.against != "" {
		found, err := readFolder(d.against)
		return found, d.against, err
	}
	client, err := d.connect()
	if err != nil {
		return nil, "", err
	}
	found, err := client.contents(ctx, d.flags.Realm)
	return found, client.base, err
}

// readFolder reads the realms of a folder.
func readFolder(dir string) (map[string]content, error) {
	realms, err := folder.Read(dir)
	if err != nil {
		return nil, err
	}
	all := map[string]content{}
	for name, r := range realms {
		if all[name], err = folderContent(r); err != nil {
			return nil, fmt.Errorf("realm %q: %w", name, err)
		}
	}
	return all, nil
}

func folderContent(r *folder.Realm) (content, error) {
	settings, err := tree(r.Settings)
	if err != nil {
		return content{}, err
	}
	profiles, policies := []*document.Node{}, []*document.Node{}
	for _, p := range r.Set.GetProfiles() {
		n, err := profileTree(p)
		if err != nil {
			return content{}, err
		}
		profiles = append(profiles, n)
	}
	for _, p := range r.Set.GetPolicies() {
		n, err := tree(p)
		if err != nil {
			return content{}, err
		}
		policies = append(policies, n)
	}
	return content{settings, object("profiles", profiles, "policies", policies)}, nil
}

// profileTree is a profile as REST shows it: an empty list of executors is one.
func profileTree(p *clientpolicyv1.Profile) (*document.Node, error) {
	n, err := tree(p)
	if err != nil || len(p.GetEmptyMembers()) == 0 {
		return n, err
	}
	return n.Without("emptyMembers").With("executors", value([]*document.Node{})), nil
}

// contents reads the realms of a server that the caller may see, or one of them.
func (c *api) contents(ctx context.Context, only string) (map[string]content, error) {
	list, err := c.list(ctx, "/v1/realms", "realms", nil, 0)
	if err != nil {
		return nil, err
	}
	all := map[string]content{}
	for _, realm := range items(list, "realms") {
		name := scalar(realm, "name")
		if only != "" && name != only {
			continue
		}
		set, err := c.policySet(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("realm %q: %w", name, err)
		}
		settings := realm.Get("settings")
		if settings == nil {
			settings = object()
		}
		all[name] = content{settings, set.body}
	}
	return all, nil
}

// compare returns the realms that differ, each with what the folder has and the
// other side has not. With --realm it looks at that one.
func (d *drifting) compare(found, wanted map[string]content) []*document.Node {
	list := []*document.Node{}
	names := slices.Collect(maps.Keys(wanted))
	for name := range found {
		if _, both := wanted[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if d.flags.Realm != "" && name != d.flags.Realm {
			continue
		}
		before, there := found[name]
		after, wanted := wanted[name]
		changes := contentChanges(before, after)
		switch {
		case !there:
			list = append(list, object("realm", name, "type", typeAdded, "changes", changes))
		case !wanted:
			list = append(list, object("realm", name, "type", typeRemoved, "changes", changes))
		case len(changes) > 0:
			list = append(list, object("realm", name, "type", typeChanged, "changes", changes))
		}
	}
	return list
}

// contentChanges are the ItemChanges from one content to another.
func contentChanges(from, to content) []*document.Node {
	changes := []*document.Node{}
	if fields := diff(orEmpty(from.settings), orEmpty(to.settings), ""); len(fields) > 0 {
		changes = append(changes, itemChange(kindSettings, typeChanged, "", -1, -1, fields...))
	}
	return append(changes, diffSets(from.set, to.set)...)
}

// orEmpty is an object as it is written; none is an empty one.
func orEmpty(n *document.Node) *document.Node {
	if n == nil {
		return object()
	}
	return written(n)
}

// show tells what differs, and ends with its exit code.
func (d *drifting) show(realms []*document.Node, where string) error {
	if d.output != outputTable {
		err := d.print(object("drift", len(realms) > 0, "dir", d.dir, "against", where, "realms", realms), nil)
		if err != nil {
			return err
		}
	} else {
		d.tell(realms, where)
	}
	if len(realms) > 0 {
		return quiet(exitDrift)
	}
	return nil
}

func (d *drifting) tell(realms []*document.Node, where string) {
	if len(realms) == 0 {
		d.say("no drift: %s and %s agree", d.dir, where)
		return
	}
	d.say("from %s to %s:", where, d.dir)
	signs := map[string]string{typeAdded: "+", typeRemoved: "-", typeChanged: "~"}
	for _, r := range realms {
		d.say("%s", d.paint(clean(fmt.Sprintf("%s realm %q", signs[scalar(r, "type")], scalar(r, "realm")))))
		d.showChanges(items(r, "changes"))
	}
}
