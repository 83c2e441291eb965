package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sidegate/sidegate/internal/document"
	"github.com/sidegate/sidegate/pdp"
)

// diffSets returns what a set has that another has not, as ItemChanges: profiles,
// then policies, each in the new order, what was removed last.
func diffSets(from, to *document.Node) []*document.Node {
	changes := diffItems(kindProfile, stripped(from, "profiles"), stripped(to, "profiles"))
	return append(changes, diffItems(kindPolicy, stripped(from, "policies"), stripped(to, "policies"))...)
}

func diffItems(kind string, from, to []*document.Node) []*document.Node {
	changes := []*document.Node{}
	old, now := byName(from), byName(to)
	moved := displaced(from, to, now)
	for i, n := range to {
		name := scalar(n, "name")
		before, there := old[name]
		if !there {
			changes = append(changes, itemChange(kind, typeAdded, name, -1, i))
			continue
		}
		if fields := diff(from[before], n, ""); len(fields) > 0 {
			changes = append(changes, itemChange(kind, typeChanged, name, before, i, fields...))
		}
		if moved[name] {
			changes = append(changes, itemChange(kind, typeMoved, name, before, i))
		}
	}
	for i, n := range from {
		if _, stays := now[scalar(n, "name")]; !stays {
			changes = append(changes, itemChange(kind, typeRemoved, scalar(n, "name"), i, -1))
		}
	}
	return changes
}

// byName returns where each item stands.
func byName(list []*document.Node) map[string]int {
	m := map[string]int{}
	for i, n := range list {
		m[scalar(n, "name")] = i
	}
	return m
}

// displaced returns the items that both have and that left their order: the fewest
// whose moving makes the new order.
func displaced(from, to []*document.Node, now map[string]int) map[string]bool {
	moved, places := map[string]bool{}, []int{}
	for _, n := range from {
		if place, stays := now[scalar(n, "name")]; stays {
			moved[scalar(n, "name")] = true
			places = append(places, place)
		}
	}
	for _, place := range rising(places) {
		delete(moved, scalar(to[place], "name"))
	}
	return moved
}

// rising returns a longest rising part of a list of different numbers.
func rising(list []int) []int {
	var ends []int // ends[n]: index of the least end of a part of n+1 numbers
	before := make([]int, len(list))
	for i, x := range list {
		n, _ := slices.BinarySearchFunc(ends, x, func(end, x int) int { return list[end] - x })
		before[i] = -1
		if n > 0 {
			before[i] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, i)
		}
		ends[n] = i
	}
	var part []int
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = before[i] {
			part = append(part, list[i])
		}
	}
	slices.Reverse(part)
	return part
}

// diff returns where two values differ, as FieldChanges. The order of members does
// not count, that of list elements does.
func diff(from, to *document.Node, at string) []*document.Node {
	switch {
	case canonical(from) == canonical(to):
		return nil
	case from != nil && to != nil && from.Kind == document.Object && to.Kind == document.Object:
		return diffMembers(from, to, at)
	case from != nil && to != nil && from.Kind == document.List && to.Kind == document.List:
		return diffLists(from.Items, to.Items, at)
	}
	return []*document.Node{fieldChange(at, from, to)}
}

func diffMembers(from, to *document.Node, at string) []*document.Node {
	var fields []*document.Node
	for _, m := range from.Members {
		fields = append(fields, diff(m.Value, to.Get(m.Name), at+"/"+pdp.EscapePointer(m.Name))...)
	}
	for _, m := range to.Members {
		if from.Get(m.Name) == nil {
			fields = append(fields, diff(nil, m.Value, at+"/"+pdp.EscapePointer(m.Name))...)
		}
	}
	return fields
}

// diffLists compares what stands between a common begin and a common end.
func diffLists(from, to []*document.Node, at string) []*document.Node {
	same := func(a, b *document.Node) bool { return canonical(a) == canonical(b) }
	skip := 0
	for len(from) > 0 && len(to) > 0 && same(from[0], to[0]) {
		from, to, skip = from[1:], to[1:], skip+1
	}
	for len(from) > 0 && len(to) > 0 && same(from[len(from)-1], to[len(to)-1]) {
		from, to = from[:len(from)-1], to[:len(to)-1]
	}
	var fields []*document.Node
	for i := range max(len(from), len(to)) {
		var before, after *document.Node
		if i < len(from) {
			before = from[i]
		}
		if i < len(to) {
			after = to[i]
		}
		fields = append(fields, diff(before, after, fmt.Sprintf("%s/%d", at, skip+i))...)
	}
	return fields
}

// canonical returns a value as JSON with its members sorted and its numbers
// spelled alike; what is absent is a dash.
func canonical(n *document.Node) string {
	if n == nil {
		return "–"
	}
	return string(sorted(n).JSON())
}

func sorted(n *document.Node) *document.Node {
	c := *n
	if c.Kind == document.Number {
		c.Text = number(c.Text)
	}
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

// number spells a number as the store would: 1.0 and 1e0 as 1.
func number(s string) string {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
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
