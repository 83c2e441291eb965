//go:build unix

// Package server runs a Keycloak in development mode on loopback, with its
// database in memory, for as long as a test lasts.
//
// It owns the process and its group, and ends nothing else. The first start in a
// distribution makes Keycloak write its build below that directory; two first
// starts at the same time disturb each other.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Features are the features of Keycloak that are off by default and that policies
// need: rotating secrets, and the condition on client ids that are URLs.
const Features = "client-secret-rotation,cimd"

// The administrator of the master realm.
const (
	AdminUser     = "admin"
	AdminPassword = "admin-of-one-test"
)

const (
	startDeadline = 8 * time.Minute
	stopDeadline  = 30 * time.Second
	pollEvery     = 500 * time.Millisecond
)

// Server is a running Keycloak.
type Server struct {
	// URL is its address, without a slash at the end.
	URL    string
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
	err    error // of the process, once exited is closed
}

// Start starts the Keycloak of a distribution and waits until it answers. Logs go
// to a file in dir. The caller must call Stop.
func Start(ctx context.Context, home, dir string) (*Server, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	s := &Server{
		URL: fmt.Sprintf("http://127.0.0.1:%d", ports[0]),
		log: filepath.Join(dir, "keycloak.log"), exited: make(chan struct{}),
	}
	s.cmd = command(home, dir, ports)
	if err := s.start(); err != nil {
		return nil, fmt.Errorf("start keycloak: %w", err)
	}
	if err := s.await(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start keycloak: %w; its log is %s", err, s.log), s.Stop())
	}
	return s, nil
}

// command is the start of a Keycloak that keeps nothing. Its processes form a
// group, because the start script runs Java twice.
func command(home, dir string, ports []int) *exec.Cmd {
	cmd := exec.Command(filepath.Join(home, "bin", "kc.sh"), "start-dev", //nolint:gosec // the operator's own distribution
		"--db=dev-mem", "--cache=local", "--features="+Features, "--http-host=127.0.0.1",
		"--http-port="+strconv.Itoa(ports[0]), "--http-management-port="+strconv.Itoa(ports[1]))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"KC_BOOTSTRAP_ADMIN_USERNAME="+AdminUser, "KC_BOOTSTRAP_ADMIN_PASSWORD="+AdminPassword,
		"JAVA_OPTS_KC_HEAP=-Xms64m -Xmx768m", "JAVA_OPTS=", "JAVA_OPTS_APPEND=-Djava.io.tmpdir="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func (s *Server) start() error {
	out, err := os.Create(s.log)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	s.cmd.Stdout, s.cmd.Stderr = out, out
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	return nil
}

// await polls until the master realm answers.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startDeadline)
	defer cancel()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.exited:
			return fmt.Errorf("it ended at once: %w", s.err)
		case <-ctx.Done():
			return fmt.Errorf("it did not answer: %w", context.Cause(ctx))
		case <-ticker.C:
			if s.answers(ctx) {
				return nil
			}
		}
	}
}

func (s *Server) answers(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/realms/master/.well-known/openid-configuration", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}

// Stop ends the process group and waits for it.
func (s *Server) Stop() error {
	group := -s.cmd.Process.Pid
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := syscall.Kill(group, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop keycloak: %w", err)
		}
		select {
		case <-s.exited:
			return nil
		case <-time.After(stopDeadline):
		}
	}
	return errors.New("stop keycloak: it outlived SIGKILL")
}

// freePorts returns ports of loopback that nobody listens on now.
func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = l.Close() }()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
