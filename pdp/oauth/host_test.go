package oauth_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/pdp/oauth"
)

func TestKindOfHost(t *testing.T) {
	for kind, hosts := range map[oauth.HostKind][]string{
		oauth.HostLocalhost: {"localhost", "LOCALHOST", "LocalHost", "localhost.", "a.localhost", "A.b.LOCALHOST", "a.localhost."},
		oauth.HostIPv4Loopback: {
			"127.0.0.1", "127.9.9.9", "127.255.255.255", "0127.0.0.1", "2130706433", "2130706432", "2147483647",
			"[::ffff:127.0.0.1]", "[::FFFF:7f00:1]", "[0:0:0:0:0:ffff:127.9.9.9]", "[::ffff:0127.0.0.01]",
		},
		oauth.HostIPv6Loopback: {"[::1]", "[0:0:0:0:0:0:0:1]", "[0::0001]", "[::0.0.0.1]", "[::1%lo]"},
		oauth.HostOrdinary: {
			"", "a.example", "localhost.evil.example", "notlocalhost", "xlocalhost", "localhos", "localhoſt",
			"127.1", "127.0.0.1.", "127.0.0.1.example", "127.0.0.256", "128.0.0.1", "126.255.255.255", "10.0.0.1", "0.0.0.0",
			"2130706431", "2147483648", "4294967296", "6425673729", "99999999999999999999", "0x7f000001",
			"[::]", "[::2]", "[::127.0.0.1]", "[::ffff:128.0.0.1]", "[fe80::1]", "[::1", "[]", "[", "::1",
		},
	} {
		for _, host := range hosts {
			if got := oauth.KindOfHost(host); got != kind {
				t.Errorf("KindOfHost(%q) = %d, want %d", host, got, kind)
			}
		}
	}
	if oauth.HostOrdinary == 0 {
		t.Error("the zero HostKind is valid")
	}
}

func TestMatchDomain(t *testing.T) {
	for _, c := range []struct {
		entry, host string
		want        bool
	}{
		{"*.example.org", "example.org", true},
		{"*.example.org", "a.example.org", true},
		{"*.example.org", "a.b.example.org", true},
		{"*.example.org", "badexample.org", false},
		{"*.example.org", ".example.org", true},
		{"*.example.org", "example.org.", false},
		{"*.example.org", "a.example.org.", false},
		{"*.example.org", "a.EXAMPLE.org", false},
		{"*.example.org", "org", false},
		{"*.example.org", "", false},
		{"example.org", "example.org", true},
		{"example.org", "a.example.org", false},
		{"example.org", "EXAMPLE.org", false},
		{"EXAMPLE.org", "example.org", false},
		{"example.org", "example.org.", false},
		{" example.org", "example.org", false},
		{"*", "example.org", false},
		{"*", "*", true}, // no host is called so
		{"*.", "example.org", false},
		{"*.", "example.org.", false},
		{"*.", "", false},
		{"", "", false},
		{"", "example.org", false},
		{" \t", " \t", false},
		{"[::1]", "[::1]", true},
		{"*.*.org", "a.example.org", false},
	} {
		if got := oauth.MatchDomain(c.entry, c.host); got != c.want {
			t.Errorf("MatchDomain(%q, %q) = %t, want %t", c.entry, c.host, got, c.want)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1": "127.0.0.1", "::1": "::1", "[::1]": "::1", "0:0:0:0:0:0:0:1": "::1", "::FFFF:10.1.2.3": "10.1.2.3",
		"[::ffff:a01:203]": "10.1.2.3", "fe80::1%eth0": "fe80::1", "[fe80::1%2]": "fe80::1", "0.0.0.0": "0.0.0.0",
	} {
		if got, ok := oauth.ParseAddress(text); !ok || got != netip.MustParseAddr(want) {
			t.Errorf("ParseAddress(%q) = %v, %t, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "[]", "[", "]", "%", "[::1", "::1]", "[127.0.0.1]", "127.0.0.1%eth0", "fe80::1%", "127.1", "2130706433", "127.0.0.01",
		"10.0.0.0/8", "10.0.0.*", " 127.0.0.1", "localhost", "a.example", "::g", "1.2.3.4.5", "...", "::ffff:1.2.3.256",
	} {
		if got, ok := oauth.ParseAddress(text); ok || got.IsValid() {
			t.Errorf("ParseAddress(%q) = %v, want none", text, got)
		}
	}
}

// FuzzHost holds host matching to its laws: an entry takes its own host, and what a
// wildcard takes lies below it.
func FuzzHost(f *testing.F) {
	for _, s := range []string{
		"example.org", "*.example.org", "localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "*.", "a..b", "", "::1%eth0", "2130706433",
	} {
		f.Add(s, "a.example.org")
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, entry, host string) {
		if oauth.MatchDomain(entry, host) && entry != host && !strings.HasSuffix("."+host, strings.TrimPrefix(entry, "*")) {
			t.Errorf("MatchDomain(%q, %q)", entry, host)
		}
		if oauth.HostUnder(host, entry) && !oauth.HostEndsWith(strings.ToLower(strings.TrimSuffix(host, ".")), strings.ToLower(strings.TrimSuffix(entry, "."))) {
			t.Errorf("HostUnder(%q, %q) without the ending", host, entry)
		}
		if oauth.SameHost(entry, host) != oauth.SameHost(host, entry) {
			t.Errorf("SameHost(%q, %q) depends on the order", entry, host)
		}
		checkTrustedHost(t, entry, host)
		if k := oauth.KindOfHost(host); k < oauth.HostOrdinary || k > oauth.HostIPv6Loopback {
			t.Errorf("KindOfHost(%q) = %d", host, k)
		}
	})
}

func checkTrustedHost(t *testing.T, entry, host string) {
	t.Helper()
	trusted, err := oauth.ParseTrustedHost(entry)
	if err != nil {
		return
	}
	if trusted.NeedsName() && trusted.Address.IsValid() || trusted.Name != "" && trusted.Domain != "" {
		t.Errorf("ParseTrustedHost(%q) = %+v: more than one kind", entry, trusted)
	}
	if trusted.Name != "" && !trusted.MatchesName(entry) {
		t.Errorf("entry %q does not take its own name", entry)
	}
	if a, ok := oauth.ParseAddress(host); ok && (trusted.MatchesName(host) || oauth.HostUnder(host, trusted.Domain)) {
		t.Errorf("entry %q takes address %v for a name", entry, a)
	}
}
