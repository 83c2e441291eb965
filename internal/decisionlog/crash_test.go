package decisionlog_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

// crashFile is the environment variable that makes the test binary a process that
// records, and erases at times, until it is killed.
const crashFile = "SIDEGATE_TEST_CRASH_FILE"

// TestCrash kills a recording process, again and again. The file opens, no record is
// torn, and whatever was flushed is there.
func TestCrash(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	o := decisionlog.Options{File: filepath.Join(t.TempDir(), "decisions.db"), Mode: decisionlog.Block, MaxAge: 1000 * time.Hour, Now: func() time.Time { return start }}
	random := rand.New(rand.NewPCG(1, 2))
	flushed := -1
	for round := range rounds {
		flushed = killed(t, o.File, 1+random.IntN(20), flushed)
		checkFile(t, o.File)
		l, err := decisionlog.Open(o)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		last := checkFlushed(t, l, flushed)
		closeLog(t, l)
		flushed = max(flushed, last)
	}
	t.Logf("%d decisions were recorded", flushed+1)
}

// killed starts a process that records from the one after last, kills it after some
// flushes, and returns the last decision that was flushed.
func killed(t *testing.T, file string, after, last int) int {
	t.Helper()
	ctx, kill := context.WithTimeout(t.Context(), time.Minute)
	defer kill()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s", crashFile, file), fmt.Sprintf("SIDEGATE_TEST_CRASH_FROM=%d", last+1))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		if _, err := fmt.Sscanf(scanner.Text(), "%d.", &last); err != nil {
			continue
		}
		if lines++; lines == after {
			kill()
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Exited() || lines < after {
		t.Fatalf("the recording process ended by itself after %d flushes: %v", lines, err)
	}
	return last
}

// checkFile runs bbolt's own check.
func checkFile(t *testing.T, file string) {
	t.Helper()
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		var all error
		for err := range tx.Check() {
			all = errors.Join(all, err)
		}
		return all
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// checkFlushed checks that all up to the last flushed decision are there, those that
// may have been erased aside, and returns the last one.
func checkFlushed(t *testing.T, l *decisionlog.Log, flushed int) (last int) {
	t.Helper()
	next := 0
	err := l.Each(t.Context(), "master", decisionlog.Filter{}, func(d *pb.LoggedDecision) error {
		for next%10 == erasedRemainder && d.GetDecisionId() != decisionID(next) {
			next++
		}
		if d.GetDecisionId() != decisionID(next) {
			return fmt.Errorf("%s is there, want %s", d.GetDecisionId(), decisionID(next))
		}
		next++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if next <= flushed-1 {
		t.Fatalf("all before %d are there, %d was flushed", next, flushed)
	}
	n, err := l.CountAudit(t.Context(), everyRealm)
	if err != nil || n == 0 {
		t.Fatalf("%d audit records, %v", n, err)
	}
	return next - 1
}

// erasedRemainder is the last digit of the decisions of the client that is erased.
const erasedRemainder = 3

// recordUntilKilled is the process: it prints the last decision of each flush, and
// never returns.
func recordUntilKilled(file string) {
	err := recordForever(context.Background(), file)
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func recordForever(ctx context.Context, file string) error {
	var n int
	if _, err := fmt.Sscan(os.Getenv("SIDEGATE_TEST_CRASH_FROM"), &n); err != nil {
		return err
	}
	l, err := decisionlog.Open(decisionlog.Options{
		File: file, Mode: decisionlog.Block, BatchInterval: time.Millisecond, MaxAge: 1000 * time.Hour, Now: func() time.Time { return start },
	})
	if err != nil {
		return err
	}
	for round := 1; ; round++ {
		for range 1 + round%40 {
			if err := l.Record(ctx, rejected("master", n)); err != nil {
				return err
			}
			n++
		}
		l.RecordAudit(&pb.AuditRecord{Kind: pb.AuditRecord_KIND_WRITE, Realm: "master"})
		if err := l.Flush(ctx); err != nil {
			return err
		}
		if _, err := fmt.Printf("%d.\n", n-1); err != nil {
			return err
		}
		if round%3 == 0 {
			if _, err := l.Erase(ctx, "master", fmt.Sprintf("client-%d", erasedRemainder), ""); err != nil {
				return err
			}
		}
	}
}
