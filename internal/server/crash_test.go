package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// crashRounds is how often the server is killed.
const crashRounds = 20

// crashWriters is how many clients write at the same time.
const crashWriters = 4

// victim is a server in a process of its own.
type victim struct {
	*instance
	process *exec.Cmd
}

// spawn starts a server on the data directory.
func spawn(t *testing.T, dir string) *victim {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var addr string
	if err := json.NewDecoder(out).Decode(&addr); err != nil {
		t.Fatalf("the server did not start: %v, %v", err, cmd.Wait())
	}
	token, err := os.ReadFile(filepath.Join(dir, "bootstrap.token"))
	if err != nil {
		t.Fatal(err)
	}
	i := &instance{http: &http.Client{Transport: &http.Transport{}}, base: "http://" + addr, token: strings.TrimSpace(string(token))}
	return &victim{i, cmd}
}

// kill ends the process as a power cut would.
func (v *victim) kill(t *testing.T) {
	t.Helper()
	if err := v.process.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = v.process.Wait() // it was killed
	v.http.CloseIdleConnections()
}

// writer is a client that writes one new policy after the other.
type writer struct {
	prefix string
	// sent and acknowledged count its policies.
	sent, acknowledged int
}

func (w *writer) name(n int) string { return fmt.Sprintf("%s-%d", w.prefix, n) }

// run writes until a write fails, and tells of every acknowledged one.
func (w *writer) run(ctx context.Context, v *victim, told chan<- struct{}) {
	for {
		body := fmt.Sprintf(`{"name":%q,"enabled":true,"conditions":[{"condition":"any-client"}]}`, w.name(w.sent))
		w.sent++
		if _, err := v.rest(ctx, http.MethodPost, "/v1/realms/r/policies", []byte(body)); err != nil {
			return
		}
		w.acknowledged = w.sent
		select {
		case told <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}

// TestAcknowledgedWritesSurviveAKill kills the server while clients write, starts
// it again, and looks for everything that was acknowledged.
func TestAcknowledgedWritesSurviveAKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts 21 processes")
	}
	dir := t.TempDir()
	v := spawn(t, dir)
	v.must(t, http.MethodPost, "/v1/realms", `{"name":"r"}`)
	var all []*writer
	for round := range crashRounds {
		writers := make([]*writer, crashWriters)
		for n := range writers {
			writers[n] = &writer{prefix: fmt.Sprintf("p-%d-%d", round, n)}
		}
		v.writeAndKill(t, writers, 5+round)
		all = append(all, writers...)
		v = spawn(t, dir)
		check(t, v, all)
	}
	v.kill(t)
}

// writeAndKill lets all writers run and kills the server once that many writes
// were acknowledged, others being under way.
func (v *victim) writeAndKill(t *testing.T, writers []*writer, after int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan struct{})
	var running sync.WaitGroup
	for _, w := range writers {
		running.Go(func() { w.run(ctx, v, told) })
	}
	ended := make(chan struct{})
	go func() {
		running.Wait()
		close(ended)
	}()
	for range after {
		select {
		case <-told:
		case <-ended:
			t.Fatal("every write failed")
		}
	}
	v.kill(t)
	cancel()
	<-ended
}

// check demands every acknowledged policy, and none that nobody sent.
func check(t *testing.T, v *victim, writers []*writer) {
	t.Helper()
	var set struct {
		Policies []struct{ Name string }
	}
	if err := json.Unmarshal(v.must(t, http.MethodGet, "/v1/realms/r/policySet", ""), &set); err != nil {
		t.Fatal(err)
	}
	stored := map[string]bool{}
	for _, p := range set.Policies {
		stored[p.Name] = true
	}
	acknowledged, known := 0, 0
	for _, w := range writers {
		for n := range w.sent {
			if stored[w.name(n)] {
				known++
			} else if n < w.acknowledged {
				t.Errorf("acknowledged and lost: %s", w.name(n))
			}
		}
		acknowledged += w.acknowledged
	}
	if known != len(set.Policies) {
		t.Errorf("%d policies are stored, %d of them were sent", len(set.Policies), known)
	}
	if acknowledged == 0 {
		t.Error("nothing was acknowledged: the test proves nothing")
	}
}
