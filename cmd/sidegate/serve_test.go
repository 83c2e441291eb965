package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// sidegate is the command, run in a process of its own.
func sidegate(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Args = append([]string{"sidegate"}, args...)
	return cmd
}

// logLine is a line of the server's log.
type logLine struct {
	Msg     string `json:"msg"`
	Version string `json:"version"`
	Admin   string `json:"admin-addr"`
	Ops     string `json:"ops-addr"`
}

// awaitLine reads the log up to a message.
func awaitLine(t *testing.T, log *bufio.Scanner, msg string) logLine {
	t.Helper()
	for log.Scan() {
		var line logLine
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatalf("log line %q: %v", log.Text(), err)
		}
		if line.Msg == msg {
			return line
		}
	}
	t.Fatalf("the log ended before %q: %v", msg, log.Err())
	return logLine{}
}

// TestServe starts the command, asks it, and ends it by both signals.
func TestServe(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "d")
			cmd := sidegate(t, "serve", "--admin-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0")
			cmd.Env = append(os.Environ(), "SIDEGATE_DATA="+dir)
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			log := bufio.NewScanner(stderr)
			ready := awaitLine(t, log, "ready")
			if ready.Version == "" {
				t.Error("no version")
			}
			if code := get(t, "http://"+ready.Ops+"/readyz"); code != http.StatusOK {
				t.Errorf("readyz: %d", code)
			}
			if code := get(t, "http://"+ready.Admin+"/v1/realms"); code != http.StatusUnauthorized {
				t.Errorf("realms: %d", code)
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			awaitLine(t, log, "stopped")
			if err := cmd.Wait(); err != nil {
				t.Errorf("exit: %v", err)
			}
		})
	}
}

func get(t *testing.T, url string) int {
	t.Helper()
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

// TestServeFailure wants one line of log, exit code 1 and nothing twice.
func TestServeFailure(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "decision.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := sidegate(t, "serve", "--data", dir, "--admin-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	err := cmd.Run()
	if cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("exit: %v", err)
	}
	if n := strings.Count(stderr.String(), "no socket"); n != 1 {
		t.Errorf("the reason is told %d times:\n%s", n, stderr.String())
	}
}
