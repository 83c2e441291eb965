package config_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/internal/config"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

const page = "../../docs/configuration.md"

// documented are the keys of the page, with their defaults.
func documented(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(line, " | ")
		if len(cells) < 3 || !strings.HasPrefix(line, "| `") {
			continue
		}
		names, presets := strings.Split(strings.TrimPrefix(cells[0], "| "), ", "), strings.Split(cells[1], ", ")
		for i, name := range names {
			name = strings.Trim(name, "`")
			if _, twice := keys[name]; twice {
				t.Errorf("%s: %s stands twice", page, name)
			}
			keys[name] = strings.Trim(presets[min(i, len(presets)-1)], "`")
		}
	}
	return keys
}

// TestPageHasEveryKey compares the page with the flags.
func TestPageHasEveryKey(t *testing.T) {
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags)
	keys := documented(t)
	flags.VisitAll(func(f *pflag.Flag) {
		preset, there := keys[f.Name]
		delete(keys, f.Name)
		switch {
		case f.Name == config.ConfigFlag:
		case !there:
			t.Errorf("%s: %s is missing", page, f.Name)
		case f.DefValue != "" && preset != f.DefValue:
			t.Errorf("%s: the default of %s is %s, not %s", page, f.Name, f.DefValue, preset)
		case f.DefValue == "" && preset != "none" && preset != "required" && preset != "0 and the server's own" && !strings.HasPrefix(preset, "DATA/"):
			t.Errorf("%s: %s has no default, not %s", page, f.Name, preset)
		}
	})
	for name := range keys {
		t.Errorf("%s: there is no key %s", page, name)
	}
}

// TestExamplesOfThePage loads every example, with files that exist.
func TestExamplesOfThePage(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	files := someFiles(t)
	parts := strings.Split(string(data), "```")
	if len(parts) != 5 {
		t.Fatalf("%d examples, want 2", len(parts)/2)
	}
	for i := 1; i < len(parts); i += 2 {
		example, ok := strings.CutPrefix(parts[i], "yaml\n")
		if !ok {
			t.Fatalf("example %d is no YAML", i/2)
		}
		example = strings.NewReplacer("/etc/sidegate/login-ca.pem", files.Replace("$CA"), "/etc/sidegate/ada.password", files.Replace("$PASSWORD")).Replace(example)
		var known map[string]any
		if err := yaml.Unmarshal([]byte(example), &known); err != nil {
			t.Fatal(err)
		}
		args := []string{"--config", file(t, "c.yaml", example)}
		if known["data"] == nil {
			args = append(args, "--data=d", "--admin-client-ca", files.Replace("$CA"), "--admin-tls-cert", files.Replace("$PEM"), "--admin-tls-key", files.Replace("$PEM"))
		}
		if _, err := load(t, args, nil); err != nil {
			t.Errorf("example %d: %v", i/2, err)
		}
	}
}
