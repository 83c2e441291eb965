package contexts

import (
	"fmt"
	"path/filepath"

	"github.com/sidegate/sidegate/internal/document"
	"github.com/sidegate/sidegate/pdp"
)

// reader collects all that is wrong with a file.
type reader struct {
	file     *File
	problems []error
}

func (r *reader) fail(line, column int, format string, args ...any) {
	r.problems = append(r.problems, &document.Error{Path: r.file.Path, Line: line, Column: column, Problem: fmt.Sprintf(format, args...)})
}

func (r *reader) read(n *document.Node) {
	if !r.is(n, document.Object) {
		return
	}
	for _, m := range n.Members {
		switch m.Name {
		case "current":
			r.file.Current = r.text(m.Value)
		case "contexts":
			r.contexts(m.Value)
		default:
			r.fail(m.Line, m.Column, "unknown key %q%s", m.Name, pdp.Suggest(m.Name, []string{"current", "contexts"}))
		}
	}
	if _, err := r.file.Get(r.file.Current); err != nil && r.file.Current != "" && len(r.problems) == 0 {
		at := n.Get("current")
		r.fail(at.Line, at.Column, "current: there is no context %q", r.file.Current)
	}
}

func (r *reader) contexts(n *document.Node) {
	if !r.is(n, document.Object) {
		return
	}
	for _, m := range n.Members {
		if c, ok := r.context(m); ok {
			if err := r.file.Set(c); err != nil {
				r.fail(m.Line, m.Column, "%s", err)
			}
		}
	}
}

func (r *reader) context(entry document.Member) (Context, bool) {
	c, before := Context{Name: entry.Name}, len(r.problems)
	if !r.is(entry.Value, document.Object) {
		return c, false
	}
	for _, m := range entry.Value.Members {
		r.member(&c, m)
	}
	return c, len(r.problems) == before
}

func (r *reader) member(c *Context, entry document.Member) {
	keys := make([]string, len(members))
	for i, m := range members {
		if keys[i] = m.key; m.key == entry.Name {
			*m.of(c) = r.located(m, r.text(entry.Value))
			return
		}
	}
	hint := pdp.Suggest(entry.Name, keys)
	if entry.Name == "token" {
		hint = "; a token is not kept here: put it into a file and name that by token-file"
	}
	r.fail(entry.Line, entry.Column, "unknown key %q%s", entry.Name, hint)
}

// located makes a path absolute.
func (r *reader) located(m member, v string) string {
	if !m.path || v == "" || filepath.IsAbs(v) {
		return v
	}
	return filepath.Join(filepath.Dir(r.file.Path), v)
}

func (r *reader) text(n *document.Node) string {
	if !r.is(n, document.Text) {
		return ""
	}
	if n.Text == "" {
		r.fail(n.Line, n.Column, "expected a text that is not empty; leave the key out instead")
	}
	return n.Text
}

func (r *reader) is(n *document.Node, kind document.Kind) bool {
	if n.Kind == kind {
		return true
	}
	r.fail(n.Line, n.Column, "expected %s, got %s", kind, n.Kind)
	return false
}
