package contexts_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/internal/cli/contexts"
)

// file writes a file of contexts.
func file(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "contexts.yaml")
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadAndWrite(t *testing.T) {
	path := file(t, `
current: prod
contexts:
  prod: {server: "https://sidegate.example", token-file: prod.token, realm: "true"}
  dev:
    server: http://127.0.0.1:8980
    ca-file: /etc/ca.pem
    client-cert: me.pem
    client-key: me.key
    grpc: unix:///run/decision.sock
`, 0o600)
	dir := filepath.Dir(path)
	want := &contexts.File{Path: path, Current: "prod", List: []contexts.Context{
		{
			Name: "dev", Server: "http://127.0.0.1:8980", CAFile: "/etc/ca.pem",
			ClientCert: filepath.Join(dir, "me.pem"), ClientKey: filepath.Join(dir, "me.key"), GRPC: "unix:///run/decision.sock",
		},
		{Name: "prod", Server: "https://sidegate.example", TokenFile: filepath.Join(dir, "prod.token"), Realm: "true"},
	}}
	for range 2 {
		got, err := contexts.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		if err := got.Write(); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".contexts-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAFileThatIsNotThereIsMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "contexts.yaml")
	f, err := contexts.Read(path)
	if err != nil || len(f.List) != 0 {
		t.Fatalf("got %v, %v", f, err)
	}
	if err := errors.Join(f.Set(contexts.Context{Name: "a", Server: "http://127.0.0.1"}), f.Write()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
}

func TestALinkStaysALink(t *testing.T) {
	path := file(t, "", 0o600)
	link := filepath.Join(t.TempDir(), "contexts.yaml")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	f := &contexts.File{Path: link}
	if err := f.Write(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
}

func TestOthersMustNotReachTheFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o601} {
		if _, err := contexts.Read(file(t, "contexts: {}\n", mode)); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("%o: %v", mode, err)
		}
	}
	for _, mode := range []os.FileMode{0o600, 0o400} {
		if _, err := contexts.Read(file(t, "contexts: {}\n", mode)); err != nil {
			t.Errorf("%o: %v", mode, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, tc := range map[string]struct{ content, want string }{
		"unknown key":         {"curent: a\n", `:1:1: unknown key "curent"; did you mean "current"?`},
		"unknown member":      {"contexts:\n  a:\n    sever: x\n", `:3:5: unknown key "sever"; did you mean "server"?`},
		"token":               {"contexts:\n  a: {server: 'http://h', token: sgt_x}\n", "a token is not kept here"},
		"not a text":          {"contexts:\n  a: {server: 1}\n", ":2:15: expected a text, got a number"},
		"empty":               {"contexts:\n  a: {server: ''}\n", ":2:15: expected a text that is not empty"},
		"list":                {"contexts: []\n", ":1:11: expected an object, got a list"},
		"not an object":       {"- a\n", ":1:1: expected an object, got a list"},
		"context":             {"contexts: {a: x}\n", ":1:15: expected an object, got a text"},
		"no server":           {"contexts:\n  a: {realm: r}\n", `:2:3: context "a": expected a server`},
		"key without cert":    {"contexts:\n  a: {server: 'https://h', client-key: k}\n", "belong together"},
		"token for its file":  {"contexts:\n  a: {server: 'https://h', token-file: sgt_abc}\n", "looks like a token"},
		"name":                {"contexts:\n  'a b': {server: 'https://h'}\n", "expected a name"},
		"current is nothing":  {"current: b\ncontexts:\n  a: {server: 'https://h'}\n", `:1:10: current: there is no context "b"`},
		"twice":               {"current: b\ncurrent: b\n", `key "current" is given twice`},
		"more than one wrong": {"a: 1\nb: 1\n", "unknown key \"a\""},
	} {
		path := file(t, tc.content, 0o600)
		_, err := contexts.Read(path)
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want %s", name, err, tc.want)
		}
	}
	_, err := contexts.Read(file(t, "a: 1\nb: 1\n", 0o600))
	if err == nil || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("not all is told: %v", err)
	}
}

func TestLimits(t *testing.T) {
	const limit = 1 << 20
	begin := "contexts: {}\n#"
	if _, err := contexts.Read(file(t, begin+strings.Repeat("x", limit-len(begin)), 0o600)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := contexts.Read(file(t, begin+strings.Repeat("x", limit-len(begin)+1), 0o600)); err == nil {
		t.Error("past the limit: read")
	}
	f := &contexts.File{Path: "x"}
	for i := range 1000 {
		if err := f.Set(contexts.Context{Name: fmt.Sprint("c", i), Server: "http://h"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Set(contexts.Context{Name: "more", Server: "http://h"}); err == nil {
		t.Error("1001 contexts were taken")
	}
	if err := f.Set(contexts.Context{Name: "c7", Server: "http://other"}); err != nil {
		t.Errorf("one of 1000 could not be replaced: %v", err)
	}
	for length, ok := range map[int]bool{255: true, 256: false, 0: false} {
		c := contexts.Context{Name: strings.Repeat("n", length), Server: "http://h"}
		if err := c.Check(); (err == nil) != ok {
			t.Errorf("name of %d: %v", length, err)
		}
	}
	big := &contexts.File{Path: file(t, "", 0o600)}
	for i := range 3 {
		if err := big.Set(contexts.Context{Name: fmt.Sprint("c", i), Server: "http://h", Realm: strings.Repeat("r", limit/2)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := big.Write(); err == nil {
		t.Error("a file was written that could not be read")
	}
}

func TestGetAndDelete(t *testing.T) {
	f := &contexts.File{Path: "f", Current: "prod", List: []contexts.Context{{Name: "prod", Server: "s"}}}
	if _, err := f.Get("prd"); !errors.Is(err, contexts.ErrNotFound) || !strings.Contains(err.Error(), `did you mean "prod"`) {
		t.Errorf("get: %v", err)
	}
	if err := f.Delete("prd"); !errors.Is(err, contexts.ErrNotFound) {
		t.Errorf("delete: %v", err)
	}
	if err := f.Delete("prod"); err != nil || f.Current != "" || len(f.List) != 0 {
		t.Errorf("delete: %v, %+v", err, f)
	}
}

func TestOrTakesCertificateAndKeyFromOnePlace(t *testing.T) {
	got := contexts.Context{ClientCert: "a"}.Or(contexts.Context{Name: "n", Server: "s", ClientCert: "b", ClientKey: "b"})
	if want := (contexts.Context{Name: "n", Server: "s", ClientCert: "a"}); got != want {
		t.Errorf("got %+v", got)
	}
}
