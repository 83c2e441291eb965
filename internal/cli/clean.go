package cli

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// painted is text that holds this package's own colours: what came from elsewhere
// in it has been cleaned.
type painted string

// clean spells out what a terminal would obey or hide (control characters,
// direction marks, bytes that are no UTF-8), so that a name or comment that
// somebody else chose can only be read.
func clean(s string) string {
	if strings.IndexFunc(s, hidden) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case hidden(r):
			b.WriteString(spelled(r))
		default:
			b.WriteRune(r)
		}
		s = s[size:]
	}
	return b.String()
}

// hidden tells what has no shape of its own.
func hidden(r rune) bool { return !unicode.IsGraphic(r) || r == '\u2028' || r == '\u2029' }

// spelled is a character as Go writes it, such as \n or \x1b.
func spelled(r rune) string {
	q := strconv.QuoteRuneToASCII(r)
	return q[1 : len(q)-1]
}

// cleaned cleans the texts among the arguments of a format.
func cleaned(args []any) []any {
	out := make([]any, len(args))
	for i, arg := range args {
		out[i] = cleanedValue(arg)
	}
	return out
}

func cleanedValue(v any) any {
	switch v := v.(type) {
	case painted:
		return string(v)
	case string:
		return clean(v)
	case []byte:
		return clean(string(v))
	case error:
		return clean(v.Error())
	case fmt.Stringer:
		return clean(v.String())
	default:
		return v
	}
}

// escapeJSON spells out what clean does, within the strings of a JSON text, which
// means the same afterwards (RFC 8259 section 7).
func escapeJSON(text []byte) []byte {
	return escape(text, func(b []byte, r rune) []byte {
		if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
			return fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		}
		return fmt.Appendf(b, `\u%04x`, r)
	})
}

// escapeYAML does the same within the double quotes of a YAML text, in which such
// texts are written (YAML 1.2 section 5.7).
func escapeYAML(text []byte) []byte {
	return escape(text, func(b []byte, r rune) []byte { return fmt.Appendf(b, `\U%08x`, r) })
}

// unprinted is what a program's form spells out: all that is hidden, but line ends.
func unprinted(r rune) bool { return r != '\n' && hidden(r) }

func escape(text []byte, spell func([]byte, rune) []byte) []byte {
	if bytes.IndexFunc(text, unprinted) < 0 {
		return text
	}
	var b []byte
	for _, r := range string(text) {
		if unprinted(r) {
			b = spell(b, r)
		} else {
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}
