package login_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/internal/auth/login"
)

func TestPasswordFiles(t *testing.T) {
	longest := strings.Repeat("x", login.MaxPassword)
	for name, c := range map[string]struct {
		data string
		mode os.FileMode
		want string
	}{
		"plain": {"secret", 0o600, "secret"}, "line": {"secret\n", 0o400, "secret"}, "line of Windows": {"secret\r\n", 0o600, "secret"},
		"blanks": {" secret \n\n", 0o600, " secret \n"}, "longest": {longest + "\r\n", 0o600, longest},
		"too long": {longest + "x\n", 0o600, ""}, "far too long": {strings.Repeat("x", 1<<20), 0o600, ""}, "empty": {"", 0o600, ""}, "a line alone": {"\n", 0o600, ""},
		"group": {"secret", 0o640, ""}, "others": {"secret", 0o604, ""}, "others may write": {"secret", 0o602, ""},
	} {
		file := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(file, []byte(c.data), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, c.mode); err != nil {
			t.Fatal(err)
		}
		got, err := login.ReadPassword(file)
		if string(got) != c.want || (c.want == "") != (err != nil) || err != nil && (!strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := login.ReadPassword(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no file is needed")
	}
}

// The hash costs what it should: somebody who made the tests fast has not made the
// server so.
func TestHashIsSlow(t *testing.T) {
	if login.Rounds < 600_000 {
		t.Errorf("%d rounds of PBKDF2 with SHA-256", login.Rounds)
	}
}
