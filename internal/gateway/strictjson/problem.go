package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxProblems bounds how many problems of one document are reported.
const maxProblems = 20

// maxPointer bounds the pointers reported, in characters: a document can choose
// the names in them.
const maxPointer = 1024

// Problem is one thing that is wrong with a document, and where.
type Problem struct {
	// Pointer is the JSON pointer of the member or element; "" is the document.
	Pointer string
	// Line and Column count from 1, columns in characters.
	Line, Column int
	// Text says what is wrong and what was expected.
	Text string
}

// Error is why a document was refused: one to twenty problems, in document order.
type Error struct {
	// Problems holds at least one.
	Problems []Problem
}

// Error implements error with the first problem.
func (e *Error) Error() string {
	p := e.Problems[0]
	var b strings.Builder
	fmt.Fprintf(&b, "line %d, column %d: ", p.Line, p.Column)
	if p.Pointer != "" {
		b.WriteString(p.Pointer + ": ")
	}
	b.WriteString(p.Text)
	if n := len(e.Problems) - 1; n > 0 {
		fmt.Fprintf(&b, " (and %d more)", n)
	}
	return b.String()
}

// place returns line and column of a byte offset.
func place(data []byte, offset int) (line, column int) {
	before := data[:min(max(offset, 0), len(data))]
	line = 1 + bytes.Count(before, []byte{'\n'})
	return line, 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
}

// reject refuses a document for one problem with all of it.
func reject(data []byte, offset int, text string) error {
	line, column := place(data, offset)
	return &Error{Problems: []Problem{{Line: line, Column: column, Text: text}}}
}

// framing refuses what is wrong before any token is read.
func framing(data []byte) error {
	switch {
	case len(bytes.Trim(data, " \t\r\n")) == 0:
		return reject(data, 0, "the body is empty; send a JSON object, {} at least")
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		// RFC 8259 section 8.1: no byte order mark in front.
		return reject(data, 0, "the body begins with a byte order mark; send UTF-8 without one")
	case !utf8.Valid(data):
		// RFC 8259 section 8.1: JSON text is UTF-8.
		return reject(data, firstInvalid(data), "the body is not valid UTF-8 here; encode it as UTF-8")
	}
	return nil
}

// firstInvalid returns the offset of the first byte that is not UTF-8.
func firstInvalid(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data)
}

// syntax turns an error of the tokenizer into a problem. Nothing can be read
// after it.
func (s *scanner) syntax(err error) error {
	var at *jsontext.SyntacticError
	if !errors.As(err, &at) {
		// A reader in memory fails at its end alone.
		s.add(len(s.data), s.dec.StackPointer(), "the JSON ends too early; close every object, list and string")
		return errStop
	}
	s.add(int(at.ByteOffset), at.JSONPointer, syntaxText(at))
	return errStop
}

func syntaxText(at *jsontext.SyntacticError) string {
	switch {
	case errors.Is(at.Err, jsontext.ErrDuplicateName):
		return fmt.Sprintf("duplicate member %q; send it once", clip(at.JSONPointer.LastToken()))
	case errors.Is(at.Err, io.ErrUnexpectedEOF):
		return "the JSON ends too early; close every object, list and string"
	}
	text := at.Err.Error()
	for _, escape := range []string{"invalid escape sequence", "invalid surrogate pair"} {
		if strings.Contains(text, escape) {
			return "not JSON: " + escape + " in a string" // without what was sent: it can be a part of a secret
		}
	}
	return "not JSON: " + text
}

// clip shortens a text that came from outside for a message.
func clip(s string) string { return cut(s, 64) }

// cut leaves the first characters of a text.
func cut(s string, most int) string {
	for i := range s {
		if most == 0 {
			return s[:i] + "…"
		}
		most--
	}
	return s
}
