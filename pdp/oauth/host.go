package oauth

import (
	"math"
	"net/netip"
	"strings"
)

// HostKind tells loopback hosts from others. The zero value is no kind.
type HostKind uint8

// The kinds of host.
const (
	// HostOrdinary is every host that is not loopback, and no host.
	HostOrdinary HostKind = iota + 1
	// HostLocalhost is the name `localhost`, which counts as IPv4 loopback.
	HostLocalhost
	// HostIPv4Loopback is an address of 127.0.0.0/8 (RFC 1122 §3.2.1.3).
	HostIPv4Loopback
	// HostIPv6Loopback is the address ::1 (RFC 4291 §2.5.3).
	HostIPv6Loopback
)

// KindOfHost tells the kind of a [URI.Host]. Only the text counts; no name is
// looked up.
func KindOfHost(host string) HostKind {
	switch {
	case strings.HasPrefix(host, "["):
		return kindOfIPv6(host)
	case isLocalhost(host):
		return HostLocalhost
	case isIPv4Loopback(host):
		return HostIPv4Loopback
	}
	return HostOrdinary
}

// isLocalhost reports whether a name is `localhost` or below it, in any letter
// case. RFC 6761 §6.3: these names always mean this machine.
func isLocalhost(host string) bool {
	host = strings.TrimSuffix(host, ".")
	return equalFold(host, "localhost") || hasSuffixFold(host, ".localhost")
}

// isIPv4Loopback reports whether a host is 127.x.x.x, or one decimal number that
// is such an address, as Java and browsers read `http://2130706433`.
func isIPv4Loopback(host string) bool {
	if quad, ok := parseQuad(host); ok {
		return quad[0] == 127
	}
	n, ok := parseDecimal(host, math.MaxUint32)
	return ok && n>>24 == 127
}

// kindOfIPv6 takes an IPv4-mapped address for the IPv4 address (RFC 4291 §2.5.5.2).
func kindOfIPv6(host string) HostKind {
	inner, closed := strings.CutSuffix(host[1:], "]")
	text, _, _ := strings.Cut(inner, "%")
	address, ok := parseIPv6(text)
	if !closed || !ok || !address.Unmap().IsLoopback() {
		return HostOrdinary
	}
	if address.Is4In6() {
		return HostIPv4Loopback
	}
	return HostIPv6Loopback
}

// MatchDomain reports whether a [URI.Host] matches an entry of a domain list:
// `*.d` takes d and every name below it, any other entry takes itself. Letter
// case counts. Neither a blank entry, nor `*.` alone, nor an empty host matches.
func MatchDomain(entry, host string) bool {
	if host == "" || strings.TrimSpace(entry) == "" {
		return false
	}
	domain, wildcard := strings.CutPrefix(entry, "*.")
	switch {
	case !wildcard:
		return host == entry
	case domain == "":
		return false
	}
	return host == domain || len(host) > len(domain) && strings.HasSuffix(host, domain) &&
		host[len(host)-len(domain)-1] == '.'
}

// ParseAddress reads an IP address as a peer or an administrator writes it:
// brackets and zone of an IPv6 address are dropped, and an IPv4-mapped address is
// the IPv4 address. Short forms such as `127.1` are no addresses.
func ParseAddress(s string) (netip.Addr, bool) {
	inner, bracketed := strings.CutPrefix(s, "[")
	if bracketed {
		if inner, bracketed = strings.CutSuffix(inner, "]"); !bracketed {
			return netip.Addr{}, false
		}
	}
	text, zone, hasZone := strings.Cut(inner, "%")
	// A name is told apart here, because a parse error costs an allocation.
	if hasZone && zone == "" || text == "" || !strings.Contains(text, ":") && strings.Trim(text, digits+".") != "" {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Is4() && (bracketed || hasZone) {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}
