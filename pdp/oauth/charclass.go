package oauth

import (
	"unicode"
	"unicode/utf8"
)

// class is a set of ASCII characters, or a union of such sets.
type class uint8

const (
	alpha class = 1 << iota
	digit
	hexDigit
	schemeChar   // RFC 2396 §3.1, behind the first letter
	userinfoChar // RFC 2396 §3.2.2
	regNameChar  // RFC 2396 §3.2.1
	pathChar     // RFC 2396 §3.3
	uricChar     // RFC 2396 §2, with the brackets of RFC 2732 §3

	alnum = alpha | digit
)

const (
	letters    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	digits     = "0123456789"
	unreserved = letters + digits + "-_.!~*'()" // RFC 2396 §2.3
)

var classes = func() (table [256]class) {
	for c, members := range map[class]string{
		alpha:        letters,
		digit:        digits,
		hexDigit:     digits + "ABCDEFabcdef",
		schemeChar:   letters + digits + "+-.",
		userinfoChar: unreserved + ";:&=+$,",
		regNameChar:  unreserved + "$,;:@&=+",
		pathChar:     unreserved + ":@&=+$,;/",
		uricChar:     unreserved + ";/?:@&=+$,[]",
	} {
		for _, b := range []byte(members) {
			table[b] |= c
		}
	}
	return table
}()

// holds reports whether b is in the class; no byte above 127 is.
func (c class) holds(b byte) bool { return classes[b]&c != 0 }

// illegal returns the offset of the first character of s that is neither in the
// class, nor an escape of `%` and two hex digits, nor a visible character outside
// ASCII; -1 if there is none.
func illegal(s string, c class) int {
	for i := 0; i < len(s); {
		switch b := s[i]; {
		case c.holds(b):
			i++
		case b == '%' && len(s) >= i+3 && hexDigit.holds(s[i+1]) && hexDigit.holds(s[i+2]):
			i += 3
		case b >= utf8.RuneSelf:
			n := visible(s[i:])
			if n == 0 {
				return i
			}
			i += n
		default:
			return i
		}
	}
	return -1
}

// visible returns the length of the character at the beginning of s, or 0 if it
// is a space, a control or no UTF-8.
func visible(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && n == 1 || unicode.IsControl(r) || unicode.Is(unicode.Z, r) {
		return 0
	}
	return n
}

func check(s string, c class, base int, part string) error {
	i := illegal(s, c)
	if i < 0 {
		return nil
	}
	if s[i] == '%' {
		return &URIError{"escape without two hex digits in " + part, base + i}
	}
	return &URIError{"illegal character in " + part, base + i}
}
