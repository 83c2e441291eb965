package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// folderServer is a server of a folder, in a process of its own.
type folderServer struct {
	*testing.T
	dir, data, base string
	stop            func()
}

// serveFolder starts a server of a folder with one file.
func serveFolder(t *testing.T, content string) *folderServer {
	t.Helper()
	data, err := os.MkdirTemp("", "sg") // that of the test can be too deep for a socket
	if err != nil {
		t.Fatal(err)
	}
	f := &folderServer{T: t, dir: t.TempDir(), data: data}
	f.write(content)
	cmd := sidegate(t, "serve", "--policies", f.dir, "--data", data, "--admin-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0")
	cmd.Env = os.Environ()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log := bufio.NewScanner(stderr)
	f.base = "http://" + awaitLine(t, log, "ready").Admin
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for log.Scan() {
			t.Log(log.Text())
		}
	}()
	f.stop = func() {
		err := cmd.Process.Signal(syscall.SIGTERM)
		<-drained
		if err := errors.Join(err, cmd.Wait(), os.RemoveAll(data)); err != nil {
			t.Error(err)
		}
	}
	return f
}

func (f *folderServer) write(content string) {
	f.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, "main.yaml"), []byte(content), 0o600); err != nil {
		f.Fatal(err)
	}
}

// do makes a call as the administrator.
func (f *folderServer) do(method, path, body string) (int, string) {
	f.Helper()
	token, err := os.ReadFile(filepath.Join(f.data, "bootstrap.token"))
	if err != nil {
		f.Fatal(err)
	}
	req, err := http.NewRequestWithContext(f.Context(), method, f.base+path, strings.NewReader(body))
	if err != nil {
		f.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		f.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// await asks until an answer holds a text.
func (f *folderServer) await(path, want string) {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		_, answer := f.do(http.MethodGet, path, "")
		if strings.Contains(answer, want) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			f.Fatalf("%s never held %q: %s", path, want, answer)
		}
	}
}

// drift runs diff --dir and returns its exit code and output.
func (f *folderServer) drift() (int, string) {
	f.Helper()
	cmd := sidegate(f.T, "diff", "--dir", f.dir, "--server", f.base, "--token-file", filepath.Join(f.data, "bootstrap.token"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// TestServePolicies serves a folder, changes it well and badly, and tries to
// write past it.
func TestServePolicies(t *testing.T) {
	f := serveFolder(t, "settings: {requireIfMatch: true}\npolicies: [{name: first, enabled: true, conditions: [{condition: any-client}]}]\n")
	defer f.stop()
	set := "/v1/realms/main/policySet"
	f.await(set, `"first"`)
	if code, out := f.drift(); code != 0 || !strings.Contains(out, "no drift") {
		t.Errorf("what is served drifts (%d): %s", code, out)
	}
	for _, call := range [][]string{
		{http.MethodPut, set + "?force=true", `{"profiles":[],"policies":[]}`},
		{http.MethodPost, "/v1/realms", `{"name":"other"}`},
		{http.MethodDelete, "/v1/realms/main?force=true", ""},
		{http.MethodPatch, "/v1/realms/main", `{"settings":{"requireIfMatch":false}}`},
		{http.MethodPost, "/v1/realms/main/policies", `{"name":"x"}`},
	} {
		code, answer := f.do(call[0], call[1], call[2])
		var problem struct{ Reason, Detail string }
		if err := json.Unmarshal([]byte(answer), &problem); err != nil || code < 400 || problem.Reason != "READ_ONLY" || !strings.Contains(problem.Detail, f.dir) {
			t.Errorf("%s %s: got %d %s", call[0], call[1], code, answer)
		}
	}
	f.write("policies: [{name: second}]\n")
	f.await(set, `"second"`)
	f.write("policies: [{name: third, mode: LAX}]\n")
	if code, out := f.drift(); code != 11 || !strings.Contains(out, `+ policy "third"`) {
		t.Errorf("what is not taken does not drift (%d): %s", code, out)
	}
	f.write("policies: [{name: fourth}]\n")
	f.await(set, `"fourth"`)
	f.await("/v1/realms/main/revisions", "changed main.yaml")
	if _, answer := f.do(http.MethodGet, "/v1/realms/main/revisions", ""); strings.Contains(answer, `"totalSize":4`) {
		t.Errorf("the broken state became a revision: %s", answer)
	}
}
