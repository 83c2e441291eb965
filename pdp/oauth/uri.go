package oauth

import (
	"fmt"
	"strings"
)

// NoPort is the [URI.Port] of a URI that names none.
const NoPort = -1

// URI is a URI reference taken apart by [ParseURI]. Every part stands as written:
// nothing is decoded, lower-cased or normalized.
type URI struct {
	// Scheme is the scheme in its own letter case; empty makes the reference relative.
	Scheme string
	// Opaque is what follows the scheme of a URI like `urn:x` or `https:cb`, up to
	// the fragment. Such a URI has neither authority, path nor query.
	Opaque string
	// Authority is all between `//` and the path. It may be there without a host.
	Authority string
	// Userinfo stands before `@` in the authority.
	Userinfo string
	// Host is a name, an IPv4 address or an IPv6 address in its brackets. It is
	// empty when there is no authority, or one that names no server, such as one
	// with `_` or `*` in it.
	Host string
	// Port is [NoPort] or a number from 0 to 2147483647: larger ones than 65535
	// are legal here.
	Port     int
	Path     string
	Query    string
	Fragment string
	// HasUserinfo, HasQuery and HasFragment tell an empty part from none.
	HasUserinfo, HasQuery, HasFragment bool

	slashes bool // `//` was written, even before an empty authority
}

// URIError tells why a text is no URI and where in it that shows.
type URIError struct {
	Problem string
	Offset  int // in bytes
}

// Error describes the problem without quoting the text, which may hold a password.
func (e *URIError) Error() string {
	return fmt.Sprintf("uri: %s at offset %d", e.Problem, e.Offset)
}

// ParseURI takes a URI reference apart by RFC 2396 with the IPv6 addresses of
// RFC 2732, as java.net.URI does: non-ASCII letters are legal unescaped, blanks
// and controls are not, an authority that is no `[user@]host[:port]` leaves the
// host empty instead of failing, and a port may be empty. The error is a
// [*URIError].
func ParseURI(s string) (URI, error) {
	u := URI{Port: NoPort}
	if err := u.parse(s); err != nil {
		return URI{}, err
	}
	return u, nil
}

func (u *URI) parse(s string) error {
	rest, err := u.cutScheme(s)
	if err != nil {
		return err
	}
	base := len(s) - len(rest)
	body, fragment, has := strings.Cut(rest, "#")
	u.Fragment, u.HasFragment = fragment, has
	// RFC 2396 §3: what follows the scheme begins with a slash or is opaque.
	if u.Scheme != "" && !strings.HasPrefix(body, "/") {
		err = u.parseOpaque(body, base)
	} else {
		err = u.parseHierarchical(body, base)
	}
	if err != nil {
		return err
	}
	return check(fragment, uricChar, base+len(body)+1, "fragment")
}

// cutScheme takes the scheme off. RFC 2396 §3.1: a letter, then letters, digits
// and `+-.`; a colon behind `/`, `?` or `#` belongs to a relative reference.
func (u *URI) cutScheme(s string) (rest string, err error) {
	i := strings.IndexAny(s, ":/?#")
	if i < 0 || s[i] != ':' {
		return s, nil
	}
	if i == 0 {
		return "", &URIError{"scheme expected", 0}
	}
	if !alpha.holds(s[0]) {
		return "", &URIError{"illegal character in scheme", 0}
	}
	for j := range i {
		if !schemeChar.holds(s[j]) {
			return "", &URIError{"illegal character in scheme", j}
		}
	}
	u.Scheme = s[:i]
	return s[i+1:], nil
}

func (u *URI) parseOpaque(body string, base int) error {
	if body == "" {
		return &URIError{"something must follow the scheme", base}
	}
	u.Opaque = body
	return check(body, uricChar, base, "opaque part")
}

func (u *URI) parseHierarchical(body string, base int) error {
	if strings.HasPrefix(body, "//") {
		u.slashes = true
		n, err := u.cutAuthority(body[2:], base+2)
		if err != nil {
			return err
		}
		body, base = body[2+n:], base+2+n
	}
	u.Path, u.Query, u.HasQuery = strings.Cut(body, "?")
	if err := check(u.Path, pathChar, base, "path"); err != nil {
		return err
	}
	return check(u.Query, uricChar, base+len(u.Path)+1, "query")
}

// cutAuthority reads the authority at the beginning of s and returns its length.
// An empty one is legal before anything else, not as the end of the text.
func (u *URI) cutAuthority(s string, base int) (n int, err error) {
	n = strings.IndexAny(s, "/?")
	if n < 0 {
		n = len(s)
	}
	if s == "" && !u.HasFragment {
		return 0, &URIError{"authority expected", base}
	}
	u.Authority = s[:n]
	return n, u.parseAuthority(base)
}

// String puts the parts together again: it returns the text that was parsed.
func (u URI) String() string {
	var b strings.Builder
	if u.Scheme != "" {
		b.WriteString(u.Scheme)
		b.WriteByte(':')
	}
	if u.slashes {
		b.WriteString("//")
	}
	b.WriteString(u.Opaque)
	b.WriteString(u.Authority)
	b.WriteString(u.Path)
	if u.HasQuery {
		b.WriteByte('?')
		b.WriteString(u.Query)
	}
	if u.HasFragment {
		b.WriteByte('#')
		b.WriteString(u.Fragment)
	}
	return b.String()
}
