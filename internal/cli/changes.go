package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/cli/document"
	"google.golang.org/protobuf/proto"
)

// Members that a server adds and that are never written.
var (
	itemOutput = []string{"global", "etag", "updateTime", "author", "revision", "warnings", "available"}
)

// changes are what the files of one run want.
type changes struct {
	// set replaces everything; nil when the files hold items only.
	set                *document.Node
	profiles, policies []*document.Node
}

// readChanges reads the files that a path names.
func readChanges(path string, stdin io.Reader) (*changes, error) {
	files, err := document.Files(path)
	if err != nil {
		return nil, usage("%w", err)
	}
	c := &changes{}
	for _, file := range files {
		n, err := document.Read(file, stdin)
		if err != nil {
			return nil, err
		}
		if err := c.add(file, n); err != nil {
			return nil, err
		}
	}
	if c.set != nil && len(files) > 1 {
		return nil, fmt.Errorf("%s: expected either one policy set or any number of profiles and policies, found a set among %d files", path, len(files))
	}
	return c, nil
}

// add tells by its members what a document is, and checks it as that.
func (c *changes) add(file string, n *document.Node) error {
	policy := n.Get("conditions") != nil || n.Get("enabled") != nil || n.Get("mode") != nil
	var m proto.Message
	switch {
	case n.Kind == document.Object && n.Get("name") == nil && (n.Get("profiles") != nil || n.Get("policies") != nil):
		m, c.set = &clientpolicyv1.PolicySet{}, n
	case policy:
		m, c.policies = &clientpolicyv1.Policy{}, append(c.policies, n.Without(itemOutput...))
	case n.Get("executors") != nil:
		m, c.profiles = &clientpolicyv1.Profile{}, append(c.profiles, n.Without(itemOutput...))
	default:
		return &document.Error{Path: file, Line: n.Line, Column: n.Column, Problem: "expected a policy set " +
			"(with profiles and policies), a profile (with name and executors) or a policy (with name and conditions)"}
	}
	if err := document.Decode(file, n, m); err != nil {
		return err
	}
	return c.unique(file, n)
}

// unique refuses an item without a name and one whose name another file has.
func (c *changes) unique(file string, n *document.Node) error {
	if n == c.set {
		return nil
	}
	if scalar(n, "name") == "" {
		return &document.Error{Path: file, Line: n.Line, Column: n.Column, Problem: "the name is missing"}
	}
	for _, list := range [][]*document.Node{c.profiles, c.policies} {
		same := func(other *document.Node) bool { return scalar(other, "name") == scalar(n, "name") }
		if i := slices.IndexFunc(list, same); i >= 0 && slices.ContainsFunc(list[i+1:], same) {
			return &document.Error{Path: file, Line: n.Line, Column: n.Column, Problem: fmt.Sprintf("%q is given twice", scalar(n, "name"))}
		}
	}
	return nil
}

// over returns the set that comes out of the changes over a current one.
func (c *changes) over(current *document.Node) *document.Node {
	if c.set != nil {
		return object("profiles", stripped(c.set, "profiles"), "policies", stripped(c.set, "policies"))
	}
	return object("profiles", merge(stripped(current, "profiles"), c.profiles),
		"policies", merge(stripped(current, "policies"), c.policies))
}

// stripped returns the items of a set as they are written.
func stripped(set *document.Node, member string) []*document.Node {
	list := []*document.Node{}
	for _, item := range items(set, member) {
		list = append(list, item.Without(itemOutput...))
	}
	return list
}

// merge replaces items of the same name and appends the others.
func merge(current, changed []*document.Node) []*document.Node {
	for _, n := range changed {
		i := slices.IndexFunc(current, func(old *document.Node) bool { return scalar(old, "name") == scalar(n, "name") })
		if i < 0 {
			current = append(current, n)
		} else {
			current[i] = n
		}
	}
	return current
}

// diffSets returns what differs between two sets, a line each: `+` added, `-`
// removed, `~` changed.
func diffSets(from, to *document.Node) []string {
	lines := diffItems("profile", stripped(from, "profiles"), stripped(to, "profiles"))
	return append(lines, diffItems("policy", stripped(from, "policies"), stripped(to, "policies"))...)
}

func diffItems(kind string, from, to []*document.Node) []string {
	var lines []string
	old, now := byName(from), byName(to)
	for _, n := range from {
		if name := scalar(n, "name"); now[name] == nil {
			lines = append(lines, fmt.Sprintf("- %s %q", kind, name))
		}
	}
	for _, n := range to {
		name := scalar(n, "name")
		if old[name] == nil {
			lines = append(lines, fmt.Sprintf("+ %s %q", kind, name))
			continue
		}
		for _, change := range diff(old[name], n, "") {
			lines = append(lines, fmt.Sprintf("~ %s %q: %s", kind, name, change))
		}
	}
	return append(lines, diffOrder(kind, from, to, old, now)...)
}

func byName(list []*document.Node) map[string]*document.Node {
	m := map[string]*document.Node{}
	for _, n := range list {
		m[scalar(n, "name")] = n
	}
	return m
}

// diffOrder tells when the items that both have stand in another order.
func diffOrder(kind string, from, to []*document.Node, old, now map[string]*document.Node) []string {
	names := func(list []*document.Node, in map[string]*document.Node) (names []string) {
		for _, n := range list {
			if name := scalar(n, "name"); in[name] != nil {
				names = append(names, name)
			}
		}
		return names
	}
	before, after := names(from, now), names(to, old)
	if slices.Equal(before, after) {
		return nil
	}
	return []string{fmt.Sprintf("~ order by %s: %s", kind, strings.Join(after, ", "))}
}
