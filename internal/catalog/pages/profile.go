package pages

import (
	"fmt"
	"slices"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// profilePage returns the page of a built-in profile.
func (b *book) profilePage(p *pb.Profile) (string, error) {
	n := b.about[p.Name]
	if n == nil {
		return "", fmt.Errorf("no notes on it in data/profiles.json")
	}
	executors, err := b.executorTable(p)
	if err != nil {
		return "", err
	}
	var page strings.Builder
	fmt.Fprintf(&page, "# %s\n\n%s\n%s%s", p.Name, prose(p.GetDescription()),
		bullet("Implements: "+n.Implements), bullet("Available: "+b.availability(p.Name)))
	for _, paragraph := range n.About {
		page.WriteString("\n" + prose(paragraph))
	}
	page.WriteString("\n## Executors\n\n" + prose("In this order.") + "\n" + executors)
	scope := b.scope(p, n)
	for _, id := range n.Documents {
		d := b.documents[id]
		if d == nil {
			return "", fmt.Errorf("notes: there is no document %s in data/clauses.json", id)
		}
		page.WriteString(clauseTable(d, scope))
	}
	page.WriteString(b.unasked(n, p) + b.remarks(n, scope))
	return page.String(), nil
}

// scope is a profile with what it is used together with.
type scope struct {
	*pb.Profile
	others []*pb.Profile
}

func (b *book) scope(p *pb.Profile, n *profileNote) *scope {
	s := &scope{Profile: p}
	for _, name := range n.With {
		s.others = append(s.others, b.profile(name))
	}
	return s
}

// holder returns the profile that holds an executor, or nil.
func (s *scope) holder(id string) *pb.Profile {
	for _, p := range append([]*pb.Profile{s.Profile}, s.others...) {
		if slices.ContainsFunc(p.Executors, func(x *pb.ProfileExecutor) bool { return x.Executor == id }) {
			return p
		}
	}
	return nil
}

func (b *book) executorTable(p *pb.Profile) (string, error) {
	var rows [][]string
	for i, x := range p.Executors {
		configuration, err := inline(x.Configuration)
		if err != nil {
			return "", err
		}
		rows = append(rows, []string{fmt.Sprint(i + 1), executorLink(x.Executor), configuration})
	}
	return table([]string{"#", "executor", "configuration"}, rows), nil
}

func executorLink(id string) string { return fmt.Sprintf("[%s](../providers/%s.md)", id, id) }

// clauseTable lists the clauses of a standard with who enforces them.
func clauseTable(d *document, s *scope) string {
	var rows [][]string
	for _, c := range d.clauses(s.Name) {
		rows = append(rows, []string{strings.TrimSpace(c.Of + " " + c.Number), c.Asks, enforcedBy(c, s)})
	}
	return "\n## " + d.Title + "\n\n" + table([]string{"clause", "asks", "enforced by"}, rows)
}

func enforcedBy(c *clause, s *scope) string {
	var links []string
	for _, id := range c.By {
		switch p := s.holder(id); {
		case p == s.Profile:
			links = append(links, executorLink(id))
		case p != nil:
			links = append(links, executorLink(id)+" of "+p.Name)
		}
	}
	if c.Duty != "" {
		links = append(links, "the identity provider")
	}
	switch {
	case len(links) == 0:
		return "nothing"
	case c.Gap != "":
		return "partly: " + strings.Join(links, ", ")
	}
	return strings.Join(links, ", ")
}

// unasked names the executors that no clause asks for.
func (b *book) unasked(n *profileNote, p *pb.Profile) string {
	var links []string
	for _, x := range p.Executors {
		if !b.asked(n, p.Name, x.Executor) {
			links = append(links, executorLink(x.Executor))
		}
	}
	if len(links) == 0 {
		return ""
	}
	return "\n" + prose("No clause above asks for "+strings.Join(links, ", ")+".")
}

func (b *book) asked(n *profileNote, profile, executor string) bool {
	for _, id := range n.Documents {
		for _, c := range b.documents[id].clauses(profile) {
			if slices.Contains(c.By, executor) {
				return true
			}
		}
	}
	return false
}

// remarks lists what only the identity provider can do, what nothing in the
// profile enforces, and what it refuses although a clause allows it.
func (b *book) remarks(n *profileNote, s *scope) string {
	var duties []string
	gaps, stricter := slices.Clone(n.Gaps), slices.Clone(n.Stricter)
	for _, id := range n.Documents {
		for _, c := range b.documents[id].clauses(s.Name) {
			name := "**" + b.documents[id].name(c) + "** – "
			duties = said(duties, name, c.Duty)
			gaps = said(gaps, name, gapOf(c, s))
			stricter = said(stricter, name, c.Stricter)
		}
	}
	return section("What the identity provider must do itself", duties) +
		section("Known gaps", gaps) +
		section("Where it is stricter than the standard", stricter)
}

func said(list []string, name, text string) []string {
	if text == "" {
		return list
	}
	return append(list, name+text)
}

// gapOf returns the gap of a clause; that the profile lacks all of its executors
// is one too.
func gapOf(c *clause, s *scope) string {
	var lacking []string
	for _, id := range c.By {
		if s.holder(id) == nil {
			lacking = append(lacking, executorLink(id))
		}
	}
	if len(lacking) == 0 || len(lacking) < len(c.By) {
		return c.Gap
	}
	text := c.Asks + ": the profile does not hold " + strings.Join(lacking, " or ") + ", which can see to it."
	return strings.TrimSpace(text + " " + c.Gap)
}
