package profiles_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sidegate/sidegate/pdp/profiles"
)

// The counts are those of a running Keycloak 26.7.3.
func TestBuiltin(t *testing.T) {
	list, err := profiles.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	executors := 0
	for _, p := range list {
		executors += len(p.Executors)
	}
	if len(list) != 10 || executors != 85 {
		t.Errorf("got %d profiles with %d executors, want 10 with 85", len(list), executors)
	}
}

func TestLoad(t *testing.T) {
	own := filepath.Join(t.TempDir(), "own.json")
	write(t, own, `{"profiles":[{"name":"house"}],"policies":[{"name":"all","enabled":true,"profiles":["house"]}]}`)
	for name, want := range map[string][2]int{
		"": {10, 0}, "none": {10, 0}, "lax": {10, 2}, "strict": {10, 3}, own: {11, 1},
	} {
		p, err := profiles.Load(name)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if got := [2]int{len(p.Profiles), len(p.Policies)}; got != want {
			t.Errorf("%q: got %v profiles and policies, want %v", name, got, want)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	write(t, bad, `{"policies":[{"nam":"x"}]}`)
	for _, name := range []string{"laxx", bad, t.TempDir()} {
		if _, err := profiles.Load(name); err == nil {
			t.Errorf("%q: loaded, want an error", name)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
