package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"go.yaml.in/yaml/v3"
)

// maxEntries is the greatest number of entries of a list or mapping in what only
// the file can say.
const maxEntries = 1000

// The members that only the file can say. A rule finds the place of one by its
// path: auth.oidc[0].issuer.
const (
	authGroup  = "auth"
	logGroup   = "decision-log"
	samplesKey = "decision-log.samples"
)

// rawSample is a Sample as it is written.
type rawSample struct {
	Realm string   `koanf:"realm"`
	Event string   `koanf:"event"`
	Share *float64 `koanf:"share"`
}

// structure reads a value into a struct, slice, map or scalar, and remembers where
// everything stands.
func (l *loader) structure(path, at string, n *yaml.Node, v reflect.Value) {
	l.origin[at] = place(path, n)
	if n.Kind == yaml.AliasNode {
		l.bad(at, "%s: aliases are not supported; write the value out", at)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		l.members(path, at, n, v)
	case reflect.Slice:
		l.elements(path, at, n, v)
	case reflect.Map:
		l.entries(path, at, n, v)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		l.structure(path, at, n, v.Elem())
	default:
		l.scalar(at, n, v)
	}
}

// pairs are the names and values of a mapping; what is wrong with it is told.
func (l *loader) pairs(path, at string, n *yaml.Node, yield func(name, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		l.bad(at, "%s: expected a mapping of keys to values, got %s", at, describe(n))
		return
	}
	if len(n.Content)/2 > maxEntries {
		l.bad(at, "%s: expected at most %d entries, got %d", at, maxEntries, len(n.Content)/2)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		switch {
		case name.Kind != yaml.ScalarNode || name.Tag != "!!str":
			l.bad(at, "%s: expected a text as key at %s, got %s", at, place(path, name), describe(name))
		case seen[name.Value]:
			l.fail(place(path, name), "key %q is given twice", at+"."+name.Value)
		default:
			seen[name.Value] = true
			yield(name, n.Content[i+1])
		}
	}
}

func (l *loader) members(path, at string, n *yaml.Node, v reflect.Value) {
	names := memberNames(v.Type())
	l.pairs(path, at, n, func(name, value *yaml.Node) {
		full := at + "." + name.Value
		i := slices.Index(names, name.Value)
		if i < 0 {
			l.fail(place(path, name), "unknown key %q%s", full, pdp.Suggest(name.Value, names))
			return
		}
		l.structure(path, full, value, v.Field(i))
	})
}

// memberNames are the names of the fields of a struct, in order.
func memberNames(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("koanf")
	}
	return names
}

func (l *loader) elements(path, at string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		l.bad(at, "%s: expected a list, got %s", at, describe(n))
		return
	}
	if len(n.Content) > maxEntries {
		l.bad(at, "%s: expected at most %d entries, got %d", at, maxEntries, len(n.Content))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, element := range n.Content {
		l.structure(path, fmt.Sprintf("%s[%d]", at, i), element, v.Index(i))
	}
}

func (l *loader) entries(path, at string, n *yaml.Node, v reflect.Value) {
	v.Set(reflect.MakeMap(v.Type()))
	l.pairs(path, at, n, func(name, value *yaml.Node) {
		entry := reflect.New(v.Type().Elem()).Elem()
		l.structure(path, at+"."+name.Value, value, entry)
		v.SetMapIndex(reflect.ValueOf(name.Value), entry)
	})
}

// scalar reads a text, a number, or true or false.
func (l *loader) scalar(at string, n *yaml.Node, v reflect.Value) {
	expected, tags := "a text that is not empty", []string{"!!str"}
	switch v.Kind() {
	case reflect.Bool:
		expected, tags = "true or false", []string{"!!bool"}
	case reflect.Float64:
		expected, tags = "a number from 0 to 1", []string{"!!float", "!!int"}
	}
	empty := v.Kind() == reflect.String && strings.TrimSpace(n.Value) == "" || strings.ContainsRune(n.Value, 0)
	if n.Kind != yaml.ScalarNode || !slices.Contains(tags, n.Tag) || empty {
		l.bad(at, "%s: expected %s, got %s", at, expected, describe(n))
		return
	}
	if err := n.Decode(v.Addr().Interface()); err != nil {
		l.bad(at, "%s: expected %s, got %s", at, expected, describe(n))
	}
}

// samples turns what is written into samples.
func (l *loader) samples(raw []rawSample) (list []Sample) {
	seen := map[string]bool{}
	for i, r := range raw {
		at := fmt.Sprintf("%s[%d]", samplesKey, i)
		s := Sample{Event: l.event(at, r.Event)}
		if r.Realm != "" && r.Realm != allRealms {
			s.Realm = r.Realm
			l.realm(at+".realm", r.Realm)
		}
		switch {
		case r.Share == nil:
			l.bad(at, "%s: share is missing; expected a number from 0 to 1", at)
			continue
		case !(*r.Share >= 0 && *r.Share <= 1):
			l.bad(at+".share", "%s.share: expected a number from 0 to 1, got %v", at, *r.Share)
		}
		if s.Realm == "" && s.Event == 0 && !l.doubtful[at+".event"] {
			l.bad(at, "%s names neither realm nor event; set decision-log.sample instead", at)
		}
		if key := s.Realm + ":" + s.Event.String(); seen[key] {
			l.bad(at, "%s: this realm and event have a share already", at)
		} else {
			seen[key] = true
		}
		s.Share = *r.Share
		list = append(list, s)
	}
	return list
}

// event reads the name of an event, with or without its prefix.
func (l *loader) event(at, name string) pdp.Event {
	if name == "" || name == allRealms {
		return 0
	}
	var known []string
	for _, e := range pdp.AllEvents.List() {
		known = append(known, pdp.EventName(e))
		if strings.TrimPrefix(name, "EVENT_") == pdp.EventName(e) {
			return e
		}
	}
	l.bad(at+".event", "%s.event: unknown event %q%s", at, clip(name), pdp.Suggest(name, known))
	return 0
}
