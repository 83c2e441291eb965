package oauth

import (
	"math"
	"net/netip"
	"strings"
)

// parseAuthority reads u.Authority. RFC 2396 §3.2: it names a server or, failing
// that, is a registered name, which may hold more characters and has no parts.
func (u *URI) parseAuthority(base int) error {
	if server, ok := parseServer(u.Authority); ok {
		u.Userinfo, u.HasUserinfo = server.userinfo, server.hasUserinfo
		u.Host, u.Port = server.host, server.port
		return nil
	}
	return check(u.Authority, regNameChar, base, "authority")
}

type server struct {
	userinfo    string
	hasUserinfo bool
	host        string
	port        int
}

// parseServer reads `[userinfo@]host[:port]`, RFC 2396 §3.2.2.
func parseServer(authority string) (s server, ok bool) {
	rest := authority
	if before, after, found := strings.Cut(rest, "@"); found {
		s.userinfo, s.hasUserinfo, rest = before, true, after
		if illegal(before, userinfoChar) >= 0 {
			return server{}, false
		}
	}
	if s.host, rest, ok = cutHost(rest); !ok {
		return server{}, false
	}
	if s.port, ok = parsePort(rest); !ok {
		return server{}, false
	}
	return s, true
}

// cutHost takes the host off the beginning of s.
func cutHost(s string) (host, rest string, ok bool) {
	if strings.HasPrefix(s, "[") {
		n := strings.IndexByte(s, ']') + 1
		return s[:n], s[n:], n > 0 && isBracketed(s[:n])
	}
	n := strings.IndexByte(s, ':')
	if n < 0 {
		n = len(s)
	}
	host, rest = s[:n], s[n:]
	if _, quad := parseQuad(host); quad {
		return host, rest, true
	}
	return host, rest, isURIHostname(host)
}

// parsePort reads what follows the host: nothing, a colon, or a colon and digits.
func parsePort(s string) (port int, ok bool) {
	if s == "" || s == ":" {
		return NoPort, true
	}
	if s[0] != ':' {
		return 0, false
	}
	n, ok := parseDecimal(s[1:], math.MaxInt32)
	return int(n), ok
}

// isURIHostname reports whether s is a hostname of RFC 2396 §3.2.2: labels of
// letters, digits and inner hyphens, perhaps a last dot, and the last of several
// labels begins with a letter.
func isURIHostname(s string) bool {
	rest := strings.TrimSuffix(s, ".")
	for first := true; ; first = false {
		label, after, more := strings.Cut(rest, ".")
		if !isLabel(label) {
			return false
		}
		if !more {
			return first || alpha.holds(label[0])
		}
		rest = after
	}
}

func isLabel(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if s[i] != '-' && !alnum.holds(s[i]) {
			return false
		}
	}
	return true
}

// isBracketed reports whether s is an IPv6 address in brackets, perhaps with a
// zone of letters, digits, `_` and `.` (RFC 2732 §2, RFC 6874 without escapes).
func isBracketed(s string) bool {
	address, zone, hasZone := strings.Cut(s[1:len(s)-1], "%")
	if hasZone && zone == "" {
		return false
	}
	for i := range len(zone) {
		if c := zone[i]; c != '_' && c != '.' && !alnum.holds(c) {
			return false
		}
	}
	_, ok := parseIPv6(address)
	return ok
}

// parseIPv6 reads an IPv6 address without zone. An IPv4 tail may have leading
// zeros, which count for nothing; [netip.ParseAddr] refuses them.
func parseIPv6(s string) (netip.Addr, bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return netip.Addr{}, false
	}
	if strings.IndexByte(s[i:], '.') < 0 {
		a, err := netip.ParseAddr(s)
		return a, err == nil && a.Zone() == ""
	}
	quad, ok := parseQuad(s[i+1:])
	if !ok {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s[:i+1] + "0:0")
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	bytes := a.As16()
	copy(bytes[12:], quad[:])
	return netip.AddrFrom16(bytes), true
}

// parseQuad reads four decimal numbers of at most 255 with dots between them.
// Leading zeros count for nothing.
func parseQuad(s string) (quad [4]byte, ok bool) {
	for i := range quad {
		part, rest, more := strings.Cut(s, ".")
		n, ok := parseDecimal(part, math.MaxUint8)
		if !ok || more != (i < len(quad)-1) {
			return quad, false
		}
		quad[i], s = byte(n), rest
	}
	return quad, true
}

// parseDecimal reads one or more digits that make a number of at most limit.
func parseDecimal(s string, limit uint64) (n uint64, ok bool) {
	for i := range len(s) {
		if !digit.holds(s[i]) {
			return 0, false
		}
		if n = n*10 + uint64(s[i]-'0'); n > limit {
			return 0, false
		}
	}
	return n, s != ""
}
