package filter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sidegate/sidegate/pdp"
)

const (
	// MaxBytes is the greatest length of a filter.
	MaxBytes = 4096
	// MaxTerms is the greatest number of terms of a filter.
	MaxTerms = 16
)

const and = " AND "

// Term is one condition of a filter.
type Term struct {
	// Key is one of the known keys.
	Key string
	// Value is never empty.
	Value string
}

// String returns the term as a filter spells it, in quotes where it must be.
func (t Term) String() string {
	if plain(t.Value) {
		return t.Key + "=" + t.Value
	}
	return t.Key + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(t.Value) + `"`
}

func plain(value string) bool {
	return check(value) == nil && !strings.Contains(value, and) && value[0] != '"'
}

// Join returns the filter of all the terms.
func Join(terms ...Term) string {
	texts := make([]string, len(terms))
	for i, t := range terms {
		texts[i] = t.String()
	}
	return strings.Join(texts, and)
}

// Parse splits a filter into its terms, whose keys are among the known ones and
// differ. An empty filter has none.
func Parse(s string, known []string) ([]Term, error) {
	switch {
	case s == "":
		return nil, nil
	case len(s) > MaxBytes:
		return nil, fmt.Errorf("has %d bytes, at most %d are allowed", len(s), MaxBytes)
	case !utf8.ValidString(s):
		return nil, errors.New("is not valid UTF-8")
	}
	r := reader{all: s, rest: s}
	var terms []Term
	for {
		t, err := r.term(known, terms)
		if err != nil {
			return nil, err
		}
		terms = append(terms, t)
		if r.rest == "" {
			return terms, nil
		}
		r.rest = strings.TrimPrefix(r.rest, and)
		if len(terms) == MaxTerms {
			return nil, r.fail("there are more than %d terms; leave some out", MaxTerms)
		}
	}
}

// reader is what is left of a filter.
type reader struct{ all, rest string }

func (r *reader) fail(format string, args ...any) error {
	at := utf8.RuneCountInString(r.all[:len(r.all)-len(r.rest)]) + 1
	return fmt.Errorf("at character %d: %s", at, fmt.Sprintf(format, args...))
}

// term cuts one term off. It leaves nothing, or what begins with ` AND `.
func (r *reader) term(known []string, before []Term) (t Term, err error) {
	var found bool
	head, _, _ := strings.Cut(r.rest, and)
	t.Key, _, found = strings.Cut(head, "=")
	switch {
	case !found:
		return t, r.fail("expected key=value, got %q%s", shorten(head), pdp.Suggest(head, known))
	case !slices.Contains(known, t.Key):
		return t, r.fail("unknown key %q%s", shorten(t.Key), pdp.Suggest(t.Key, known))
	case slices.ContainsFunc(before, func(b Term) bool { return b.Key == t.Key }):
		return t, r.fail("the key %q stands twice; keep one of them", t.Key)
	}
	r.rest = r.rest[len(t.Key)+1:]
	if strings.HasPrefix(r.rest, `"`) {
		t.Value, err = r.quoted()
		return t, err
	}
	t.Value, _, _ = strings.Cut(r.rest, and)
	if err := check(t.Value); err != nil {
		return t, r.fail("the value of %q %s", t.Key, err)
	}
	r.rest = r.rest[len(t.Value):]
	return t, nil
}

// check says what is wrong with a value that stands without quotes.
func check(value string) error {
	switch {
	case value == "":
		return errors.New("is empty; give one or leave the term out")
	case value[0] == ' ' || value[len(value)-1] == ' ':
		return errors.New("begins or ends with a blank; leave it out or put the value in double quotes")
	case strings.HasSuffix(value, " AND"):
		return errors.New("is followed by AND and no other term; leave AND out or put the value in double quotes")
	}
	return nil
}

// quoted cuts a quoted value off.
func (r *reader) quoted() (string, error) {
	var value strings.Builder
	begin := *r
	for r.rest = r.rest[1:]; r.rest != ""; r.rest = r.rest[1:] {
		switch c := r.rest[0]; {
		case c == '"':
			return value.String(), r.closed(value.Len())
		case c != '\\':
			value.WriteByte(c)
		case strings.HasPrefix(r.rest, `\\`) || strings.HasPrefix(r.rest, `\"`):
			r.rest = r.rest[1:]
			value.WriteByte(r.rest[0])
		default:
			return "", r.fail(`in quotes, \ stands before " or \ alone; write \\ for a backslash`)
		}
	}
	return "", begin.fail("the quoted value has no end; close it with a double quote")
}

// closed takes the quote that closes a value of n bytes, and looks at what follows.
func (r *reader) closed(n int) error {
	if n == 0 {
		return r.fail("the value is empty; give one or leave the term out")
	}
	r.rest = r.rest[1:]
	if r.rest == "" || strings.HasPrefix(r.rest, and) && len(r.rest) > len(and) {
		return nil
	}
	return r.fail("expected the end or ` AND ` and another term after the closing quote")
}

// maxShown is the greatest length of what was sent that an error repeats.
const maxShown = 64

func shorten(s string) string {
	if len(s) > maxShown {
		return strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return s
}
