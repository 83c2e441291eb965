package cli

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/sidegate/sidegate/internal/cli/document"
	"github.com/sidegate/sidegate/pdp"
)

// diff returns where two values differ, as `pointer: old → new`. The order of
// members does not count, that of list elements does.
func diff(from, to *document.Node, at string) []string {
	switch {
	case canonical(from) == canonical(to):
		return nil
	case from != nil && to != nil && from.Kind == document.Object && to.Kind == document.Object:
		return diffMembers(from, to, at)
	case from != nil && to != nil && from.Kind == document.List && to.Kind == document.List && len(from.Items) == len(to.Items):
		var lines []string
		for i := range from.Items {
			lines = append(lines, diff(from.Items[i], to.Items[i], fmt.Sprintf("%s/%d", at, i))...)
		}
		return lines
	}
	return []string{fmt.Sprintf("%s: %s → %s", at, clip(canonical(from)), clip(canonical(to)))}
}

func diffMembers(from, to *document.Node, at string) []string {
	var lines []string
	for _, m := range from.Members {
		lines = append(lines, diff(m.Value, to.Get(m.Name), at+"/"+pdp.EscapePointer(m.Name))...)
	}
	for _, m := range to.Members {
		if from.Get(m.Name) == nil {
			lines = append(lines, diff(nil, m.Value, at+"/"+pdp.EscapePointer(m.Name))...)
		}
	}
	return lines
}

// canonical returns a value as JSON with its members sorted; what is absent is
// a dash.
func canonical(n *document.Node) string {
	if n == nil {
		return "–"
	}
	return string(sorted(n).JSON())
}

func sorted(n *document.Node) *document.Node {
	c := *n
	c.Items, c.Members = nil, slices.Clone(n.Members)
	for _, item := range n.Items {
		c.Items = append(c.Items, sorted(item))
	}
	for i := range c.Members {
		c.Members[i].Value = sorted(c.Members[i].Value)
	}
	slices.SortFunc(c.Members, func(a, b document.Member) int { return strings.Compare(a.Name, b.Name) })
	return &c
}

// maxShown is how many bytes of a value a line shows.
const maxShown = 120

func clip(s string) string {
	if len(s) <= maxShown {
		return s
	}
	cut := maxShown
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// paint colours a line of a diff.
func (a *app) paint(line string) string {
	switch line[0] {
	case '+':
		return a.colour(text.FgGreen, line)
	case '-':
		return a.colour(text.FgRed, line)
	default:
		return a.colour(text.FgYellow, line)
	}
}
