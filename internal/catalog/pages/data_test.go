package pages_test

import (
	"testing"

	"github.com/sidegate/sidegate/internal/catalog/pages"
)

func TestJudgementsCoverEvents(t *testing.T) {
	for name, c := range map[string]struct {
		on [][]string
		ok bool
	}{
		"each once":     {[][]string{{"REGISTER", "UPDATE"}, {"AUTHORIZATION_REQUEST", "TOKEN_REQUEST"}}, true},
		"all":           {[][]string{{"all"}}, true},
		"and others":    {[][]string{{"REGISTER"}, {"others"}}, true},
		"one left out":  {[][]string{{"REGISTER", "UPDATE", "TOKEN_REQUEST"}}, false},
		"one twice":     {[][]string{{"REGISTER"}, {"REGISTER"}, {"others"}}, false},
		"another event": {[][]string{{"LOGOUT_REQUEST"}, {"others"}}, false},
		"misspelt":      {[][]string{{"REGISTERS"}, {"others"}}, false},
	} {
		if err := pages.Judged("pkce-enforcer", c.on...); (err == nil) != c.ok {
			t.Errorf("%s: got %v, want ok %t", name, err, c.ok)
		}
	}
}

func TestClausesAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		number, asks string
		by, profiles []string
		gap          string
		ok           bool
	}{
		"enforced":        {"5.2", "PKCE", []string{"pkce-enforcer"}, []string{"fapi-1-baseline"}, "", true},
		"a gap":           {"5.2", "PKCE", nil, nil, "nothing", true},
		"no number":       {"", "PKCE", []string{"pkce-enforcer"}, nil, "", false},
		"no demand":       {"5.2", "", []string{"pkce-enforcer"}, nil, "", false},
		"nobody":          {"5.2", "PKCE", nil, nil, "", false},
		"no such one":     {"5.2", "PKCE", []string{"pkce"}, nil, "", false},
		"a condition":     {"5.2", "PKCE", []string{"any-client"}, nil, "", false},
		"no such profile": {"5.2", "PKCE", []string{"pkce-enforcer"}, []string{"fapi-1"}, "", false},
	} {
		if err := pages.Clause(c.number, c.asks, c.by, c.profiles, c.gap); (err == nil) != c.ok {
			t.Errorf("%s: got %v, want ok %t", name, err, c.ok)
		}
	}
}
