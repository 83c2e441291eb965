package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"

	"github.com/sidegate/sidegate/pdp"
	"go.yaml.in/yaml/v3"
)

// maxFileBytes is the greatest size of a configuration file.
const maxFileBytes = 1 << 20

// fromFile reads a YAML file. Nested maps are joined by dots.
func (l *loader) fromFile(path string) {
	data, err := readBounded(path)
	if err != nil {
		l.unread = true
		l.fail(path, "%v", err)
		return
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if !errors.Is(err, io.EOF) {
			l.unread = true
			l.fail(path, "expected YAML: %v", err)
		}
		return // an empty file sets nothing
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		l.unread = true
		l.fail(path, "expected one document, got several")
		return
	}
	l.node(path, "", doc.Content[0])
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = fmt.Errorf("expected at most %d bytes", maxFileBytes)
	}
	return data, err
}

// node takes the keys of a mapping.
func (l *loader) node(path, prefix string, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		l.fail(place(path, n), "expected a mapping of keys to values")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		full := prefix + name.Value
		if seen[full] {
			l.fail(place(path, name), "key %q is given twice", full)
			continue
		}
		seen[full] = true
		l.member(place(path, name), path, full, value)
	}
}

// member takes one key of the file.
func (l *loader) member(place, path, name string, value *yaml.Node) {
	if value.Kind == yaml.AliasNode {
		l.fail(place, "key %q: aliases are not supported; write the value out", name)
		return
	}
	switch name {
	case "limits", logGroup:
		l.node(path, name+".", value)
		return
	case authGroup:
		l.structure(path, name, value, reflect.ValueOf(&l.auth).Elem())
		return
	case samplesKey:
		l.structure(path, name, value, reflect.ValueOf(&l.raw).Elem())
		return
	}
	k := find(name)
	if k == nil {
		l.fail(place, "unknown key %q%s", name, pdp.Suggest(name, append(keyNames(), "limits", logGroup, authGroup, samplesKey)))
		return
	}
	l.origin[name] = place
	if k.list() {
		l.sequence(k, value)
		return
	}
	if value.Kind != yaml.ScalarNode || !k.takes(value) {
		l.bad(name, "%s: expected %s, got %s", name, k.expected(), describe(value))
		return
	}
	l.set(k, value.Value, place)
}

// sequence takes the values of a list.
func (l *loader) sequence(k *key, list *yaml.Node) {
	if list.Kind != yaml.SequenceNode {
		l.bad(k.name, "%s: expected %s, got %s", k.name, k.expected(), describe(list))
		return
	}
	var items []string
	for _, item := range list.Content {
		if item.Kind != yaml.ScalarNode || !k.takes(item) {
			l.bad(k.name, "%s: expected %s, got %s among them", k.name, k.expected(), describe(item))
			return
		}
		items = append(items, item.Value)
	}
	v, err := k.parseList(items)
	if err != nil {
		l.bad(k.name, "%s: %v", k.name, err)
		return
	}
	l.put(k, v)
}

// takes reports whether a scalar has the type of the key in YAML.
func (k *key) takes(n *yaml.Node) bool {
	switch k.kind {
	case whole, numbers:
		return n.Tag == "!!int"
	case fraction:
		return n.Tag == "!!int" || n.Tag == "!!float"
	default:
		return n.Tag == "!!str"
	}
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.Tag {
	case "!!str":
		return fmt.Sprintf("the text %q", clip(n.Value))
	case "!!null":
		return "nothing"
	default:
		return fmt.Sprintf("%s (put a text in quotes)", clip(n.Value))
	}
}

// place is where a node stands.
func place(path string, n *yaml.Node) string { return fmt.Sprintf("%s:%d:%d", path, n.Line, n.Column) }
