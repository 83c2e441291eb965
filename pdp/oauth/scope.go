package oauth

import (
	"iter"
	"strings"
)

// Words iterates over the words of a list such as `scope` (RFC 6749 §3.3), which
// single spaces separate. Two spaces in a row enclose an empty word, spaces at
// the end count for nothing, and an empty text is one empty word: Java's split,
// by which Keycloak judges.
func Words(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		rest := strings.TrimRight(text, " ")
		more := rest != "" || text == ""
		for more {
			var word string
			if word, rest, more = strings.Cut(rest, " "); !yield(word) {
				return
			}
		}
	}
}

// HasWord reports whether a word is one of the [Words] of a text. Letter case counts.
func HasWord(text, word string) bool {
	for w := range Words(text) {
		if w == word {
			return true
		}
	}
	return false
}

// listBlanks are the blanks that Keycloak drops around the separator.
const listBlanks = " \t\n\v\f\r"

// SplitList splits a client attribute that holds several values: `##` separates
// them, and blanks around it do not count. Blanks at the two ends of the text do.
// Empty values at the end are dropped, but an empty text is one empty value.
func SplitList(text string) []string {
	values := strings.Split(text, "##")
	for i := range values {
		if i > 0 {
			values[i] = strings.TrimLeft(values[i], listBlanks)
		}
		if i < len(values)-1 {
			values[i] = strings.TrimRight(values[i], listBlanks)
		}
	}
	for len(values) > 0 && values[len(values)-1] == "" && text != "" {
		values = values[:len(values)-1]
	}
	return values
}
