package decisionlog

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/pdp/oauth"
)

// Bounds of texts.
const (
	maxNameBytes  = 1024
	maxURIBytes   = 4096
	maxProseBytes = 2048
)

// maskedText stands where a text, or a part of one, was left out and something has
// to stand.
const maskedText = "masked"

// keepName reports whether a name, or several with blanks between them, may be kept.
func keepName(s string) bool {
	return len(s) <= maxNameBytes && !credential(s) && (!strings.Contains(s, "://") || bareURIs(s))
}

// bareURIs reports whether the URIs among some words have nothing that must be cut
// out.
func bareURIs(s string) bool {
	for word := range strings.FieldsSeq(s) {
		if !strings.Contains(word, "://") {
			continue
		}
		if clean, ok := cleanURI(word, nothing); !ok || clean != word {
			return false
		}
	}
	return true
}

// nothing takes what was cut out and forgets it.
func nothing(string) {}

// credential reports whether a text looks like a credential: see [marked], or a long
// run of random characters. Names that people choose do not.
func credential(s string) bool { return marked(s) || randomRun(s) }

// marked reports whether a text says of itself that it is a credential: a JWT, a PEM
// block, the value of an Authorization header. Not even a client id does.
func marked(s string) bool { return strings.Contains(s, "-----BEGIN") || schemed(s) || jwt(s) }

// schemed reports whether a text begins as the value of an Authorization header.
func schemed(s string) bool {
	scheme, rest, found := strings.Cut(s, " ")
	if !found || rest == "" {
		return false
	}
	return slices.ContainsFunc([]string{"basic", "bearer", "dpop", "digest", "negotiate", "hoba", "mutual"},
		func(known string) bool { return strings.EqualFold(scheme, known) })
}

// jwt reports whether there is the begin of a JSON object in base64url with more
// behind it (RFC 7515 section 7.1).
func jwt(s string) bool {
	_, rest, found := strings.Cut(s, "eyJ")
	return found && len(rest) >= 8 && !strings.ContainsFunc(rest[:8], func(r rune) bool { return !tokenRune(r) })
}

func tokenRune(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '_'
}

// minRandomRun is the length from which a run of letters in both cases and digits
// is taken for random.
const minRandomRun = 32

func randomRun(s string) bool {
	n, kinds := 0, charKind(0)
	for i := range len(s) {
		kind := kindOf(s[i])
		if kind == 0 {
			n, kinds = 0, 0
			continue
		}
		if n, kinds = n+1, kinds|kind; n >= minRandomRun && kinds&random == random {
			return true
		}
	}
	return false
}

// charKind is what a character counts as in a random run; 0 ends it.
type charKind uint8

const (
	lower charKind = 1 << iota
	upper
	digit
	joint
	random = lower | upper | digit
)

func kindOf(c byte) charKind {
	switch {
	case c >= 'a' && c <= 'z':
		return lower
	case c >= 'A' && c <= 'Z':
		return upper
	case c >= '0' && c <= '9':
		return digit
	case c == '-', c == '_', c == '+', c == '=':
		return joint
	}
	return 0
}

// isThumbprint reports whether a text is a SHA-256 in base64url or hexadecimal.
func isThumbprint(s string) bool {
	return (len(s) == 43 || len(s) == 64) && !strings.ContainsFunc(s, func(r rune) bool { return !tokenRune(r) })
}

func isNumber(s string) bool {
	return s != "" && len(s) <= 20 && !strings.ContainsFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' && r != '-' })
}

func isFlag(s string) bool { return s == "" || s == "true" || s == "false" }

// isAddress reports whether a text is an IP address or a name with a dot in it, as
// reverse look-up gives them.
func isAddress(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if len(s) > 253 || !strings.Contains(s, ".") && !strings.EqualFold(s, "localhost") {
		return false
	}
	return !credential(s) && !strings.ContainsFunc(s, func(r rune) bool { return !tokenRune(r) && r != '.' })
}

// isURI reports whether a text is absolute, or one of the forms that stand for URIs
// of a client in Keycloak: a path, `*`, `+` or `-`.
func isURI(s string) bool {
	if s == "" || s == "+" || s == "-" || s[0] == '/' || s[0] == '*' {
		return true
	}
	scheme, _, found := strings.Cut(s, ":")
	return found && scheme != "" && !strings.ContainsFunc(scheme, func(r rune) bool { return !tokenRune(r) && r != '.' && r != '+' })
}

// cleanURI returns an URI without what may be secret in it: user information,
// values of the query, the fragment, and path segments that look like credentials.
// That they were there is still to be seen, because executors judge that. It
// reports false for what is no URI. What was cut out goes to cut.
func cleanURI(s string, cut func(string)) (clean string, ok bool) {
	if len(s) > maxURIBytes || !isURI(s) || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", false
	}
	rest, fragment, hasFragment := strings.Cut(s, "#")
	rest, query, hasQuery := strings.Cut(rest, "?")
	clean = cleanHierarchy(rest, cut)
	if hasQuery {
		clean += "?" + cleanQuery(query, cut)
	}
	if hasFragment {
		clean += "#" + blot(fragment, cut)
	}
	return clean, isURI(clean)
}

