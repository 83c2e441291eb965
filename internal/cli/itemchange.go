package cli

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/sidegate/sidegate/internal/document"
)

// Kinds and types of an ItemChange of the contract, which every difference is
// told in, whoever found it.
const (
	kindSettings = "KIND_SETTINGS"
	kindProfile  = "KIND_PROFILE"
	kindPolicy   = "KIND_POLICY"

	typeAdded   = "TYPE_ADDED"
	typeRemoved = "TYPE_REMOVED"
	typeChanged = "TYPE_CHANGED"
	typeMoved   = "TYPE_MOVED"
)

// itemChange makes an ItemChange; an index below 0 is left out.
func itemChange(kind, what, name string, before, after int, fields ...*document.Node) *document.Node {
	n := object("kind", kind, "type", what, "name", name)
	if len(fields) > 0 {
		n = n.With("fields", value(fields))
	}
	if before >= 0 {
		n = n.With("indexBefore", value(before))
	}
	if after >= 0 {
		n = n.With("indexAfter", value(after))
	}
	return n
}

// fieldChange makes a FieldChange; what is not there is left out.
func fieldChange(path string, before, after *document.Node) *document.Node {
	n := object("path", path)
	if before != nil {
		n = n.With("before", before)
	}
	if after != nil {
		n = n.With("after", after)
	}
	return n
}

// changeLines returns ItemChanges for people: `+` added, `-` removed, `~` changed
// or moved, with a line for each member.
func changeLines(changes []*document.Node) []string {
	var lines []string
	for _, c := range changes {
		lines = append(lines, linesOf(c)...)
	}
	return lines
}

func linesOf(c *document.Node) []string {
	what := clean(describe(c))
	switch scalar(c, "type") {
	case typeAdded:
		return []string{"+ " + what}
	case typeRemoved:
		return []string{"- " + what}
	case typeMoved:
		return []string{fmt.Sprintf("~ %s: moved from index %s to %s", what, index(c, "indexBefore"), index(c, "indexAfter"))}
	}
	var lines []string
	for _, f := range items(c, "fields") {
		lines = append(lines, fmt.Sprintf("~ %s: %s: %s → %s", what, clean(scalar(f, "path")), shown(f.Get("before")), shown(f.Get("after"))))
	}
	return lines
}

// describe names the document that changed.
func describe(c *document.Node) string {
	kind := strings.ToLower(strings.TrimPrefix(scalar(c, "kind"), "KIND_"))
	if scalar(c, "kind") == kindSettings {
		return kind
	}
	return fmt.Sprintf("%s %q", kind, scalar(c, "name"))
}

// index is an index; protobuf leaves out the first.
func index(c *document.Node, name string) string {
	if s := scalar(c, name); s != "" {
		return s
	}
	return "0"
}

// shown is a value as a line has room for it.
func shown(n *document.Node) string { return clean(clip(canonical(n))) }

// preview shows lines before anybody is asked: among the output, or beside it
// where that is for programs.
func (a *app) preview(lines []string, asked bool) {
	for _, line := range lines {
		switch {
		case a.output == outputTable:
			a.say("%s", a.paint(line))
		case asked:
			a.tell("%s", line)
		}
	}
}

// showChanges writes ItemChanges, a painted line each.
func (a *app) showChanges(changes []*document.Node) {
	for _, line := range changeLines(changes) {
		a.say("%s", a.paint(line))
	}
}

// paint colours a line of a diff.
func (a *app) paint(line string) painted {
	switch line[0] {
	case '+':
		return a.colour(text.FgGreen, line)
	case '-':
		return a.colour(text.FgRed, line)
	default:
		return a.colour(text.FgYellow, line)
	}
}
