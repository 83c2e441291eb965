package openapi_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/config"
	"github.com/sidegate/sidegate/internal/server"
)

// instance is a server that runs.
type instance struct {
	// dir is its data directory, base the URL of its REST surface.
	dir, base string
	// admin is the token of an administrator.
	admin string
	http  *http.Client
	// stop stops it, once, and returns what it ended with.
	stop func() error
}

// start runs a server until the test ends.
func start(t *testing.T, flags ...string) *instance {
	t.Helper()
	return startWith(t, nil, flags...)
}

// startWith runs a server with an environment of its own.
func startWith(t *testing.T, environ []string, flags ...string) *instance {
	t.Helper()
	i := &instance{dir: t.TempDir(), http: &http.Client{Transport: &http.Transport{}}}
	c := configure(t, i.dir, environ, flags)
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan server.Addresses, 1), make(chan error, 1)
	go func() {
		done <- server.Run(ctx, c, server.Options{Log: zap.NewNop(), Version: "test", Ready: func(a server.Addresses) { ready <- a }})
	}()
	select {
	case a := <-ready:
		i.base = "http://" + a.Admin.String()
	case err := <-done:
		cancel()
		t.Fatalf("start: %v", err)
	}
	i.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		i.http.CloseIdleConnections()
		if err := i.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	token, err := os.ReadFile(c.BootstrapTokenFile)
	if err != nil {
		t.Fatal(err)
	}
	i.admin = strings.TrimSpace(string(token))
	return i
}

func configure(t *testing.T, dir string, environ, flags []string) config.Config {
	t.Helper()
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(set)
	args := append([]string{"--data", dir, "--admin-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--shutdown-timeout=5s", "--egress=deny"}, flags...)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(set, environ)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// token makes a token of its own for a role in one realm.
func (i *instance) token(t *testing.T, role auth.Role, realm string) string {
	t.Helper()
	tokens, err := auth.OpenTokens(i.dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err := tokens.Create(auth.Token{Name: role.String() + " of " + realm, Role: role, Realms: []string{realm}})
	if err != nil {
		t.Fatal(err)
	}
	return secret
}
