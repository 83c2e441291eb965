// Command demo shows Sidegate at work: it starts the sidegate binary, creates a
// realm with policies over REST, serves an OpenID provider that asks Sidegate at
// every protocol moment, and plays a story against it as a real client over
// HTTP. Every decision is printed as one line.
//
//	demo --sidegate PATH [--once] [--dir DIR]
//
// Every step knows its outcome; a difference is printed and makes the exit code
// 1. With --once everything is stopped at the end, without it the servers go on
// until SIGINT or SIGTERM. Colours appear on a terminal only, and never when
// NO_COLOR is set.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// options are the command line.
type options struct {
	sidegate string
	dir      string
	once     bool
}

func run(args []string, out *os.File, errs io.Writer) int {
	o, err := parse(args, errs)
	if errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	if err != nil {
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := newPrinter(out, coloured(out))
	if err := play(ctx, o, p); err != nil {
		_, _ = fmt.Fprintln(errs, "demo:", err)
		return exitFailed
	}
	return exitDone
}

func parse(args []string, errs io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.SetOutput(errs)
	f.StringVar(&o.sidegate, "sidegate", "", "path of the sidegate binary (required)")
	f.StringVar(&o.dir, "dir", "", "directory for the store, the socket and the token (default: a temporary one)")
	f.BoolVar(&o.once, "once", false, "play the story once and stop")
	if err := f.Parse(args); err != nil {
		return o, fmt.Errorf("command line: %w", err)
	}
	if f.NArg() > 0 || o.sidegate == "" {
		_, _ = fmt.Fprintln(errs, "usage: demo --sidegate PATH [--once] [--dir DIR]")
		return o, errors.New("command line: --sidegate is required and takes the place of any argument")
	}
	return o, nil
}

// play starts everything, plays the story and stops everything again.
func play(ctx context.Context, o options, p *printer) (err error) {
	dir, remove, err := directory(o.dir)
	if err != nil {
		return err
	}
	defer remove()
	gate, err := startSidegate(ctx, o.sidegate, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, gate.stop()) }()
	s, err := newStage(ctx, gate, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	p.title("Sidegate judges an OpenID provider")
	failed := s.play(ctx, story())
	if !o.once {
		s.invite(failed)
		<-ctx.Done()
		return outcome(failed)
	}
	if err := gate.stop(); err != nil {
		return err
	}
	failed += s.play(ctx, epilogue())
	if failed == 0 {
		p.say(asExpected)
	}
	return outcome(failed)
}

const asExpected = "Every decision was the expected one."

func outcome(failed int) error {
	if failed > 0 {
		return fmt.Errorf("steps that went otherwise than expected: %d", failed)
	}
	return nil
}

// directory makes the working directory; a temporary one is removed at the end.
func directory(given string) (dir string, remove func(), err error) {
	if given == "" {
		dir, err = os.MkdirTemp("", "sidegate-demo-")
		if err != nil {
			return "", nil, fmt.Errorf("make directory: %w", err)
		}
		return dir, func() { _ = os.RemoveAll(dir) }, nil
	}
	if dir, err = filepath.Abs(given); err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return "", nil, fmt.Errorf("make directory: %w", err)
	}
	return dir, func() {}, nil
}
