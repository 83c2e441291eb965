// Package pages makes the reference pages under docs: one for every provider and
// every built-in profile, and their indexes.
//
// What the pages say comes from the descriptors in the registry, from the built-in
// profiles, from the vectors, which are decided anew by the engine at a fixed time,
// and from the files under data: notes on providers and profiles, and the clauses
// of the standards with the executors that enforce them. So tables, examples and
// their answers cannot drift from the code; the sentences of the notes are kept by
// hand. The test of this package compares the pages with those that are committed,
// and writes them under -update.
//
// # What it refuses
//
// Notes on a provider that does not exist, or that leave one of its events out;
// clauses that name an executor or a profile that does not exist; a profile
// without notes; examples that no vector has, or that show one side alone.
package pages

import (
	"fmt"
	"io/fs"
	"time"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
)

// now is the time of all examples.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// book is what the pages are made from.
type book struct {
	registry  *pdp.Registry
	compiler  *pdp.Compiler
	profiles  []*pb.Profile
	shown     map[string]*evidence
	notes     map[string]*note
	about     map[string]*profileNote
	documents map[string]*document
}

// Make returns all pages by their paths below docs. The repository holds the
// vectors of the providers.
func Make(repository fs.FS) (map[string]string, error) {
	b, err := open(repository)
	if err != nil {
		return nil, err
	}
	made := map[string]string{"providers.md": b.index()}
	for _, p := range b.providers() {
		path := "providers/" + p.id + ".md"
		if made[path] != "" {
			return nil, fmt.Errorf("%s: a condition and an executor have the same id", p.id)
		}
		if made[path], err = b.providerPage(p); err != nil {
			return nil, fmt.Errorf("page of %s: %w", p.id, err)
		}
	}
	for _, p := range b.profiles {
		if made["profiles/"+p.Name+".md"], err = b.profilePage(p); err != nil {
			return nil, fmt.Errorf("page of %s: %w", p.Name, err)
		}
	}
	made["profiles/README.md"], err = b.securityProfiles()
	return made, err
}

func open(repository fs.FS) (*book, error) {
	b := &book{}
	err := b.registered()
	if err != nil {
		return nil, err
	}
	if b.shown, err = witness(repository, b.compiler); err != nil {
		return nil, err
	}
	if err := b.read(); err != nil {
		return nil, err
	}
	return b, b.check()
}

// registered takes in what this binary has.
func (b *book) registered() (err error) {
	if b.registry, err = catalog.Registry(); err != nil {
		return err
	}
	if b.compiler, err = catalog.Compiler(profiles.None); err != nil {
		return err
	}
	b.profiles, err = profiles.Builtin()
	return err
}

// providers returns all conditions, then all executors, each by id.
func (b *book) providers() (list []*provider) {
	for _, id := range b.registry.ConditionIDs() {
		list = append(list, conditionOf(b.registry.Condition(id)))
	}
	for _, id := range b.registry.ExecutorIDs() {
		list = append(list, executorOf(b.registry.Executor(id)))
	}
	return list
}