// cleanID returns the id of a client or user. One that is an URI is kept without user
// information and fragment, which no client id has (RFC 6749 section 2.2, client id
// metadata documents section 3).
func cleanID(s string, cut func(string)) string {
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return s
	}
	rest, fragment, hasFragment := strings.Cut(rest, "#")
	authority, path, hasPath := strings.Cut(rest, "/")
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		authority = blot(authority[:at], cut) + authority[at:]
	}
	s = scheme + "://" + authority
	if hasPath {
		s += "/" + path
	}
	if hasFragment {
		s += "#" + blot(fragment, cut)
	}
	return s
}

// blot replaces a text that is not empty.
func blot(s string, cut func(string)) string {
	if s == "" || s == maskedText {
		return s
	}
	cut(s)
	if plain, err := url.QueryUnescape(s); err == nil && plain != s {
		cut(plain)
	}
	return maskedText
}

// cleanHierarchy cleans all up to the query.
func cleanHierarchy(s string, cut func(string)) string {
	scheme, rest, found := cutAuthority(s)
	if !found {
		return cleanOpaque(s, cut)
	}
	authority, path, hasPath := strings.Cut(rest, "/")
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		cut(authority[:at])
		user, password, both := strings.Cut(authority[:at], ":")
		info := blot(user, cut)
		if both {
			info += ":" + blot(password, cut)
		}
		authority = info + authority[at:]
	}
	if credential(authority) {
		authority = blot(authority, cut)
	}
	if hasPath {
		path = "/" + cleanPath(path, cut)
	}
	return scheme + authority + path
}

// cutAuthority cuts the scheme off, if there is one, with the slashes before the
// authority (RFC 3986 section 4.2).
func cutAuthority(s string) (scheme, rest string, found bool) {
	if rest, found = strings.CutPrefix(s, "//"); found {
		return "//", rest, true
	}
	scheme, rest, found = strings.Cut(s, "://")
	return scheme + "://", rest, found
}

// cleanOpaque cleans an URI without authority. Of a scheme whose URIs may hold data
// only the scheme is kept.
func cleanOpaque(s string, cut func(string)) string {
	scheme, rest, found := strings.Cut(s, ":")
	switch {
	case !found:
		return cleanPath(s, cut)
	case strings.HasPrefix(rest, "/"):
		return scheme + ":" + cleanPath(rest, cut)
	case oauth.IsPushedRequestURI(s):
		n := len(oauth.PushedRequestURIPrefix)
		return s[:n] + blot(s[n:], cut)
	case strings.EqualFold(scheme, "urn"):
		return scheme + ":" + cleanPath(rest, cut)
	}
	return scheme + ":" + blot(rest, cut)
}

// cleanPath cleans a path segment by segment.
func cleanPath(s string, cut func(string)) string {
	if !credential(s) {
		return s
	}
	segments := strings.Split(s, "/")
	for i, segment := range segments {
		if credential(segment) {
			segments[i] = blot(segment, cut)
		}
	}
	return strings.Join(segments, "/")
}

// cleanQuery keeps the names of a query.
func cleanQuery(s string, cut func(string)) string {
	pairs := strings.Split(s, "&")
	for i, pair := range pairs {
		field, value, found := strings.Cut(pair, "=")
		if !keepName(field) {
			field = blot(field, cut)
		}
		if !found {
			// It may be a value as well as a name.
			pairs[i] = blot(field, cut)
			continue
		}
		pairs[i] = field + "=" + blot(value, cut)
	}
	return strings.Join(pairs, "&")
}

// cleanProse cleans a text for people, word by word.
func cleanProse(s string, cut func(string)) string {
	s = shortened(s, maxProseBytes)
	if !credential(s) && !strings.Contains(s, ":") {
		return s
	}
	if strings.Contains(s, "-----BEGIN") || schemed(s) {
		return blot(s, cut)
	}
	words := strings.Split(s, " ")
	for i, word := range words {
		words[i] = cleanWord(word, cut)
	}
	return strings.Join(words, " ")
}

// cleanWord cleans the URI in a word, with quotes or brackets around it or not.
func cleanWord(word string, cut func(string)) string {
	const around = "\"'`()[]{}<>,;"
	if core := strings.Trim(word, around); strings.Contains(core, "://") {
		clean, ok := cleanURI(core, cut)
		if !ok {
			clean = blot(core, cut)
		}
		return strings.Replace(word, core, clean, 1)
	}
	if credential(word) {
		return blot(word, cut)
	}
	return word
}

// replaceID replaces an id wherever it stands in a text. Loosely, a long one is
// replaced inside of words too; else only where it is a whole word.
func replaceID(s, id, with string, loose bool) string {
	const long = 8
	if id == "" || !strings.Contains(s, id) {
		return s
	}
	if s == id || loose && len(id) >= long {
		return strings.ReplaceAll(s, id, with)
	}
	var b strings.Builder
	for from := 0; ; {
		at := strings.Index(s[from:], id)
		if at < 0 {
			b.WriteString(s[from:])
			return b.String()
		}
		at += from
		end := at + len(id)
		b.WriteString(s[from:at])
		if wordEdge(s, at-1) && wordEdge(s, end) {
			b.WriteString(with)
		} else {
			b.WriteString(id)
		}
		from = end
	}
}

// wordEdge reports whether no letter or digit stands at a place.
func wordEdge(s string, at int) bool {
	return at < 0 || at >= len(s) || s[at] < 0x80 && !tokenRune(rune(s[at]))
}
