package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// yamlReader turns YAML nodes into JSON nodes.
type yamlReader struct{ path string }

func parseYAML(path string, data []byte) (*Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &Error{Path: path, Problem: "the file is empty; expected a document"}
		}
		return nil, &Error{Path: path, Problem: "expected YAML: " + err.Error()}
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, &Error{Path: path, Problem: "expected one document in a file; put the others into files of their own"}
	}
	return yamlReader{path}.value(doc.Content[0], 0)
}

func (r yamlReader) fail(y *yaml.Node, format string, args ...any) error {
	return &Error{Path: r.path, Line: y.Line, Column: y.Column, Problem: fmt.Sprintf(format, args...)}
}

func (r yamlReader) value(y *yaml.Node, depth int) (*Node, error) {
	if depth > maxDepth {
		return nil, r.fail(y, "nested deeper than %d levels", maxDepth)
	}
	if tag := y.ShortTag(); y.Kind == yaml.MappingNode && tag != "!!map" || y.Kind == yaml.SequenceNode && tag != "!!seq" {
		return nil, r.fail(y, "tag %s is not supported; leave it out", tag)
	}
	n := &Node{Line: y.Line, Column: y.Column}
	switch y.Kind {
	case yaml.MappingNode:
		n.Kind = Object
		return n, r.members(n, y, depth+1)
	case yaml.SequenceNode:
		n.Kind = List
		for _, element := range y.Content {
			item, err := r.value(element, depth+1)
			if err != nil {
				return nil, err
			}
			n.Items = append(n.Items, item)
		}
		return n, nil
	case yaml.ScalarNode:
		return n, r.scalar(n, y)
	default:
		return nil, r.fail(y, "aliases are not supported; write the value out")
	}
}

func (r yamlReader) members(n *Node, y *yaml.Node, depth int) error {
	seen := map[string]bool{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		name := y.Content[i]
		if name.Kind != yaml.ScalarNode || name.ShortTag() != "!!str" {
			return r.fail(name, "expected a text as key, got %s; put it in quotes", name.Value)
		}
		if seen[name.Value] {
			return r.fail(name, "key %q is given twice", name.Value)
		}
		seen[name.Value] = true
		value, err := r.value(y.Content[i+1], depth)
		if err != nil {
			return err
		}
		n.Members = append(n.Members, Member{Name: name.Value, Value: value, Line: name.Line, Column: name.Column})
	}
	return nil
}

func (r yamlReader) scalar(n *Node, y *yaml.Node) error {
	switch tag := y.ShortTag(); tag {
	case "!!null":
		n.Kind, n.Text = Null, "null"
	case "!!bool":
		var b bool
		if err := y.Decode(&b); err != nil {
			return r.fail(y, "expected true or false, got %q", y.Value)
		}
		n.Kind, n.Text = Bool, strconv.FormatBool(b)
	case "!!int", "!!float":
		n.Kind, n.Text = Number, y.Value
		if !jsonNumber(y.Value) {
			return r.fail(y, "the number %s has no JSON form; write it in decimal, or in quotes if it is a text", y.Value)
		}
	case "!!str", "!!timestamp":
		n.Kind, n.Text = Text, y.Value
	default:
		return r.fail(y, "tag %s is not supported; expected a text, a number, true, false or null", tag)
	}
	return nil
}

// jsonNumber reports whether a text is a number in JSON too (RFC 8259 section 6).
func jsonNumber(s string) bool {
	n, err := parseJSON("", []byte(s))
	if err != nil || n.Kind != Number {
		return false
	}
	f, err := strconv.ParseFloat(s, 64)
	return err == nil && !math.IsInf(f, 0)
}
