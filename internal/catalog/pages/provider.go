package pages

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/pdp"
)

// note is what is told of a provider beside its descriptor and its vectors.
type note struct {
	// Judges says what is judged on which events; together they are all of the
	// provider's events.
	Judges []judgement `json:"judges"`
	// Changes says what it changes or obliges, and when.
	Changes []string `json:"changes"`
	// Limits says what it does not do.
	Limits []string `json:"limits"`
	// Examples are vectors; without them the shortest ones are shown.
	Examples []named `json:"examples"`
}

type judgement struct {
	// On are events, or "all", or "others" for those that are not named before.
	On []string `json:"on"`
	// Text says what is judged.
	Text string `json:"text"`
}

// named is a vector and what it shows.
type named struct {
	Case  string `json:"case"`
	Title string `json:"title"`
}

func (b *book) providerPage(p *provider) (string, error) {
	n := b.notes[p.id]
	if n == nil {
		n = &note{}
	}
	if err := covers(n.Judges, p.events); err != nil {
		return "", err
	}
	var page strings.Builder
	fmt.Fprintf(&page, "# %s\n\n%s\n", p.id, prose(p.kind+". "+p.doc))
	page.WriteString(b.origin(p))
	page.WriteString("\n## Configuration\n\n" + configuration(p))
	page.WriteString("\n## Events\n\n" + prose(p.verb+" "+eventList(p.events)+"."))
	for _, trait := range p.traits {
		page.WriteString("\n" + prose(trait))
	}
	page.WriteString(judged(n.Judges))
	e := b.shown[p.id]
	if e == nil {
		return "", fmt.Errorf("no vectors")
	}
	page.WriteString(refused(e))
	page.WriteString(effects(n.Changes, e, p.kind == kindExecutor))
	page.WriteString(section("Limits", n.Limits))
	page.WriteString(b.clausesOf(p.id))
	shown, err := b.shownExamples(p, e, n.Examples)
	page.WriteString(shown)
	return page.String(), err
}

func (b *book) shownExamples(p *provider, e *evidence, list []named) (string, error) {
	of, show := executorOutcome, executorExample
	head := "From the vectors, with the answers of this version under the default compatibility. " +
		"A policy applies the executor alone."
	if p.kind == kindCondition {
		of, show = conditionOutcome, conditionExample
		head = "From the vectors, with the votes of this version under the default compatibility."
	}
	text, err := examples(p.id, e, list, of, show)
	return "\n## Examples\n\n" + prose(head) + text, err
}

// origin names the standards and the profiles that hold the provider.
func (b *book) origin(p *provider) string {
	var text strings.Builder
	if len(p.spec) > 0 {
		text.WriteString(bullet("Standards: " + strings.Join(p.spec, "; ")))
	}
	var in []string
	for _, profile := range b.profiles {
		for _, x := range profile.Executors {
			if x.Executor == p.id {
				in = append(in, fmt.Sprintf("[%s](../profiles/%s.md)", profile.Name, profile.Name))
			}
		}
	}
	if len(in) > 0 {
		text.WriteString(bullet("Built-in profiles: " + strings.Join(in, ", ")))
	}
	if text.Len() == 0 {
		return bullet("No standard asks for it; it is a tool of policies.")
	}
	return text.String()
}

func judged(list []judgement) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n## What it judges\n\n")
	for _, j := range list {
		on := "**" + strings.Join(j.On, ", ") + "** – "
		switch j.On[0] {
		case allEvents:
			on = ""
		case otherEvents:
			on = "**All others** – "
		}
		b.WriteString(bullet(on + j.Text))
	}
	return b.String()
}

// What stands for events in a judgement.
const (
	allEvents   = "all"
	otherEvents = "others"
)

// covers demands that judgements are about the provider's events, each once.
func covers(list []judgement, events pdp.EventSet) error {
	left := map[string]bool{}
	for _, e := range events.List() {
		left[pdp.EventName(e)] = true
	}
	for _, j := range list {
		for _, name := range j.On {
			switch {
			case name == allEvents || name == otherEvents:
				clear(left)
			case !left[name]:
				return fmt.Errorf("judges: %s is named before, or no event of the provider", name)
			}
			delete(left, name)
		}
	}
	if len(list) > 0 && len(left) > 0 {
		return fmt.Errorf("judges: nothing is said of %s", strings.Join(sorted(left), ", "))
	}
	return nil
}

// refused lists the objections that the vectors show.
func refused(e *evidence) string {
	var rows [][]string
	for _, r := range e.refusals() {
		rows = append(rows, []string{r.description, codes(sorted(e.errors[r])), places(sorted(e.fields[r])), orNone(r.spec)})
	}
	if len(rows) == 0 {
		return ""
	}
	return "\n## What it refuses\n\n" + prose("As its vectors show.") + "\n" +
		table([]string{"because", "error", "at", "clause"}, rows)
}

// places lists where an objection points, three at most.
func places(fields []string) string {
	if len(fields) <= 3 {
		return orNone(codes(fields))
	}
	return fmt.Sprintf("%s and %d others", codes(fields[:2]), len(fields)-2)
}

func orNone(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

func effects(changes []string, e *evidence, always bool) string {
	list := slices.Clone(changes)
	for _, change := range sorted(e.changes) {
		verb, path, _ := strings.Cut(change, " ")
		list = append(list, "Mutation: "+verb+"s "+code(path)+".")
	}
	for _, name := range sorted(e.obligations) {
		list = append(list, "Obligation: "+code(name)+".")
	}
	if len(list) == 0 && always {
		list = []string{"Nothing: it judges only."}
	}
	return section("What it changes", list)
}

func section(title string, list []string) string {
	if len(list) == 0 {
		return ""
	}
	text := "\n## " + title + "\n\n"
	for _, item := range list {
		text += bullet(item)
	}
	return text
}

// clausesOf lists the clauses that an executor enforces.
func (b *book) clausesOf(id string) string {
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(b.documents)) {
		d := b.documents[name]
		for i := range d.Rows {
			if c := &d.Rows[i]; slices.Contains(c.By, id) {
				rows = append(rows, []string{d.name(c), c.Asks})
			}
		}
	}
	if len(rows) == 0 {
		return ""
	}
	return "\n## Clauses\n\n" + table([]string{"clause", "asks"}, rows)
}
