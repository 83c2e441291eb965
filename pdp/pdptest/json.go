package pdptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth is the greatest nesting of a vector file.
const maxDepth = 64

type kind int8

const (
	_ kind = iota
	object
	list
	text
	number
	boolean
	null
)

func (k kind) String() string {
	return [...]string{"invalid", "an object", "a list", "a string", "a number", "a boolean", "null"}[k]
}

// value is a JSON value that keeps the order of members and the spelling of numbers.
type value struct {
	kind    kind
	text    string // of a string its content, of a number or boolean its spelling
	members []member
	items   []*value
}

type member struct {
	name  string
	value *value
}

// member returns the named member of an object, or nil.
func (v *value) member(name string) *value {
	for _, m := range v.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// set replaces or appends a member of an object.
func (v *value) set(name string, to *value) {
	for i := range v.members {
		if v.members[i].name == name {
			v.members[i].value = to
			return
		}
	}
	v.members = append(v.members, member{name, to})
}

// parse reads one JSON document; problems go to the reader.
func (r *reader) parse(data []byte) *value {
	if !utf8.Valid(data) {
		r.fail("", "not UTF-8: save the file as UTF-8")
		return nil
	}
	if err := json.Unmarshal(data, new(json.RawMessage)); err != nil {
		r.fail(position(data, err), "not one JSON document: %v", err)
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return r.value(dec, "", 1)
}

// position says where a syntax error lies.
func position(data []byte, err error) string {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return ""
	}
	before := data[:min(max(syntax.Offset-1, 0), int64(len(data)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("line %d column %d", line, column)
}

func (r *reader) value(dec *json.Decoder, place string, depth int) *value {
	token, err := dec.Token()
	if err != nil {
		r.fail(place, "not JSON: %v", err)
		return nil
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return scalar(token)
	}
	if depth > maxDepth {
		r.fail(place, "nested deeper than %d levels", maxDepth)
		return nil
	}
	if delim == '[' {
		return r.list(dec, place, depth)
	}
	return r.object(dec, place, depth)
}

func scalar(token json.Token) *value {
	switch t := token.(type) {
	case string:
		return &value{kind: text, text: t}
	case json.Number:
		return &value{kind: number, text: t.String()}
	case bool:
		return &value{kind: boolean, text: fmt.Sprint(t)}
	default:
		return &value{kind: null, text: "null"}
	}
}

func (r *reader) list(dec *json.Decoder, place string, depth int) *value {
	v := &value{kind: list}
	for dec.More() {
		item := r.value(dec, fmt.Sprintf("%s/%d", place, len(v.items)), depth+1)
		if item == nil {
			return nil
		}
		v.items = append(v.items, item)
	}
	_, _ = dec.Token() // the bracket; the whole text was found to be valid before
	return v
}

func (r *reader) object(dec *json.Decoder, place string, depth int) *value {
	v, seen := &value{kind: object}, map[string]bool{}
	for dec.More() {
		token, _ := dec.Token()
		name, _ := token.(string)
		at := below(place, name)
		if seen[name] {
			r.fail(at, "duplicate member: keep one")
		}
		seen[name] = true
		child := r.value(dec, at, depth+1)
		if child == nil {
			return nil
		}
		v.members = append(v.members, member{name, child})
	}
	_, _ = dec.Token() // the brace, as above
	return v
}

// json writes the value.
func (v *value) json() []byte { return v.append(nil) }

func (v *value) append(to []byte) []byte {
	switch v.kind {
	case object:
		to = append(to, '{')
		for i, m := range v.members {
			to = comma(to, i)
			to = append(quote(to, m.name), ':')
			to = m.value.append(to)
		}
		return append(to, '}')
	case list:
		to = append(to, '[')
		for i, item := range v.items {
			to = item.append(comma(to, i))
		}
		return append(to, ']')
	case text:
		return quote(to, v.text)
	default:
		return append(to, v.text...)
	}
}

func comma(to []byte, i int) []byte {
	if i == 0 {
		return to
	}
	return append(to, ',')
}

func quote(to []byte, s string) []byte {
	q, _ := json.Marshal(s) // a string always has a JSON form
	return append(to, q...)
}

// generic returns the value as encoding/json has it, numbers as json.Number.
func (v *value) generic() any {
	switch v.kind {
	case object:
		m := make(map[string]any, len(v.members))
		for _, c := range v.members {
			m[c.name] = c.value.generic()
		}
		return m
	case list:
		l := make([]any, len(v.items))
		for i, c := range v.items {
			l[i] = c.generic()
		}
		return l
	case text:
		return v.text
	case number:
		return json.Number(v.text)
	case boolean:
		return v.text == "true"
	default:
		return nil
	}
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// below extends a JSON pointer by a member name.
func below(place, name string) string {
	// RFC 6901 §3: "~" and "/" are written "~0" and "~1".
	return place + "/" + pointerEscape.Replace(name)
}
