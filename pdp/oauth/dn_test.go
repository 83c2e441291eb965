package oauth_test

import (
	"strings"
	"testing"

	"github.com/sidegate/sidegate/pdp/oauth"
)

// Cases of executors-client.md, tls-client-auth-ca-subject-dn, and of RFC 4514 §4.
func TestDNEqual(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		equal bool
	}{
		{"CN=CA,O=Org", "cn=ca, o=org", true},
		{"CN=CA,O=Org", "CN = CA , O = ORG", true},
		{"CN=CA,O=Org", "O=Org,CN=CA", false},
		{"CN=CA,O=Org", "CN=CA", false},
		{"2.5.4.3=CA", "CN=CA", true},
		{"OID.2.5.4.3=CA", "CN=CA", true},
		{"SERIALNUMBER=1", "2.5.4.5=1", true},
		{"businessCategory=x", "2.5.4.15=X", true},
		{"jurisdictionCountryName=BR", "1.3.6.1.4.1.311.60.2.1.3=br", true},
		{"E=a@b.example", "emailAddress=A@b.example", true},
		{"email=a@b.example", "1.2.840.113549.1.9.1=a@b.example", true},
		{"CN=a+OU=b", "OU=b+CN=a", true},
		{"CN=a  b", "CN=A b", true},
		{`CN="a, b"`, `CN=a\, b`, true},
		{`CN=a\2C b`, `CN=a\, b`, true},
		{"CN=a;O=b", "CN=a,O=b", true},
		{"CN=a\tb", "CN=a b", false},
		{"CN=#0402AABB,O=b", "CN=#0402aabb ,O=b", true},
		{"CN=#0402AABB", `CN=\#0402AABB`, false},
		{`CN="#0402AABB"`, `CN=\#0402aabb`, true},
	} {
		a, errA := oauth.ParseDN(c.a)
		b, errB := oauth.ParseDN(c.b)
		if errA != nil || errB != nil {
			t.Errorf("%q, %q: %v, %v", c.a, c.b, errA, errB)
		} else if a.Equal(b) != c.equal {
			t.Errorf("%q equals %q: got %v", c.a, c.b, !c.equal)
		}
	}
}

func TestParseDNRefuses(t *testing.T) {
	for _, text := range []string{
		"", " ", "nonsense", "XY=a", "CN=a,", ",CN=a", "CN", "=a", `CN="a`, `CN="a"b`, `CN=a\`, `CN=a\q`, "CN=a<b", "1=a", "2..5=a", "2.5.=a", ".2.5=a", "3.5.4=a", "2.x=a", "SN=a", "CN=#", "CN=#xx", "CN=#040", "CN=#04 02",
		"CN=" + strings.Repeat("a", 4096),
	} {
		if dn, err := oauth.ParseDN(text); err == nil {
			t.Errorf("%.20q: got %v, want an error", text, dn)
		}
	}
}

func FuzzParseDN(f *testing.F) {
	for _, seed := range []string{"CN=CA,O=Org", `CN="a, b"+OU=c;DC=x`, `CN=a\2C b`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if dn, err := oauth.ParseDN(text); err == nil && !dn.Equal(dn) {
			t.Errorf("%q does not equal itself", text)
		}
	})
}
