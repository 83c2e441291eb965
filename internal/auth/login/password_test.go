package login_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/sidegate/sidegate/internal/auth"
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

// Whether there is a user shows in the time of an answer as little as in the answer.
func TestUnknownUsersTakeAsLong(t *testing.T) {
	server, err := login.New(login.Options{Reporter: auth.NewReporter(zap.NewNop(), nil), Users: []login.User{
		{Name: "alice", Password: []byte(secret), Roles: map[string]auth.Role{auth.AllRealms: auth.Admin}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{Server: server, from: "192.0.2.1:1"}
	took := map[string]time.Duration{}
	for _, name := range []string{"alice", "nobody", "alice", "nobody"} {
		begin := time.Now()
		if status, _ := s.guess(t, name, "x"); status != http.StatusBadRequest {
			t.Fatal(status)
		}
		// The faster of two, since others work on this machine too.
		if d := time.Since(begin); took[name] == 0 || d < took[name] {
			took[name] = d
		}
	}
	if took["nobody"] < took["alice"]/4 || took["alice"] < took["nobody"]/4 {
		t.Error(took)
	}
}

// The hash costs what it should: somebody who made the tests fast has not made the
// server so.
func TestHashIsSlow(t *testing.T) {
	if login.Rounds < 600_000 {
		t.Errorf("%d rounds of PBKDF2 with SHA-256", login.Rounds)
	}
}
