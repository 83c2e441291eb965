// Package document reads local files, JSON or YAML, into trees that know where
// everything stands, and trees into messages.
//
// It refuses what would be lost or guessed on the way: duplicate keys, more than
// one document, text that is not UTF-8, YAML aliases, merge keys and tags,
// nesting deeper than 64, files larger than 16 MiB, and members that the message
// does not know. Problems are reported all at once, as `file:line:column`.
//
// YAML is read by the core schema of YAML 1.2 as far as JSON can hold it: what
// looks like a date is a text, and what has no JSON form (infinity, hexadecimal
// numbers) is an error.
package document

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Kind is what a node is.
type Kind int

// The kinds of JSON.
const (
	_ Kind = iota
	// Null is null.
	Null
	// Bool is true or false.
	Bool
	// Number is a number.
	Number
	// Text is a string.
	Text
	// List is an array.
	List
	// Object is an object.
	Object
)

// String names the kind for people.
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case Bool:
		return "true or false"
	case Number:
		return "a number"
	case Text:
		return "a text"
	case List:
		return "a list"
	case Object:
		return "an object"
	default:
		return "nothing"
	}
}

// Node is a JSON value and its place.
type Node struct {
	// Kind is what it is.
	Kind Kind
	// Text is the content of a Text, and the literal of a Bool or Number.
	Text string
	// Items are the elements of a List.
	Items []*Node
	// Members are those of an Object, in order.
	Members []Member
	// Line and Column count from 1; 0 for a node that was not read.
	Line, Column int
}

// Member is a member of an object.
type Member struct {
	// Name is the name.
	Name string
	// Value is the value.
	Value *Node
	// Line and Column are the place of the name.
	Line, Column int
}

// NewText returns a text that stands in no file.
func NewText(s string) *Node { return &Node{Kind: Text, Text: s} }

// Get returns a member of an object, or nil.
func (n *Node) Get(name string) *Node {
	if n == nil {
		return nil
	}
	for _, m := range n.Members {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// Without returns a copy of an object that lacks some members; what is below is shared.
func (n *Node) Without(names ...string) *Node {
	c := *n
	c.Members = nil
	for _, m := range n.Members {
		if !contains(names, m.Name) {
			c.Members = append(c.Members, m)
		}
	}
	return &c
}

// With returns a copy of an object in which a member has a value.
func (n *Node) With(name string, value *Node) *Node {
	c := n.Without(name)
	c.Members = append(c.Members, Member{Name: name, Value: value})
	return c
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// JSON returns the node as JSON.
func (n *Node) JSON() []byte {
	var b strings.Builder
	n.write(&b)
	return []byte(b.String())
}

func (n *Node) write(b *strings.Builder) {
	switch n.Kind {
	case Text:
		writeText(b, n.Text)
	case List:
		b.WriteByte('[')
		for i, item := range n.Items {
			separate(b, i)
			item.write(b)
		}
		b.WriteByte(']')
	case Object:
		b.WriteByte('{')
		for i, m := range n.Members {
			separate(b, i)
			writeText(b, m.Name)
			b.WriteByte(':')
			m.Value.write(b)
		}
		b.WriteByte('}')
	default:
		b.WriteString(n.Text)
	}
}

func separate(b *strings.Builder, i int) {
	if i > 0 {
		b.WriteByte(',')
	}
}

func writeText(b *strings.Builder, s string) {
	data, _ := json.Marshal(s) // a string always has a JSON form
	b.Write(data)
}

// Error is one problem of a file.
type Error struct {
	// Path is the file.
	Path string
	// Line and Column count from 1; 0 means the whole file.
	Line, Column int
	// Problem says what is wrong and how to mend it.
	Problem string
}

// Error returns place and problem.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Path + ": " + e.Problem
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Column, e.Problem)
}
