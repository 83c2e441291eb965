package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/sidegate/sidegate/internal/config"
	"github.com/sidegate/sidegate/internal/server"
	"github.com/spf13/pflag"
	"go.uber.org/zap"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sidegate": func() { os.Exit(run()) }})
}

// TestScripts runs every verb as a user would, each script beside a server of its own.
func TestScripts(t *testing.T) {
	recorded, err := filepath.Abs("../../pdp/pdptest/testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		ContinueOnError:     true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("RECORDED", recorded)
			return serveBeside(e)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a command that must end with a certain code: exits CODE COMMAND ARG…
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// serveBeside runs a server until the script ends and tells the script where.
func serveBeside(e *testscript.Env) error {
	// The script's own directory can be too deep for a socket.
	dir, err := os.MkdirTemp("", "sg")
	if err != nil {
		return err
	}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags)
	err = flags.Parse([]string{"--data", dir, "--admin-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--decision-addr=127.0.0.1:0"})
	if err != nil {
		return err
	}
	c, err := config.Load(flags, nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan server.Addresses, 1), make(chan error, 1)
	go func() {
		done <- server.Run(ctx, c, server.Options{Log: zap.NewNop(), Version: "test", Ready: func(a server.Addresses) { ready <- a }})
	}()
	e.Defer(func() {
		cancel()
		if err := errors.Join(<-done, os.RemoveAll(dir)); err != nil {
			e.T().Fatal(err)
		}
	})
	select {
	case a := <-ready:
		e.Setenv("DATA", dir)
		e.Setenv("SIDEGATE_SERVER", "http://"+a.Admin.String())
		e.Setenv("SIDEGATE_TOKEN_FILE", c.BootstrapTokenFile)
		e.Setenv("OPS", a.Ops.String())
		e.Setenv("TCP", a.Decision.String())
		e.Setenv("SOCKET", a.Socket)
		return nil
	case err := <-done:
		done <- nil
		return errors.Join(err, errors.New("the server did not start"))
	}
}
