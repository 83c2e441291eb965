package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/internal/config"
	"github.com/sidegate/sidegate/internal/server"
	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// configure returns a configuration of a server in dir with free ports.
func configure(t testing.TB, dir string, flags ...string) config.Config {
	t.Helper()
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(set)
	args := append([]string{"--data", dir, "--admin-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--shutdown-timeout=5s"}, flags...)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(set, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// instance is a server that runs.
type instance struct {
	server.Addresses
	cancel context.CancelFunc
	done   chan error
	http   *http.Client
	// base is the URL of the administration API.
	base, token string
}

// start runs a server until the test ends.
func start(t testing.TB, c config.Config, log *zap.Logger) *instance {
	t.Helper()
	return startOptions(t, c, server.Options{Log: log, Version: "test"})
}

// startOptions does so with these options.
func startOptions(t testing.TB, c config.Config, o server.Options) *instance {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	i := &instance{cancel: cancel, done: make(chan error, 1), http: &http.Client{Transport: &http.Transport{}}}
	ready := make(chan server.Addresses, 1)
	o.Ready = func(a server.Addresses) { ready <- a }
	go func() {
		i.done <- server.Run(ctx, c, o)
		close(i.done)
	}()
	select {
	case i.Addresses = <-ready:
	case err := <-i.done:
		cancel()
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() { i.stop(t) })
	i.base = "http://" + i.Admin.String()
	token, err := os.ReadFile(c.BootstrapTokenFile)
	if err != nil {
		t.Fatal(err)
	}
	i.token = strings.TrimSpace(string(token))
	return i
}

// stop ends the server; the second time it does nothing.
func (i *instance) stop(t testing.TB) {
	t.Helper()
	i.cancel()
	i.http.CloseIdleConnections()
	if err := <-i.done; err != nil {
		t.Errorf("stop: %v", err)
	}
}

// refusal starts a server that must not start, and returns why.
func refusal(t *testing.T, c config.Config) error {
	t.Helper()
	err := server.Run(t.Context(), c, server.Options{Log: zap.NewNop(), Ready: func(server.Addresses) { t.Error("it started") }})
	if err == nil {
		t.Fatal("it started and stopped")
	}
	return err
}

// dial connects to a listener; target is unix:PATH or host:port.
func dial(t testing.TB, target string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	options = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, options...)
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// authorized returns a context with the administrator's token.
func (i *instance) authorized(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+i.token)
}

// rest makes a REST call as the administrator. A refusal is a gRPC status.
func (i *instance) rest(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, i.base+path, strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+i.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := i.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = status.Errorf(codeOf(resp.StatusCode), "%s %s: %d %s", method, path, resp.StatusCode, data)
	}
	return data, err
}

func codeOf(httpStatus int) codes.Code {
	switch httpStatus {
	case http.StatusBadRequest:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusRequestEntityTooLarge:
		return codes.ResourceExhausted
	default:
		return codes.Unknown
	}
}

// must makes a REST call that must succeed.
func (i *instance) must(t testing.TB, method, path, body string) []byte {
	t.Helper()
	var sent []byte
	if body != "" {
		sent = []byte(body)
	}
	data, err := i.rest(t.Context(), method, path, sent)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// probe asks the operations listener.
func (i *instance) probe(t testing.TB, path string) (int, string) {
	t.Helper()
	resp, err := i.http.Get("http://" + i.Ops.String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(data))
}

// Crash tests run a server in a process of its own, which is this binary.
const crashDir = "SIDEGATE_TEST_CRASH_DIR"

// crashChild runs a server until it is killed, and says where on its output.
func crashChild(dir string) int {
	c := config.Config{
		Data: dir, DecisionSocket: filepath.Join(dir, "d.sock"), DecisionAuth: config.DecisionAuthNone,
		AdminAddr: "127.0.0.1:0", OpsAddr: "127.0.0.1:0", BootstrapTokenFile: filepath.Join(dir, "bootstrap.token"),
		SecurityProfile: "none", ShutdownTimeout: time.Second, LogLevel: "error", LogFormat: config.FormatJSON,
		Limits:     config.Limits{DecisionMessageBytes: 1 << 20, DocumentBytes: 1 << 20, BatchItems: 1, StringBytes: 1 << 10, Depth: 64, RedirectURIs: 1},
		SocketUIDs: []uint32{uint32(os.Geteuid())},
		DecisionLog: config.DecisionLog{
			Mode: config.LogBestEffort, File: filepath.Join(dir, "decisions.db"), Requests: config.RequestsKeep,
			Pseudonyms: config.PseudonymsNone, NDJSON: config.NDJSONNone,
		},
	}
	err := server.Run(context.Background(), c, server.Options{Log: zap.NewNop(), Ready: func(a server.Addresses) {
		_ = json.NewEncoder(os.Stdout).Encode(a.Admin.String()) // the parent sees an end of file
	}})
	_, _ = fmt.Fprintln(os.Stderr, errors.Join(err, errors.New("the server ended by itself")))
	return 1
}
