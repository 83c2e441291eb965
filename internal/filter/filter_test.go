package filter_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sidegate/sidegate/internal/filter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var known = []string{"enabled", "executor", "profile"}

func TestParse(t *testing.T) {
	for s, want := range map[string][]filter.Term{
		"":                             nil,
		"enabled=true":                 {{"enabled", "true"}},
		"enabled=true AND executor=a":  {{"enabled", "true"}, {"executor", "a"}},
		"executor=a=b":                 {{"executor", "a=b"}},
		`executor=a"b`:                 {{"executor", `a"b`}},
		`executor=\`:                   {{"executor", `\`}},
		"executor=a and enabled=b":     {{"executor", "a and enabled=b"}},
		"executor=aAND b":              {{"executor", "aAND b"}},
		"executor=AND":                 {{"executor", "AND"}},
		"executor=AND AND profile=AND": {{"executor", "AND"}, {"profile", "AND"}},
		`profile=" a "`:                {{"profile", " a "}},
		`profile="a AND b=c"`:          {{"profile", "a AND b=c"}},
		`profile="\"\\" AND enabled=x`: {{"profile", `"\`}, {"enabled", "x"}},
		`profile="a AND" AND enabled=x`: {
			{"profile", "a AND"}, {"enabled", "x"},
		},
		"profile=größe\t": {{"profile", "größe\t"}},
	} {
		got, err := filter.Parse(s, known)
		if err != nil {
			t.Errorf("%q: %v", s, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: -want +got\n%s", s, d)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for s, want := range map[string]string{
		" ":                             `at character 1: expected key=value, got " "`,
		"enabled":                       `at character 1: expected key=value, got "enabled"; did you mean "enabled"?`,
		"=true":                         `at character 1: unknown key ""`,
		"enabeld=true":                  `at character 1: unknown key "enabeld"; did you mean "enabled"?`,
		"Enabled=true":                  `at character 1: unknown key "Enabled"; did you mean "enabled"?`,
		" enabled=true":                 `at character 1: unknown key " enabled"; did you mean "enabled"?`,
		"colour-of-it=red":              `at character 1: unknown key "colour-of-it"; known are enabled, executor, profile`,
		"enabled=true AND x":            `at character 18: expected key=value, got "x"`,
		"enabled=true AND enabled=true": `at character 18: the key "enabled" stands twice`,
		"profile=ü AND executor=":       `at character 24: the value of "executor" is empty`,
		"enabled= AND executor=a":       `at character 9: the value of "enabled" is empty`,
		`enabled="" AND executor=a`:     `at character 10: the value is empty`,
		"enabled=true ":                 `at character 9: the value of "enabled" begins or ends with a blank`,
		"enabled= true":                 `at character 9: the value of "enabled" begins or ends with a blank`,
		"enabled=true AND ":             `at character 18: expected key=value, got ""`,
		"enabled=true AND":              `at character 9: the value of "enabled" is followed by AND and no other term`,
		" AND enabled=true":             `at character 1: expected key=value, got ""`,
		`profile="a`:                    `at character 9: the quoted value has no end`,
		`profile="a\`:                   `at character 11: in quotes, \ stands before`,
		`profile="a\n"`:                 `at character 11: in quotes, \ stands before`,
		`profile="a"b`:                  "at character 12: expected the end or ` AND `",
		`profile="a" AND `:              "at character 12: expected the end or ` AND ` and another term",
		"profile=\xff":                  "is not valid UTF-8",
		strings.Repeat("x", 100) + "=1": "…\"; known are",
		"profile=" + strings.Repeat("x", filter.MaxBytes-7): "has 4097 bytes, at most 4096",
	} {
		terms, err := filter.Parse(s, known)
		if err == nil || terms != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, %v, want %q", s, terms, err, want)
		}
	}
}

func TestLimits(t *testing.T) {
	longest := "profile=" + strings.Repeat("x", filter.MaxBytes-8)
	if _, err := filter.Parse(longest, known); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	var keys []string
	var terms []filter.Term
	for i := range filter.MaxTerms + 1 {
		keys = append(keys, fmt.Sprint("key", i))
		terms = append(terms, filter.Term{Key: keys[i], Value: "v"})
	}
	got, err := filter.Parse(filter.Join(terms[:filter.MaxTerms]...), keys)
	if err != nil || len(got) != filter.MaxTerms {
		t.Errorf("at the limit: got %d terms, %v", len(got), err)
	}
	if _, err := filter.Parse(filter.Join(terms...), keys); err == nil || !strings.Contains(err.Error(), "more than 16 terms") {
		t.Errorf("one past the limit: %v", err)
	}
}

// Terms survive being spelled out and read again.
func FuzzParse(f *testing.F) {
	f.Add(`enabled=true AND profile="a AND \"b\" " AND executor=x=y`)
	f.Add(`profile="\\" AND executor=AND`)
	f.Add(`profile=a AND`)
	f.Fuzz(func(t *testing.T, s string) {
		terms, err := filter.Parse(s, known)
		if err != nil {
			return
		}
		again, err := filter.Parse(filter.Join(terms...), known)
		if err != nil {
			t.Fatalf("%q, spelled %q: %v", s, filter.Join(terms...), err)
		}
		if d := cmp.Diff(terms, again); d != "" {
			t.Fatalf("%q, spelled %q: -want +got\n%s", s, filter.Join(terms...), d)
		}
	})
}

// Every text can be a value.
func FuzzTerm(f *testing.F) {
	for _, v := range []string{"a", " ", `"`, `\`, "a AND b", "a AND", " AND", `"\" AND "`} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		want := []filter.Term{{Key: "profile", Value: value}, {Key: "enabled", Value: "true"}}
		got, err := filter.Parse(filter.Join(want...), known)
		if err != nil {
			if value != "" && len(value) < 1000 && strings.ToValidUTF8(value, "") == value {
				t.Fatalf("%q: %v", value, err)
			}
			return
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("-want +got\n%s", d)
		}
	})
}
