package oauth_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/sidegate/sidegate/pdp/oauth"
)

func TestParseTrustedHost(t *testing.T) {
	address := func(s string) oauth.TrustedHost { return oauth.TrustedHost{Address: netip.MustParseAddr(s)} }
	for entry, want := range map[string]oauth.TrustedHost{
		"127.0.0.1":        address("127.0.0.1"),
		"::ffff:127.0.0.1": address("127.0.0.1"),
		"[::1]":            address("::1"),
		"fe80::1%eth0":     address("fe80::1"),
		"localhost":        {Name: "localhost"},
		"A.example.":       {Name: "A.example."},
		"a_b.example":      {Name: "a_b.example"},
		"*.host":           {Domain: "host"},
		"*.a.example":      {Domain: "a.example"},
		"*":                {},
		"**.a":             {},
		"*.*":              {},
		"*.10":             {},
		"10.0.0.*":         {},
		"10.0.0.0/8":       {},
		" a.example":       {},
		" ":                {},
		"127.1":            {},
		"2130706433":       {},
		"a..b":             {},
		"*..a":             {},
		".":                {},
		"[a]":              {},
		"ö.example":        {},
	} {
		got, err := oauth.ParseTrustedHost(entry)
		if err != nil || got != want {
			t.Errorf("ParseTrustedHost(%q) = %+v, %v, want %+v", entry, got, err, want)
		}
		if got.Inert() != (want == oauth.TrustedHost{}) || got.NeedsName() != (want.Name+want.Domain != "") {
			t.Errorf("entry %q: inert %t, needs name %t", entry, got.Inert(), got.NeedsName())
		}
	}
	for _, entry := range []string{"", "*."} {
		if got, err := oauth.ParseTrustedHost(entry); !errors.Is(err, oauth.ErrTrustedHost) {
			t.Errorf("ParseTrustedHost(%q) = %+v, %v, want %v", entry, got, err, oauth.ErrTrustedHost)
		}
	}
}

func TestTrustedHostMatches(t *testing.T) {
	for _, c := range []struct {
		entry, address, name  string
		wantAddress, wantName bool
	}{
		{"127.0.0.1", "127.0.0.1", "localhost", true, false},
		{"127.0.0.1", "::ffff:127.0.0.1", "", true, false},
		{"127.0.0.2", "127.0.0.1", "localhost", false, false},
		{"::1", "127.0.0.1", "", false, false},
		{"[fe80::1]", "fe80::1%eth0", "", true, false},
		{"localhost", "127.0.0.1", "", true, false},
		{"LOCALHOST.", "::1", "", true, false},
		{"localhost", "127.0.0.2", "", false, false},
		{"localhost", "10.0.0.1", "LocalHost.", false, true},
		{"a.example", "10.0.0.1", "A.EXAMPLE.", false, true},
		{"a.example.", "10.0.0.1", "a.example", false, true},
		{"a.example", "10.0.0.1", "b.a.example", false, false},
		{"a.example", "10.0.0.1", "a.example..", false, false},
		{"a.example", "", "", false, false},
		{"k.example", "10.0.0.1", "\u212a.example", false, false},
		{"*.example", "10.0.0.1", "a.example", false, false},
		{"*", "10.0.0.1", "*", false, false},
		{"10.0.0.0/8", "10.0.0.1", "10.0.0.0/8", false, false},
		{"127.1", "127.0.0.1", "127.1", false, false},
	} {
		trusted, err := oauth.ParseTrustedHost(c.entry)
		if err != nil {
			t.Fatal(err)
		}
		peer, _ := oauth.ParseAddress(c.address)
		if got := trusted.MatchesAddress(peer); got != c.wantAddress {
			t.Errorf("%q takes address %q: %t, want %t", c.entry, c.address, got, c.wantAddress)
		}
		if got := trusted.MatchesName(c.name); got != c.wantName {
			t.Errorf("%q takes name %q: %t, want %t", c.entry, c.name, got, c.wantName)
		}
	}
}

func TestHostUnder(t *testing.T) {
	for _, c := range []struct {
		host, domain      string
		under, keycloakly bool
	}{
		{"localhost", "localhost", true, true},
		{"localhost", "host", false, true},
		{"localhost", "LOCALHOST", true, false},
		{"a.example", "example", true, true},
		{"a.example.", "example", true, false},
		{"a.example", "example.", true, false},
		{"evilexample", "example", false, true},
		{"example", "a.example", false, false},
		{"a.example", "", false, false},
		{"", "", false, false},
		{"", "example", false, false},
		{"10.0.0.1", "0.1", false, false},
		{"10.0.0.1", "10.0.0.1", false, false},
		{"fe80::ab", "ab", false, false},
		{"a.\u212a", "k", false, false},
	} {
		if got := oauth.HostUnder(c.host, c.domain); got != c.under {
			t.Errorf("HostUnder(%q, %q) = %t", c.host, c.domain, got)
		}
		if got := oauth.HostEndsWith(c.host, c.domain); got != c.keycloakly {
			t.Errorf("HostEndsWith(%q, %q) = %t", c.host, c.domain, got)
		}
	}
}
