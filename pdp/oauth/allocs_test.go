package oauth_test

import (
	"strings"
	"testing"

	"github.com/sidegate/sidegate/pdp/oauth"
)

// TestAllocations holds what runs on the decision path to no allocation at all.
func TestAllocations(t *testing.T) {
	aud := value(t, `["https://other.example","https://idp.example"]`)
	text, number := value(t, `"af0ifjsldkj"`), value(t, `1764000000`)
	list, _ := oauth.ParseTrustedHost("*.example")
	name, _ := oauth.ParseTrustedHost("localhost")
	plain := strings.Repeat("a", 128)
	for what, run := range map[string]func() bool{
		"ParseURI": func() bool {
			u, err := oauth.ParseURI("https://u@a.example:8443/cb?x=1#f")
			return err == nil && u.Port == 8443
		},
		"ParseURI, IPv6":     func() bool { u, err := oauth.ParseURI("http://[::1]:8080/cb"); return err == nil && u.Host == "[::1]" },
		"ParseURI, registry": func() bool { u, err := oauth.ParseURI("https://a_b.example/é"); return err == nil && u.Host == "" },
		"KindOfHost, name":   func() bool { return oauth.KindOfHost("app.acme.example") == oauth.HostOrdinary },
		"KindOfHost, IPv4":   func() bool { return oauth.KindOfHost("127.0.0.1") == oauth.HostIPv4Loopback },
		"KindOfHost, IPv6":   func() bool { return oauth.KindOfHost("[::1]") == oauth.HostIPv6Loopback },
		"MatchDomain":        func() bool { return oauth.MatchDomain("*.acme.example", "app.acme.example") },
		"ParseAddress":       func() bool { _, ok := oauth.ParseAddress("fe80::1%eth0"); return ok },
		"ParseAddress, name": func() bool { _, ok := oauth.ParseAddress("app.acme.example"); return !ok },
		"HostUnder":          func() bool { return oauth.HostUnder("app.acme.EXAMPLE", list.Domain) },
		"HostEndsWith":       func() bool { return oauth.HostEndsWith("app.acme.example", list.Domain) },
		"MatchesAddress":     func() bool { a, _ := oauth.ParseAddress("127.0.0.1"); return name.MatchesAddress(a) },
		"MatchesName":        func() bool { return name.MatchesName("LOCALHOST.") },
		"ValidCodeVerifier":  func() bool { return oauth.ValidCodeVerifier(challenge) },
		"VerifyPKCE, S256":   func() bool { return oauth.VerifyPKCE(oauth.S256, challenge, verifier) },
		"VerifyPKCE, plain":  func() bool { return oauth.VerifyPKCE(oauth.Plain, plain, plain) },
		"IsFAPIAlgorithm":    func() bool { return oauth.IsFAPIAlgorithm("ES256") },
		"IsPushedRequestURI": func() bool { return oauth.IsPushedRequestURI("URN:ietf:params:oauth:request_uri:x") },
		"HasWord":            func() bool { return oauth.HasWord("profile email openid", "openid") },
		"Words":              func() bool { return countWords("profile email openid") == 3 },
		"ClaimText":          func() bool { return oauth.ClaimText(text) == "af0ifjsldkj" },
		"ScalarText":         func() bool { s, ok := oauth.ScalarText(text); return ok && s != "" },
		"ClaimNumber":        func() bool { return oauth.ClaimNumber(number) == 1764000000 },
		"AudienceContains":   func() bool { return oauth.AudienceContains(aud, "https://idp.example") },
		"SoleAudience":       func() bool { s, ok := oauth.SoleAudience(text); return ok && s != "" },
	} {
		if !run() {
			t.Errorf("%s: wrong answer", what)
		}
		if n := testing.AllocsPerRun(100, func() { run() }); n != 0 {
			t.Errorf("%s: %g allocations", what, n)
		}
	}
}

func countWords(text string) (n int) {
	for range oauth.Words(text) {
		n++
	}
	return n
}
