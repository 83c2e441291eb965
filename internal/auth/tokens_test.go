package auth_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/sidegate/sidegate/internal/auth"
)

func open(t *testing.T, dir string) *auth.Tokens {
	t.Helper()
	tokens, err := auth.OpenTokens(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func create(t *testing.T, tokens *auth.Tokens, name string, role auth.Role, realms ...string) (string, auth.Token) {
	t.Helper()
	secret, made, err := tokens.Create(auth.Token{Name: name, Role: role, Realms: realms})
	if err != nil {
		t.Fatal(err)
	}
	return secret, made
}

func TestTokenLife(t *testing.T) {
	dir := t.TempDir()
	tokens := open(t, dir)
	secret, made := create(t, tokens, "ci", auth.Editor, "a", "b")
	if !strings.HasPrefix(secret, "sgt_") || len(secret) != 47 || made.ID == "" || made.Created.IsZero() {
		t.Fatal(secret, made)
	}
	p, err := open(t, dir).Authenticate(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	if p.Author() != "token:ci" || p.Role("a") != auth.Editor || p.Role("b") != auth.Editor || p.Role("c") != auth.NoRole {
		t.Fatal(p)
	}
	data, err := os.ReadFile(filepath.Join(dir, "tokens.json"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), secret[4:]) {
		t.Fatal("the file holds the secret")
	}
	// Another process ends the token: this one notices at once.
	if err := open(t, dir).Revoke(made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Authenticate(t.Context(), secret); !errors.Is(err, auth.ErrUnknownToken) {
		t.Fatal(err)
	}
	if err := tokens.Revoke(made.ID); !errors.Is(err, auth.ErrTokenNotFound) {
		t.Fatal(err)
	}
}

func TestTokenFileMode(t *testing.T) {
	dir := t.TempDir()
	tokens := open(t, dir)
	secret, _ := create(t, tokens, "n", auth.Viewer, "*")
	path := filepath.Join(dir, "tokens.json")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v", info.Mode())
	}
	for _, mode := range []os.FileMode{0o640, 0o602, 0o604} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := auth.OpenTokens(dir, time.Now); err == nil || !strings.Contains(err.Error(), "0600") {
			t.Errorf("mode %v: %v", mode, err)
		}
		if _, err := tokens.Authenticate(t.Context(), secret); err == nil {
			t.Errorf("mode %v lets somebody in", mode)
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Authenticate(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
}

func TestRefusedTokens(t *testing.T) {
	tokens := open(t, t.TempDir())
	create(t, tokens, "taken", auth.Viewer, "*")
	for name, spec := range map[string]auth.Token{
		"no name":         {Role: auth.Viewer, Realms: []string{"a"}},
		"long name":       {Name: strings.Repeat("x", 256), Role: auth.Viewer, Realms: []string{"a"}},
		"line in name":    {Name: "a\nb", Role: auth.Viewer, Realms: []string{"a"}},
		"no UTF-8":        {Name: "\xff", Role: auth.Viewer, Realms: []string{"a"}},
		"no role":         {Name: "n", Realms: []string{"a"}},
		"unknown role":    {Name: "n", Role: 9, Realms: []string{"a"}},
		"no realm":        {Name: "n", Role: auth.Viewer},
		"empty realm":     {Name: "n", Role: auth.Viewer, Realms: []string{""}},
		"impossible":      {Name: "n", Role: auth.Viewer, Realms: []string{"a/b"}},
		"all and one":     {Name: "n", Role: auth.Viewer, Realms: []string{"*", "a"}},
		"expired already": {Name: "n", Role: auth.Viewer, Realms: []string{"a"}, Expires: time.Unix(1, 0)},
		"taken":           {Name: "taken", Role: auth.Viewer, Realms: []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := tokens.Create(spec); err == nil {
				t.Fatal("made")
			}
			if list, err := tokens.List(); err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
		})
	}
}

func TestDamagedTokenFile(t *testing.T) {
	for name, spoil := range map[string]func(map[string]any){
		"version":        func(f map[string]any) { f["version"] = 2 },
		"unknown member": func(f map[string]any) { f["colour"] = "red" },
		"role":           func(f map[string]any) { tokenIn(f)["role"] = "king" },
		"hash":           func(f map[string]any) { tokenIn(f)["hash"] = "12" },
		"hash digits":    func(f map[string]any) { tokenIn(f)["hash"] = strings.Repeat("zz", 32) },
		"realms":         func(f map[string]any) { tokenIn(f)["realms"] = []string{} },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tokens := open(t, dir)
			secret, _ := create(t, tokens, "n", auth.Admin, "*")
			path := filepath.Join(dir, "tokens.json")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var f map[string]any
			if err := json.Unmarshal(data, &f); err != nil {
				t.Fatal(err)
			}
			spoil(f)
			if data, err = json.Marshal(f); err != nil {
				t.Fatal(err)
			}
			refused(t, dir, tokens, secret, data)
		})
	}
	t.Run("trailing data", func(t *testing.T) {
		dir := t.TempDir()
		tokens := open(t, dir)
		secret, _ := create(t, tokens, "n", auth.Admin, "*")
		data, err := os.ReadFile(filepath.Join(dir, "tokens.json"))
		if err != nil {
			t.Fatal(err)
		}
		refused(t, dir, tokens, secret, append(data, "{}"...))
	})
}

func tokenIn(f map[string]any) map[string]any { return f["tokens"].([]any)[0].(map[string]any) }

// refused checks that a file lets nobody in and cannot be written over.
func refused(t *testing.T, dir string, tokens *auth.Tokens, secret string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "tokens.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.OpenTokens(dir, time.Now); err == nil {
		t.Error("opened")
	}
	if _, err := tokens.Authenticate(t.Context(), secret); err == nil || errors.Is(err, auth.ErrUnknownToken) {
		t.Error(err)
	}
	if _, _, err := tokens.Create(auth.Token{Name: "m", Role: auth.Admin, Realms: []string{"*"}}); err == nil {
		t.Error("written over")
	}
}

// Tokens that several processes make at once are all kept.
func TestConcurrentCreation(t *testing.T) {
	dir := t.TempDir()
	var running sync.WaitGroup
	for i := range 8 {
		tokens := open(t, dir)
		running.Go(func() {
			for n := range 4 {
				if _, _, err := tokens.Create(auth.Token{Name: fmt.Sprint(i, "-", n), Role: auth.Viewer, Realms: []string{"*"}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	list, err := open(t, dir).List()
	if err != nil || len(list) != 32 {
		t.Fatal(len(list), err)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".tokens-*"))
	if err != nil || len(left) > 0 {
		t.Fatal(left, err)
	}
}

func bootstrap(t *testing.T, dir, file string) (*observer.ObservedLogs, error) {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	return logs, open(t, dir).Bootstrap(file, zap.New(core))
}

func readSecret(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(data), "\n")
}

func TestBootstrap(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "admin-token")
	logs, err := bootstrap(t, dir, file)
	if err != nil {
		t.Fatal(err)
	}
	secret := readSecret(t, file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	p, err := open(t, dir).Authenticate(t.Context(), secret)
	if err != nil || p.Role("anything") != auth.Admin {
		t.Fatal(p, err)
	}
	if strings.Contains(fmt.Sprint(logs.All()), secret[4:]) {
		t.Error("the token is in the log")
	}
	// Later starts do nothing.
	if logs, err = bootstrap(t, dir, file); err != nil || logs.Len() != 0 || readSecret(t, file) != secret {
		t.Fatal(logs.All(), err)
	}
	// The file is gone: the log says how to recover, and that works.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	logs, err = bootstrap(t, dir, file)
	if err != nil || logs.Len() != 1 || !strings.Contains(fmt.Sprint(logs.All()[0].ContextMap()), filepath.Join(dir, "tokens.json")) {
		t.Fatal(logs.All(), err)
	}
	if err := os.Remove(filepath.Join(dir, "tokens.json")); err != nil {
		t.Fatal(err)
	}
	if _, err = bootstrap(t, dir, file); err != nil || readSecret(t, file) == secret {
		t.Fatal(err)
	}
}

// A file that is there is never written over, and no token is made.
func TestBootstrapKeepsFiles(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "admin-token")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bootstrap(t, dir, file); err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "move it away") {
		t.Fatal(err)
	}
	if readSecret(t, file) != "mine" {
		t.Error("written over")
	}
	if list, err := open(t, dir).List(); err != nil || len(list) != 0 {
		t.Fatal(list, err)
	}
}

// An administrator who takes all administrators' tokens away means it.
func TestBootstrapOnce(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "admin-token")
	if _, err := bootstrap(t, dir, file); err != nil {
		t.Fatal(err)
	}
	tokens := open(t, dir)
	list, err := tokens.List()
	if err != nil {
		t.Fatal(err)
	}
	if err := tokens.Revoke(list[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	logs, err := bootstrap(t, dir, file)
	if err != nil || logs.FilterMessageSnippet("token create").Len() != 1 {
		t.Fatal(logs.All(), err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a token was made again")
	}
}

// An administrator's token that was made by hand is enough.
func TestBootstrapNotNeeded(t *testing.T) {
	dir := t.TempDir()
	create(t, open(t, dir), "mine", auth.Admin, "*")
	file := filepath.Join(t.TempDir(), "admin-token")
	if _, err := bootstrap(t, dir, file); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a token was made")
	}
}

func TestTokensRevoked(t *testing.T) {
	tokens := open(t, t.TempDir())
	first, _ := create(t, tokens, "first", auth.Viewer, "*")
	second, made := create(t, tokens, "second", auth.Viewer, "*")
	if err := tokens.Revoke(made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Authenticate(t.Context(), first); err != nil {
		t.Error(err)
	}
	if _, err := tokens.Authenticate(t.Context(), second); !errors.Is(err, auth.ErrUnknownToken) {
		t.Error(err)
	}
	if _, err := tokens.Authenticate(t.Context(), strings.Repeat("x", 1<<20)); !errors.Is(err, auth.ErrUnknownToken) {
		t.Error(err)
	}
}
