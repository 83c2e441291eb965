package pages

import (
	"fmt"
	"strings"

	"github.com/sidegate/sidegate/pdp"
)

const providersIntro = `# Providers

What client policies are made of. A policy applies when its **conditions** let it; then the **executors** of its
profiles judge the request, in order. Ids and configuration keys are Keycloak's. Each has a page of its own, with its
configuration, its events, what it refuses and changes, and examples.

These pages are made from the code, the vectors and the notes beside them, by
` + "`go test ./internal/catalog/pages -update`" + `; a test fails when they are stale.
`

const conditionsIntro = `
## Conditions

A condition votes YES or NO, or abstains. A policy applies when at least one condition votes YES and none votes NO;
under the mode STRICT none may abstain either.

`

const executorsIntro = `
## Executors

An executor objects, changes the client, or obliges the identity provider to do something. All objections are
collected; decision and error are those of the first.

`

const profilesIntro = `
## Built-in profiles

Every realm can name them in its policies. A profile is available when this version has all of its executors. What
the server applies without any policy of a realm is told under [security profiles](profiles/README.md).

`

// index returns the page that leads to all others.
func (b *book) index() string {
	var conditions, executors [][]string
	for _, p := range b.providers() {
		row := []string{fmt.Sprintf("[%s](providers/%s.md)", p.id, p.id), p.doc}
		if p.kind == kindCondition {
			conditions = append(conditions, row)
		} else {
			executors = append(executors, row)
		}
	}
	var profiles [][]string
	for _, p := range b.profiles {
		link := fmt.Sprintf("[%s](profiles/%s.md)", p.Name, p.Name)
		profiles = append(profiles, []string{link, b.availability(p.Name), b.about[p.Name].implements()})
	}
	head := []string{"id", "purpose"}
	return providersIntro +
		conditionsIntro + table(head, conditions) +
		"\n" + prose("Each takes "+code(pdp.NegativeLogicKey)+" besides, which turns YES and NO round.") +
		executorsIntro + table(head, executors) +
		profilesIntro + table([]string{"profile", "available", "implements"}, profiles)
}

func (n *profileNote) implements() string {
	if n == nil {
		return "–"
	}
	return n.Implements
}

// availability says whether a profile can be used.
func (b *book) availability(profile string) string {
	if ok, lacking := b.compiler.Available(profile); !ok {
		return "no: lacks " + strings.Join(lacking, ", ")
	}
	return "yes"
}
