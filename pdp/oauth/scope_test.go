package oauth_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

// The expected words are those of Java's String.split.
func TestWords(t *testing.T) {
	for text, want := range map[string][]string{
		"openid":        {"openid"},
		"openid email":  {"openid", "email"},
		"openid  email": {"openid", "", "email"},
		" openid":       {"", "openid"},
		"openid  ":      {"openid"},
		"":              {""},
		" ":             nil,
		"a\tb\nc":       {"a\tb\nc"},
	} {
		if got := slices.Collect(oauth.Words(text)); !cmp.Equal(got, want) {
			t.Errorf("Words(%q) = %q, want %q", text, got, want)
		}
		for _, w := range want {
			if !oauth.HasWord(text, w) {
				t.Errorf("HasWord(%q, %q) = false", text, w)
			}
		}
	}
	for text, word := range map[string]string{"OPENID": "openid", "openidx": "openid", "x-openid": "openid", "": "openid", "openid": "", "a b": "a b"} {
		if oauth.HasWord(text, word) {
			t.Errorf("HasWord(%q, %q) = true", text, word)
		}
	}
	for range oauth.Words("a b c") {
		break // the iterator must stop with its loop
	}
}

// The expected values are those of Java's Pattern.split by `\s*##\s*`.
func TestSplitList(t *testing.T) {
	for text, want := range map[string][]string{
		"https://a##https://b":     {"https://a", "https://b"},
		"https://a ## \thttps://b": {"https://a", "https://b"},
		" a ## b ":                 {" a", "b "},
		"a":                        {"a"},
		"":                         {""},
		" ":                        {" "},
		"##":                       {},
		"####":                     {},
		"a##":                      {"a"},
		"a## ":                     {"a"},
		"##a":                      {"", "a"},
		"a## ##b":                  {"a", "", "b"},
		"a###b":                    {"a", "#b"},
		"a#b":                      {"a#b"},
		"a\v##\f b":                {"a", "b"},
		"a\u00a0##b":               {"a\u00a0", "b"},
		"-##+":                     {"-", "+"},
	} {
		if got := oauth.SplitList(text); !cmp.Equal(got, want) {
			t.Errorf("SplitList(%q) = %q, want %q", text, got, want)
		}
	}
}
