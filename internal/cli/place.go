package cli

import (
	"errors"
	"strconv"
	"strings"

	"github.com/sidegate/sidegate/internal/document"
)

// locate adds to what the server found wrong with a set where it stands in the files.
func (c *changes) locate(err error, set *document.Node) error {
	return located(err, func(pointer string) *document.Error {
		return place(c.fileOf(set, pointer), set, pointer)
	})
}

// fileOf returns the file of the item that a pointer leads to; "" when it came
// from the server.
func (c *changes) fileOf(set *document.Node, pointer string) string {
	if c.set != nil {
		return c.set.file
	}
	parts := strings.SplitN(strings.TrimPrefix(pointer, "/"), "/", 3)
	if len(parts) < 2 {
		return ""
	}
	name := scalar(follow(set, "/"+parts[0]+"/"+parts[1]), "name")
	list := c.policies
	if parts[0] == "profiles" {
		list = c.profiles
	}
	if s := named(list, name); s != nil {
		return s.file
	}
	return ""
}

// located adds places to the violations of a refusal; other errors it leaves alone.
func located(err error, find func(pointer string) *document.Error) error {
	p, ok := errors.AsType[*problem](err)
	if !ok {
		return err
	}
	for i := range p.Violations {
		if at := find(p.Violations[i].Field); at != nil {
			p.Violations[i].place = strings.TrimSuffix(at.Error(), ": ")
		}
	}
	return err
}

// place is where in a file a pointer leads, nil when it leads nowhere there.
func place(file string, n *document.Node, pointer string) *document.Error {
	at := follow(n, pointer)
	if file == "" || at.Line == 0 {
		return nil
	}
	return &document.Error{Path: file, Line: at.Line, Column: at.Column}
}

// follow returns what a JSON pointer (RFC 6901) leads to, or the last there is on
// the way.
func follow(n *document.Node, pointer string) *document.Node {
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for _, part := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		next := n.Get(unescape.Replace(part))
		if i, err := strconv.Atoi(part); err == nil && n.Kind == document.List && i >= 0 && i < len(n.Items) {
			next = n.Items[i]
		}
		if next == nil {
			return n
		}
		n = next
	}
	return n
}
