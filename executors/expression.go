package executors

import (
	"regexp"
	"strings"

	"github.com/sidegate/sidegate/pdp"
)

// compileWhole compiles expressions that must match a whole text. Keycloak's are
// Java's; what Java reads and RE2 does not, or reads as something else, is refused.
func compileWhole(key string, patterns []string) ([]*regexp.Regexp, error) {
	list := make([]*regexp.Regexp, len(patterns))
	for i, pattern := range patterns {
		if _, err := regexp.Compile(pattern); err != nil {
			return nil, pdp.KeyError(key, "element %d: %s; write it in RE2 syntax, without look-around and back references", i, err)
		}
		if construct := ambiguous(pattern); construct != "" {
			return nil, pdp.KeyError(key, "element %d: %s means one thing in Java and another here; write the characters out", i, construct)
		}
		whole, err := regexp.Compile("^(?:" + pattern + ")$")
		if err != nil {
			return nil, pdp.KeyError(key, "element %d: %s; end a quotation with \\E", i, err)
		}
		list[i] = whole
	}
	return list, nil
}

// ambiguous returns the first construct of an expression that Java reads as one
// thing and RE2 as another, so that it would silently change its meaning on the way
// from Keycloak, or "".
func ambiguous(pattern string) string {
	within := false // a character class
	for i := 0; i < len(pattern); i++ {
		switch rest := pattern[i+1:]; {
		case pattern[i] == '\\':
			if escape := ambiguousEscape(rest); escape != "" {
				return escape
			}
			i++
		// Java: a union or an intersection of classes.
		case pattern[i] == '[' && within, within && strings.HasPrefix(pattern[i:], "&&"):
			return "a bracket or && within brackets"
		case pattern[i] == '[':
			within = true
			i += len(leadingBracket(rest))
		case pattern[i] == ']':
			within = false
		case !within && pattern[i] == '(' && setsFlagU(rest):
			return "the flag U"
		}
	}
	return ""
}

// ambiguousEscape judges what follows a backslash. Java: digits refer to a group,
// and `v` is every vertical space; RE2: an octal number, and the vertical tab alone.
func ambiguousEscape(rest string) string {
	switch {
	case rest == "":
	case rest[0] >= '0' && rest[0] <= '9':
		return "a backslash before a digit"
	case rest[0] == 'v':
		return `\v`
	}
	return ""
}

// setsFlagU reports whether a group begins by setting U: Unicode classes in Java, the
// shortest match in RE2.
func setsFlagU(group string) bool {
	flags, isFlags := strings.CutPrefix(group, "?")
	end := strings.IndexFunc(flags, func(r rune) bool { return r != '-' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') })
	return isFlags && end > 0 && (flags[end] == ':' || flags[end] == ')') && strings.ContainsRune(flags[:end], 'U')
}

// leadingBracket returns the beginning of a class that is part of it although it
// may end with a closing bracket.
func leadingBracket(class string) string {
	for _, prefix := range [...]string{"^]", "]", "^"} {
		if strings.HasPrefix(class, prefix) {
			return prefix
		}
	}
	return ""
}
