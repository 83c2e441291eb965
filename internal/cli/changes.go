package cli

import (
	"fmt"
	"io"
	"slices"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/document"
	"google.golang.org/protobuf/proto"
)

// itemOutput are the members that a server adds and that are never written.
var itemOutput = []string{"global", "etag", "updateTime", "author", "revision", "warnings", "available"}

// source is a document and the file that it was read from.
type source struct {
	file string
	node *document.Node
}

// changes are what the files of one run want.
type changes struct {
	// set replaces everything; nil when the files hold items only.
	set                *source
	profiles, policies []source
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
		if err := c.add(source{file, n}); err != nil {
			return nil, err
		}
	}
	if c.set != nil && len(files) > 1 {
		return nil, fmt.Errorf("%s: expected either one policy set or any number of profiles and policies, found a set among %d files", path, len(files))
	}
	return c, nil
}

// add tells by its members what a document is, and checks it as that.
func (c *changes) add(s source) (err error) {
	n := s.node
	policy := n.Get("conditions") != nil || n.Get("enabled") != nil || n.Get("mode") != nil
	switch {
	case n.Kind == document.Object && n.Get("name") == nil && (n.Get("profiles") != nil || n.Get("policies") != nil):
		c.set = &s
		return s.decode(&clientpolicyv1.PolicySet{})
	case policy:
		c.policies, err = s.appendTo(c.policies, &clientpolicyv1.Policy{})
	case n.Get("executors") != nil:
		c.profiles, err = s.appendTo(c.profiles, &clientpolicyv1.Profile{})
	default:
		err = s.fail("expected a policy set (with profiles and policies), a profile (with name and executors) or a policy (with name and conditions)")
	}
	return err
}

func (s source) fail(format string, args ...any) error {
	return &document.Error{Path: s.file, Line: s.node.Line, Column: s.node.Column, Problem: fmt.Sprintf(format, args...)}
}

func (s source) decode(m proto.Message) error { return document.Decode(s.file, s.node, m) }

func (s source) name() string { return scalar(s.node, "name") }

// appendTo adds an item; it refuses one without a name and one whose name another has.
func (s source) appendTo(list []source, m proto.Message) ([]source, error) {
	if err := s.decode(m); err != nil {
		return nil, err
	}
	if s.name() == "" {
		return nil, s.fail("the name is missing")
	}
	if other := named(list, s.name()); other != nil {
		return nil, s.fail("%q is given twice, here and in %s", s.name(), other.file)
	}
	return append(list, source{s.file, written(s.node)}), nil
}

// named returns the item of a name, or nil.
func named(list []source, name string) *source {
	i := slices.IndexFunc(list, func(s source) bool { return s.name() == name })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// over returns the set that comes out of the changes over a current one; with
// prune it has no other items.
func (c *changes) over(current *document.Node, prune bool) *document.Node {
	if c.set != nil {
		return object("profiles", c.half(current, "profiles", prune), "policies", c.half(current, "policies", prune))
	}
	return object("profiles", merge(stripped(current, "profiles"), c.profiles, prune),
		"policies", merge(stripped(current, "policies"), c.policies, prune))
}

// half returns one list of a set that replaces another. One that the set does not
// name stays, unless what the files do not hold is to go.
func (c *changes) half(current *document.Node, member string, prune bool) []*document.Node {
	if list := c.set.node.Get(member); !prune && (list == nil || list.Kind == document.Null) {
		return stripped(current, member)
	}
	return stripped(c.set.node, member)
}

// stripped returns the items of a set as they are written.
func stripped(set *document.Node, member string) []*document.Node {
	list := []*document.Node{}
	for _, item := range items(set, member) {
		list = append(list, written(item))
	}
	return list
}

// written returns an item as it is written: without what the server adds, and
// without what means the same as nothing there: null, and an empty list where only
// executors tell one from none.
func written(item *document.Node) *document.Node {
	c := item.Without(itemOutput...)
	c.Members = slices.DeleteFunc(c.Members, func(m document.Member) bool {
		empty := m.Value.Kind == document.List && len(m.Value.Items) == 0
		return m.Value.Kind == document.Null || empty && m.Name != "executors"
	})
	return c
}

// merge replaces items of the same name, appends the others, and prunes.
func merge(current []*document.Node, changed []source, prune bool) []*document.Node {
	if prune {
		current = slices.DeleteFunc(current, func(old *document.Node) bool { return named(changed, scalar(old, "name")) == nil })
	}
	for _, s := range changed {
		i := slices.IndexFunc(current, func(old *document.Node) bool { return scalar(old, "name") == s.name() })
		if i < 0 {
			current = append(current, s.node)
		} else {
			current[i] = s.node
		}
	}
	return current
}
