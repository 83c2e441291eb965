package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonReader reads JSON token by token, so that every node knows its place.
type jsonReader struct {
	path string
	data []byte
	dec  *jsontext.Decoder
	// line and start are the line last looked up and where it begins.
	line, start, seen int
}

func parseJSON(path string, data []byte) (*Node, error) {
	r := &jsonReader{path: path, data: data, dec: jsontext.NewDecoder(bytes.NewReader(data)), line: 1}
	n, err := r.value(0)
	if err != nil {
		return nil, r.wrap(err)
	}
	line, column := r.next()
	if _, err := r.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, &Error{Path: path, Line: line, Column: column, Problem: "expected nothing after the document"}
	}
	return n, nil
}

// wrap tells where the text is not JSON.
func (r *jsonReader) wrap(err error) error {
	var own *Error
	if errors.As(err, &own) {
		return err
	}
	offset, problem := int(r.dec.InputOffset()), err.Error()
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		offset, problem = len(r.data), "expected JSON: the text ends too early"
	case errors.As(err, &syntax):
		offset, problem = int(syntax.ByteOffset), "expected JSON: "+syntax.Err.Error()
		if errors.Is(err, jsontext.ErrDuplicateName) {
			problem = fmt.Sprintf("member %q is given twice", syntax.JSONPointer.LastToken())
		}
	}
	r.line, r.start, r.seen = 1, 0, 0
	line, column := r.place(offset)
	return &Error{Path: r.path, Line: line, Column: column, Problem: problem}
}

// place turns an offset into line and column. Offsets grow from call to call.
func (r *jsonReader) place(offset int) (line, column int) {
	offset = min(offset, len(r.data))
	for ; r.seen < offset; r.seen++ {
		if r.data[r.seen] == '\n' {
			r.line, r.start = r.line+1, r.seen+1
		}
	}
	return r.line, offset - r.start + 1
}

// next is the place of the token to come.
func (r *jsonReader) next() (line, column int) {
	offset := int(r.dec.InputOffset())
	for offset < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[offset]) >= 0 {
		offset++
	}
	return r.place(offset)
}

func (r *jsonReader) value(depth int) (*Node, error) {
	n := &Node{}
	n.Line, n.Column = r.next()
	if depth > maxDepth {
		return nil, &Error{Path: r.path, Line: n.Line, Column: n.Column, Problem: fmt.Sprintf("nested deeper than %d levels", maxDepth)}
	}
	t, err := r.dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch t.Kind() {
	case '{':
		n.Kind = Object
		return n, r.members(n, depth+1)
	case '[':
		n.Kind = List
		return n, r.items(n, depth+1)
	case '"':
		n.Kind, n.Text = Text, t.String()
	case '0':
		n.Kind, n.Text = Number, t.String()
	case 'n':
		n.Kind, n.Text = Null, "null"
	default:
		n.Kind, n.Text = Bool, t.String()
	}
	return n, nil
}

func (r *jsonReader) members(n *Node, depth int) error {
	for r.dec.PeekKind() != '}' {
		m := Member{}
		m.Line, m.Column = r.next()
		t, err := r.dec.ReadToken()
		if err != nil {
			return err
		}
		m.Name = t.String()
		if m.Value, err = r.value(depth); err != nil {
			return err
		}
		n.Members = append(n.Members, m)
	}
	_, err := r.dec.ReadToken()
	return err
}

func (r *jsonReader) items(n *Node, depth int) error {
	for r.dec.PeekKind() != ']' {
		item, err := r.value(depth)
		if err != nil {
			return err
		}
		n.Items = append(n.Items, item)
	}
	_, err := r.dec.ReadToken()
	return err
}
