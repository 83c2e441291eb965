package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/sidegate/sidegate/internal/config"
	"github.com/sidegate/sidegate/internal/server"
)

// TestChangedSettingsAreAudited starts a server anew with other settings on one data
// directory: the audit stream tells which keys, and no value.
func TestChangedSettingsAreAudited(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	before := map[string]string{"log-level": "info", "egress": "allow", "gone": "x"}
	startWith(t, configure(t, dir), before).stop(t)
	startWith(t, configure(t, dir), before).stop(t)
	startWith(t, configure(t, dir), map[string]string{"log-level": "debug", "egress": "allow", "new": "precious"}).stop(t)
	if err := os.WriteFile(filepath.Join(dir, "settings.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	i := startWith(t, configure(t, dir), before)
	want := []string{"first start on this data directory", "changed: gone, log-level, new", "the settings of the last start cannot be read"}
	if got := i.changes(t, len(want)); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if info, err := os.Stat(filepath.Join(dir, "settings.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
}

// changes are the details of n audit records on the configuration, oldest first.
func (i *instance) changes(t *testing.T, n int) []string {
	t.Helper()
	var list struct {
		AuditRecords []struct{ Detail string }
	}
	for until := time.Now().Add(time.Minute); ; {
		answer := i.must(t, http.MethodGet, "/v1/auditRecords?filter=kind%3DCONFIGURATION_CHANGED", "")
		if strings.Contains(string(answer), "precious") {
			t.Error("a value is told")
		}
		if err := json.Unmarshal(answer, &list); err != nil {
			t.Fatal(err)
		}
		if len(list.AuditRecords) >= n || time.Now().After(until) {
			break
		}
	}
	var details []string
	for _, r := range slices.Backward(list.AuditRecords) {
		details = append(details, r.Detail)
	}
	return details
}

// startWith runs a server with settings until the test ends.
func startWith(t *testing.T, c config.Config, settings map[string]string) *instance {
	t.Helper()
	return startOptions(t, c, server.Options{Log: zap.NewNop(), Version: "test", Settings: settings})
}

// TestFolderWithoutData serves policies from files with nothing else given: what it
// needs besides is made for the run, private, and gone with it.
func TestFolderWithoutData(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	realms := t.TempDir()
	if err := os.WriteFile(filepath.Join(realms, "r.json"), []byte(`{"profiles":[],"policies":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := configure(t, t.TempDir())
	c.Policies, c.EphemeralData = realms, true
	c.Data, c.DecisionSocket, c.BootstrapTokenFile, c.DecisionLog.File = "", "", "", ""
	ctx, cancel := context.WithCancel(t.Context())
	done, ready := make(chan error, 1), make(chan server.Addresses, 1)
	go func() {
		done <- server.Run(ctx, c, server.Options{Log: zap.NewNop(), Ready: func(a server.Addresses) { ready <- a }})
	}()
	var at server.Addresses
	select {
	case at = <-ready:
	case err := <-done:
		cancel()
		t.Fatal(err)
	}
	dir := filepath.Dir(at.Socket)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 || filepath.Dir(dir) != os.TempDir() {
		t.Error(dir, info, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is left behind: %v", dir, err)
	}
}
