package pages

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

//go:embed data/*.json
var data embed.FS

// document is a standard and what its clauses ask for.
type document struct {
	// Title names the standard and its version.
	Title string `json:"title"`
	// Prefix stands before the number of a clause.
	Prefix string `json:"prefix"`
	// Rows are the clauses, in the order of the standard.
	Rows []clause `json:"rows"`
}

// clause is one demand of a standard on whoever decides.
type clause struct {
	// Number is that of the clause.
	Number string `json:"clause"`
	// Of names another document that the clause stands in.
	Of string `json:"of"`
	// Asks says what the clause asks for.
	Asks string `json:"asks"`
	// By are the executors that enforce it, wholly or partly.
	By []string `json:"by"`
	// Duty says what only the identity provider can do about it.
	Duty string `json:"duty"`
	// Gap says what is not enforced, or otherwise than the clause asks.
	Gap string `json:"gap"`
	// Stricter says what is refused although the clause allows it.
	Stricter string `json:"stricter"`
	// Profiles narrow the clause to some of the profiles of the standard.
	Profiles []string `json:"profiles"`
}

// profileNote is what is told of a built-in profile beside its executors.
type profileNote struct {
	// Implements names the standard.
	Implements string `json:"implements"`
	// About are paragraphs.
	About []string `json:"about"`
	// Documents are the standards whose clauses are listed.
	Documents []string `json:"documents"`
	// With are profiles that it is used together with.
	With []string `json:"with"`
	// Gaps are those that belong to no clause.
	Gaps []string `json:"gaps"`
	// Stricter are refusals that no clause asks for.
	Stricter []string `json:"stricter"`
}

// read reads the files under data.
func (b *book) read() error {
	b.notes = map[string]*note{}
	for name, into := range map[string]any{
		"conditions": &b.notes, "executors": &b.notes, "profiles": &b.about, "clauses": &b.documents,
	} {
		file, err := data.Open("data/" + name + ".json")
		if err != nil {
			return fmt.Errorf("read notes: %w", err)
		}
		dec := json.NewDecoder(file)
		dec.DisallowUnknownFields()
		if err := dec.Decode(into); err != nil {
			return fmt.Errorf("%s.json: %w", name, err)
		}
	}
	return nil
}

// check refuses notes on what does not exist.
func (b *book) check() error {
	for id := range b.notes {
		if b.registry.Condition(id) == nil && b.registry.Executor(id) == nil {
			return fmt.Errorf("notes: there is no provider %s", id)
		}
	}
	for name, n := range b.about {
		for _, profile := range append([]string{name}, n.With...) {
			if b.profile(profile) == nil {
				return fmt.Errorf("notes: there is no profile %s", profile)
			}
		}
	}
	for id, d := range b.documents {
		for i := range d.Rows {
			if err := b.checkClause(&d.Rows[i]); err != nil {
				return fmt.Errorf("clauses of %s: %s: %w", id, d.Rows[i].Number, err)
			}
		}
	}
	return nil
}

func (b *book) checkClause(c *clause) error {
	switch {
	case c.Number == "" || c.Asks == "":
		return fmt.Errorf("number and demand are required")
	case len(c.By) == 0 && c.Duty == "" && c.Gap == "":
		return fmt.Errorf("say who enforces it, or why nobody does")
	}
	for _, id := range c.By {
		if b.registry.Executor(id) == nil {
			return fmt.Errorf("there is no executor %s", id)
		}
	}
	for _, name := range c.Profiles {
		if b.profile(name) == nil {
			return fmt.Errorf("there is no profile %s", name)
		}
	}
	return nil
}

// profile returns a built-in profile, or nil.
func (b *book) profile(name string) *pb.Profile {
	for _, p := range b.profiles {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// clauses returns the clauses of a standard that are meant for a profile.
func (d *document) clauses(profile string) (list []*clause) {
	for i := range d.Rows {
		if c := &d.Rows[i]; len(c.Profiles) == 0 || slices.Contains(c.Profiles, profile) {
			list = append(list, c)
		}
	}
	return list
}

// name returns the clause with its document.
func (d *document) name(c *clause) string {
	prefix := cmp.Or(c.Of, d.Prefix)
	if strings.HasSuffix(prefix, "§") {
		return prefix + c.Number
	}
	return prefix + " " + c.Number
}
