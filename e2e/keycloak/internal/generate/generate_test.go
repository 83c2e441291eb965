package generate

import (
	"testing"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/policyset"
)

func TestConfused(t *testing.T) {
	type configuration = map[string]any
	for name, tt := range map[string]struct {
		a, b configuration
		want bool
	}{
		"number and boolean": {configuration{"auto-configure": 1}, configuration{"auto-configure": false}, true},
		"true and false":     {configuration{"auto-configure": true}, configuration{"auto-configure": false}, false},
		"the same":           {configuration{"auto-configure": true}, configuration{"auto-configure": true}, false},
		"two flags": {configuration{"allow-http-scheme": true, "allow-wildcard-context-path": false},
			configuration{"allow-http-scheme": false, "allow-wildcard-context-path": true}, true},
		"lists": {configuration{"roles": []string{"a"}}, configuration{"roles": []string{"b"}}, false},
	} {
		got, err := confused(policyset.Set{Profiles: []policyset.Profile{{Executors: []policyset.Executor{
			{ID: "x", Configuration: tt.a}, {ID: "x", Configuration: tt.b}}}}})
		if err != nil || got != tt.want {
			t.Errorf("%s: got %v %v, want %v", name, got, err, tt.want)
		}
	}
}
