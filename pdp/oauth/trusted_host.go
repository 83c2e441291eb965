package oauth

import (
	"errors"
	"net/netip"
	"strings"
)

// ErrTrustedHost is returned for an entry that would trust every peer or none.
var ErrTrustedHost = errors.New("expected an IP address, a host name, or *. and a domain")

// TrustedHost is one entry of a list of trusted peers, read once by
// [ParseTrustedHost]. At most one member is set. With none set the entry is of a
// form that is not understood, such as `10.0.0.0/8`, and matches nothing.
type TrustedHost struct {
	// Address is the address that the entry spells out.
	Address netip.Addr
	// Name is the host name that the entry spells out.
	Name string
	// Domain is the rest of an entry `*.rest`: see [HostUnder] and [HostEndsWith].
	Domain string
}

// ParseTrustedHost reads an entry. The error is [ErrTrustedHost], for an empty
// entry and for `*.` alone.
func ParseTrustedHost(entry string) (TrustedHost, error) {
	if entry == "" || entry == "*." {
		return TrustedHost{}, ErrTrustedHost
	}
	if a, ok := ParseAddress(entry); ok {
		return TrustedHost{Address: a}, nil
	}
	domain, wildcard := strings.CutPrefix(entry, "*.")
	switch {
	case !isPeerName(domain):
		return TrustedHost{}, nil
	case wildcard:
		return TrustedHost{Domain: domain}, nil
	}
	return TrustedHost{Name: entry}, nil
}

// Inert reports whether the entry matches nothing.
func (t TrustedHost) Inert() bool { return t == TrustedHost{} }

// NeedsName reports whether the entry asks for the name of the peer.
func (t TrustedHost) NeedsName() bool { return t.Name != "" || t.Domain != "" }

var loopback4, loopback6 = netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()

// MatchesAddress reports whether the peer's address, read by [ParseAddress], is
// that of the entry; the name `localhost` is 127.0.0.1 and ::1.
func (t TrustedHost) MatchesAddress(peer netip.Addr) bool {
	if t.Name != "" && SameHost(t.Name, "localhost") {
		return peer == loopback4 || peer == loopback6
	}
	return t.Address.IsValid() && t.Address == peer
}

// MatchesName reports whether the entry is a name and that of the peer. Wildcard
// entries are for [HostUnder].
func (t TrustedHost) MatchesName(peer string) bool {
	return t.Name != "" && SameHost(t.Name, peer)
}

// SameHost reports whether two host names are equal, whatever their letter case
// and with or without a last dot (RFC 1034 §3.1). Empty names equal nothing.
func SameHost(a, b string) bool {
	a, b = strings.TrimSuffix(a, "."), strings.TrimSuffix(b, ".")
	return a != "" && equalFold(a, b)
}

// HostUnder reports whether a host name is the domain or lies below it, whatever
// the letter case. An IP address lies below nothing.
func HostUnder(host, domain string) bool {
	host, domain = strings.TrimSuffix(host, "."), strings.TrimSuffix(domain, ".")
	if domain == "" || !hasSuffixFold(host, domain) || isAddress(host) {
		return false
	}
	return len(host) == len(domain) || host[len(host)-len(domain)-1] == '.'
}

// HostEndsWith is [HostUnder] as Keycloak has it: the name ends with the text,
// whose letter case counts, be it within a label.
func HostEndsWith(host, ending string) bool {
	return ending != "" && strings.HasSuffix(host, ending) && !isAddress(host)
}

func isAddress(host string) bool {
	_, ok := ParseAddress(host)
	return ok
}

// isPeerName reports whether s can be the name of a peer: labels of letters,
// digits, `-` and `_`, perhaps a last dot, and the last label is not all digits,
// which would make it a short form of an address.
func isPeerName(s string) bool {
	last := ""
	for rest, more := strings.TrimSuffix(s, "."), true; more; {
		last, rest, more = strings.Cut(rest, ".")
		if !isPeerLabel(last) {
			return false
		}
	}
	return strings.Trim(last, digits) != ""
}

func isPeerLabel(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '-' && c != '_' && !alnum.holds(c) {
			return false
		}
	}
	return s != ""
}
