package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sidegate/sidegate/pdp"
	"go.yaml.in/yaml/v3"
)

// maxFileBytes is the greatest size of a configuration file.
const maxFileBytes = 1 << 20

// fromFile reads a YAML file. Nested maps are joined by dots.
func (l *loader) fromFile(path string) {
	data, err := readBounded(path)
	if err != nil {
		l.fail(path, "%v", err)
		return
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if !errors.Is(err, io.EOF) {
			l.fail(path, "expected YAML: %v", err)
		}
		return // an empty file sets nothing
	}
	if dec.Decode(&more) == nil {
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
		l.fail(at(path, n), "expected a mapping of keys to values")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		full := prefix + name.Value
		if seen[full] {
			l.fail(at(path, name), "key %q is given twice", full)
			continue
		}
		seen[full] = true
		l.member(at(path, name), path, full, value)
	}
}

// member takes one key of the file.
func (l *loader) member(place, path, name string, value *yaml.Node) {
	if value.Kind == yaml.AliasNode {
		l.fail(place, "key %q: aliases are not supported; write the value out", name)
		return
	}
	if name == "limits" {
		l.node(path, "limits.", value)
		return
	}
	k := find(name)
	if k == nil {
		l.fail(place, "unknown key %q%s", name, pdp.Suggest(name, append(keyNames(), "limits")))
		return
	}
	if value.Kind != yaml.ScalarNode || value.Tag != k.yamlTag() {
		l.fail(place, "%s: expected %s, got %s", name, k.expected(), describe(value))
		return
	}
	l.set(k, value.Value, place)
}

// yamlTag is the type that a value has in YAML.
func (k *key) yamlTag() string {
	if k.kind == whole {
		return "!!int"
	}
	return "!!str"
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

func at(path string, n *yaml.Node) string { return fmt.Sprintf("%s:%d:%d", path, n.Line, n.Column) }
