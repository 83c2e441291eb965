package oauth_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func TestParseURI(t *testing.T) {
	type uri = oauth.URI
	for text, want := range map[string]oauth.URI{
		"https://a.example/cb": {Scheme: "https", Authority: "a.example", Host: "a.example", Port: -1, Path: "/cb"},
		"HTTPS://u:p@[::1]:8080/a?b#c": {
			Scheme: "HTTPS", Authority: "u:p@[::1]:8080", Userinfo: "u:p", HasUserinfo: true, Host: "[::1]", Port: 8080,
			Path: "/a", Query: "b", HasQuery: true, Fragment: "c", HasFragment: true,
		},
		"urn:ietf:wg:oauth:2.0:oob": {Scheme: "urn", Opaque: "ietf:wg:oauth:2.0:oob", Port: -1},
		"https:cb":                  {Scheme: "https", Opaque: "cb", Port: -1},
		"https:///cb":               {Scheme: "https", Port: -1, Path: "/cb"},
		"com.example.app:/cb":       {Scheme: "com.example.app", Port: -1, Path: "/cb"},
		"myapp://127.0.0.1/":        {Scheme: "myapp", Authority: "127.0.0.1", Host: "127.0.0.1", Port: -1, Path: "/"},
		"https://a_b.example/":      {Scheme: "https", Authority: "a_b.example", Port: -1, Path: "/"},
		"https://*.example/a":       {Scheme: "https", Authority: "*.example", Port: -1, Path: "/a"},
		"https://a.example:*":       {Scheme: "https", Authority: "a.example:*", Port: -1},
		"https://-a.example/":       {Scheme: "https", Authority: "-a.example", Port: -1, Path: "/"},
		"https://127.1/":            {Scheme: "https", Authority: "127.1", Port: -1, Path: "/"},
		"https://2130706433/":       {Scheme: "https", Authority: "2130706433", Host: "2130706433", Port: -1, Path: "/"},
		"https://a.example:65536/":  {Scheme: "https", Authority: "a.example:65536", Host: "a.example", Port: 65536, Path: "/"},
		"https://a.example:/":       {Scheme: "https", Authority: "a.example:", Host: "a.example", Port: -1, Path: "/"},
		"https://a.example/é?[x]":   {Scheme: "https", Authority: "a.example", Host: "a.example", Port: -1, Path: "/é", Query: "[x]", HasQuery: true},
		"https://a.example#":        {Scheme: "https", Authority: "a.example", Host: "a.example", Port: -1, HasFragment: true},
		"*":                         {Port: -1, Path: "*"},
		"+":                         {Port: -1, Path: "+"},
		"":                          {Port: -1},
	} {
		got, err := oauth.ParseURI(text)
		if err != nil {
			t.Errorf("ParseURI(%q): %v", text, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(uri{})); diff != "" {
			t.Errorf("ParseURI(%q): (-want +got)\n%s", text, diff)
		}
	}
}

func TestParseURIRefuses(t *testing.T) {
	for text, want := range map[string]oauth.URIError{
		"https://a.example/a b":     {Problem: "illegal character in path", Offset: 19},
		"https://a.example/[x]":     {Problem: "illegal character in path", Offset: 18},
		"https://a.example/?a|b":    {Problem: "illegal character in query", Offset: 20},
		"https://a.example/#a#b":    {Problem: "illegal character in fragment", Offset: 20},
		"https://a.example/%4":      {Problem: "escape without two hex digits in path", Offset: 18},
		"https://a.example/\x00":    {Problem: "illegal character in path", Offset: 18},
		"https://a.example/\u00a0":  {Problem: "illegal character in path", Offset: 18},
		"https://a.example/\xff":    {Problem: "illegal character in path", Offset: 18},
		"https://[::1":              {Problem: "illegal character in authority", Offset: 8},
		"https://user:pa ss@host/":  {Problem: "illegal character in authority", Offset: 15},
		"https://[::1%]/":           {Problem: "illegal character in authority", Offset: 8},
		"https://":                  {Problem: "authority expected", Offset: 8},
		"https:":                    {Problem: "something must follow the scheme", Offset: 6},
		"urn:a b":                   {Problem: "illegal character in opaque part", Offset: 5},
		":x":                        {Problem: "scheme expected", Offset: 0},
		"1a:x":                      {Problem: "illegal character in scheme", Offset: 0},
		"ht_tp://a.example":         {Problem: "illegal character in scheme", Offset: 2},
		"https://a.example/<secret": {Problem: "illegal character in path", Offset: 18},
	} {
		u, err := oauth.ParseURI(text)
		var got *oauth.URIError
		if !errors.As(err, &got) {
			t.Errorf("ParseURI(%q) = %v, %v; want a URIError", text, u, err)
			continue
		}
		if *got != want {
			t.Errorf("ParseURI(%q): got %+v, want %+v", text, *got, want)
		}
		if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "user") {
			t.Errorf("ParseURI(%q): error %q quotes the text", text, err)
		}
	}
}

func FuzzParseURI(f *testing.F) {
	for _, a := range readJavaURIs(f, "testdata/java_uri.json") {
		f.Add(a.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := oauth.ParseURI(text)
		if err != nil {
			return
		}
		if got := u.String(); got != text {
			t.Errorf("ParseURI(%q) puts together %q", text, got)
		}
		checkAuthority(t, u)
		oauth.KindOfHost(u.Host)
	})
}

// checkAuthority demands that the parts of the authority make the whole.
func checkAuthority(t *testing.T, u oauth.URI) {
	t.Helper()
	host, inAuthority := u.Host, u.Authority
	if u.HasUserinfo {
		host = u.Userinfo + "@" + host
	}
	if u.Host != "" && u.Port == oauth.NoPort && strings.TrimSuffix(inAuthority, ":") != host {
		t.Errorf("authority %q is not %q", inAuthority, host)
	}
	if u.Port != oauth.NoPort && !strings.HasPrefix(inAuthority, host+":") {
		t.Errorf("authority %q does not begin with %q and a port", inAuthority, host)
	}
	if u.Host == "" && (u.HasUserinfo || u.Port != oauth.NoPort) {
		t.Errorf("authority %q: parts without a host: %+v", inAuthority, u)
	}
}
