package oauth_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

// javaURI is what java.net.URI of Java 17 says of a text; nil means none.
type javaURI struct {
	Scheme, Userinfo, Host *string
	Port                   int
	Path, Query, Fragment  *string
	Authority              *string
	Opaque                 bool
}

// TestParseURIAgreesWithJava replays testdata/java_uri.json. Each line is a text
// and, unless java.net.URI throws, getScheme, getRawUserInfo, getHost, getPort,
// getRawPath, getRawQuery, getRawFragment, getRawAuthority and isOpaque.
func TestParseURIAgreesWithJava(t *testing.T) {
	answers := readJavaURIs(t, "testdata/java_uri.json")
	refused := 0
	for _, a := range answers {
		u, err := oauth.ParseURI(a.text)
		if a.uri == nil {
			refused++
		}
		if got, want := viewAsJava(u, err), a.uri; !cmp.Equal(got, want) {
			t.Errorf("ParseURI(%q): err %v, (-java +ours)\n%s", a.text, err, cmp.Diff(want, got))
		}
	}
	if len(answers) < 1000 || refused < 300 || len(answers)-refused < 300 {
		t.Errorf("%d answers, %d of them refusals: too few to prove anything", len(answers), refused)
	}
}

func viewAsJava(u oauth.URI, err error) *javaURI {
	if err != nil {
		return nil
	}
	v := &javaURI{
		Scheme: some(u.Scheme, u.Scheme != ""), Userinfo: some(u.Userinfo, u.HasUserinfo),
		Host: some(u.Host, u.Host != ""), Port: u.Port, Path: some(u.Path, u.Opaque == ""),
		Query: some(u.Query, u.HasQuery), Fragment: some(u.Fragment, u.HasFragment),
		Authority: some(u.Authority, u.Authority != ""), Opaque: u.Opaque != "",
	}
	return v
}

func some(s string, there bool) *string {
	if !there {
		return nil
	}
	return &s
}

type javaAnswer struct {
	text string
	uri  *javaURI
}

func readJavaURIs(t testing.TB, file string) (answers []javaAnswer) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines [][]json.RawMessage
	if err := json.Unmarshal(data, &lines); err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		answers = append(answers, readJavaURI(t, line))
	}
	return answers
}

func readJavaURI(t testing.TB, line []json.RawMessage) (a javaAnswer) {
	t.Helper()
	targets := []any{&a.text}
	if len(line) > 1 {
		a.uri = new(javaURI)
		targets = append(targets, &a.uri.Scheme, &a.uri.Userinfo, &a.uri.Host, &a.uri.Port, &a.uri.Path,
			&a.uri.Query, &a.uri.Fragment, &a.uri.Authority, &a.uri.Opaque)
	}
	if len(line) != len(targets) {
		t.Fatalf("%s: expected 1 or 10 members", line)
	}
	for i, target := range targets {
		if err := json.Unmarshal(line[i], target); err != nil {
			t.Fatalf("%s: %v", line[i], err)
		}
	}
	return a
}
