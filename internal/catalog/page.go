package catalog

import (
	"fmt"
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
)

// Page returns docs/providers.md: every provider and built-in profile as this
// binary knows them, so that the page cannot drift from the code.
func Page() (string, error) {
	registry, err := Registry()
	if err != nil {
		return "", err
	}
	compiler, err := Compiler(profiles.None)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("# Providers\n\nMade from the registry by `go test ./internal/catalog -run Page -update`. Ids and configuration keys are Keycloak's.\n")
	b.WriteString("Every condition takes `" + pdp.NegativeLogicKey + "` besides. Default is what holds when a key is missing; a form may propose another.\n\n## Conditions\n\n")
	for _, id := range registry.ConditionIDs() {
		c := registry.Condition(id)
		provider(&b, id, c.Doc, "Votes on", c.Events, c.Spec, c.New.Properties)
	}
	b.WriteString("## Executors\n\n")
	for _, id := range registry.ExecutorIDs() {
		x := registry.Executor(id)
		provider(&b, id, x.Doc, "Acts on", x.Events, x.Spec, x.New.Properties)
	}
	err = builtin(&b, compiler)
	return b.String(), err
}

func provider(b *strings.Builder, id, doc, verb string, events pdp.EventSet, spec []string, properties []pdp.Property) {
	fmt.Fprintf(b, "### %s\n\n%s\n\n%s: %s.", id, doc, verb, eventList(events))
	if len(spec) > 0 {
		fmt.Fprintf(b, " After %s.", strings.Join(spec, "; "))
	}
	b.WriteString("\n\n")
	if len(properties) == 0 {
		b.WriteString("No configuration.\n\n")
		return
	}
	b.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
	for _, p := range properties {
		fmt.Fprintf(b, "| `%s`%s | %s | %s | %s%s |\n", p.Key, required(p), p.Type, orDash(p.Default), p.Doc, options(p))
	}
	b.WriteString("\n")
}

func required(p pdp.Property) string {
	if p.Required {
		return " (required)"
	}
	return ""
}

func options(p pdp.Property) string {
	if len(p.Options) == 0 {
		return ""
	}
	return " Forms offer " + strings.Join(p.Options, ", ") + "."
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return "`" + s + "`"
}

func eventList(s pdp.EventSet) string {
	switch missing := s ^ pdp.AllEvents; {
	case missing == 0:
		return "all events"
	case len(missing.List()) < 10:
		return "all events but " + names(missing)
	}
	return names(s)
}

func names(s pdp.EventSet) string {
	var list []string
	for _, e := range s.List() {
		list = append(list, pdp.EventName(e))
	}
	return strings.Join(list, ", ")
}

func builtin(b *strings.Builder, compiler *pdp.Compiler) error {
	list, err := profiles.Builtin()
	if err != nil {
		return err
	}
	b.WriteString("## Built-in profiles\n\n| profile | available | executors |\n|---|---|---|\n")
	for _, p := range list {
		var ids []string
		for _, x := range p.Executors {
			ids = append(ids, x.Executor)
		}
		ok, lacking := compiler.Available(p.Name)
		state := "yes"
		if !ok {
			state = "no: lacks " + strings.Join(lacking, ", ")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", p.Name, state, strings.Join(ids, ", "))
	}
	return nil
}
