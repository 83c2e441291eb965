package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTime = 30 * time.Second
	stopTime  = 15 * time.Second
	pollTime  = 20 * time.Millisecond
	// maxSocketPath is the least limit of the systems there are.
	maxSocketPath = 103
)

// sidegate is the decision point as a process of its own.
type sidegate struct {
	cmd    *exec.Cmd
	done   chan struct{} // closed when the process has ended
	err    error         // how it ended
	log    string
	admin  string // base URL
	socket string
	token  string // file
	stop   func() error
}

// startSidegate starts the binary on free loopback ports and waits until it
// reports itself ready.
func startSidegate(ctx context.Context, binary, dir string) (*sidegate, error) {
	path, err := filepath.Abs(binary)
	if err != nil {
		return nil, fmt.Errorf("find sidegate: %w", err)
	}
	g := &sidegate{
		done:   make(chan struct{}),
		log:    filepath.Join(dir, "sidegate.log"),
		socket: filepath.Join(dir, "decision.sock"),
		token:  filepath.Join(dir, "admin.token"),
	}
	if len(g.socket) > maxSocketPath {
		return nil, fmt.Errorf("socket %q: %d characters, at most %d are possible: give a shorter --dir", g.socket, len(g.socket), maxSocketPath)
	}
	admin, ops, err := freePorts()
	if err != nil {
		return nil, err
	}
	g.admin = "http://" + admin
	g.cmd = exec.Command(path, "serve", //nolint:gosec // the operator names the binary
		"--data", filepath.Join(dir, "data"), "--decision-socket", g.socket,
		"--admin-addr", admin, "--ops-addr", ops, "--bootstrap-token-file", g.token)
	g.stop = sync.OnceValue(g.terminate)
	if err := g.launch(); err != nil {
		return nil, err
	}
	if err := g.waitReady(ctx, "http://"+ops+"/readyz"); err != nil {
		return nil, errors.Join(err, g.stop())
	}
	return g, nil
}

// launch starts the process with its output in a file and waits for its end in
// the background.
func (g *sidegate) launch() error {
	out, err := os.OpenFile(g.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	g.cmd.Stdout, g.cmd.Stderr = out, out
	detach(g.cmd)
	if err := g.cmd.Start(); err != nil {
		_ = out.Close()
		return fmt.Errorf("start sidegate: %w", err)
	}
	go func() {
		defer close(g.done)
		g.err = g.cmd.Wait()
		_ = out.Close()
	}()
	return nil
}

func (g *sidegate) waitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for {
		select {
		case <-g.done:
			return fmt.Errorf("sidegate ended before it was ready: %w\n%s", g.err, g.lastLines())
		case <-ctx.Done():
			return fmt.Errorf("sidegate is not ready at %s: %w\n%s", url, ctx.Err(), g.lastLines())
		case <-tick.C:
			if answers(ctx, url) {
				return nil
			}
		}
	}
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// terminate asks the process to end and kills it when it does not.
func (g *sidegate) terminate() error {
	select {
	case <-g.done:
		return ended(g.err)
	default:
	}
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop sidegate: %w", err)
	}
	select {
	case <-g.done:
		return ended(g.err)
	case <-time.After(stopTime):
		_ = g.cmd.Process.Kill()
		<-g.done
		return fmt.Errorf("sidegate did not stop within %v and was killed", stopTime)
	}
}

func ended(err error) error {
	if err != nil {
		return fmt.Errorf("sidegate ended: %w", err)
	}
	return nil
}

// lastLines is the end of the log, for an error.
func (g *sidegate) lastLines() string {
	raw, err := os.ReadFile(g.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// freePorts finds two free ports. Both are held until both are known.
func freePorts() (a, b string, err error) {
	one, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = one.Close() }()
	two, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = two.Close() }()
	return one.Addr().String(), two.Addr().String(), nil
}
