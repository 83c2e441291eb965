package bolt_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"google.golang.org/protobuf/proto"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/bolt"
	"github.com/sidegate/sidegate/storage/storagetest"
)

// crashDir is the environment variable that makes the test binary a process
// that commits until it is killed.
const crashDir = "SIDEGATE_TEST_CRASH_DIR"

// TestCrash kills a committing process, again and again. Whatever was
// acknowledged is there; what was not is there whole or not at all.
func TestCrash(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	acknowledged := map[int64]string{}
	for round := range rounds {
		last := killed(t, dir, 1+random.IntN(40), acknowledged)
		checkFile(t, dir)
		s := open(t, dir, bolt.Options{})
		checkAcknowledged(t, s, last, acknowledged)
		if err := s.Close(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	t.Logf("%d commits were acknowledged", len(acknowledged))
}

// killed starts a process that commits, kills it after some acknowledgements,
// and notes all of them.
func killed(t *testing.T, dir string, after int, acknowledged map[int64]string) (last int64) {
	t.Helper()
	ctx, kill := context.WithTimeout(t.Context(), time.Minute)
	defer kill()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
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
		var hash string
		if _, err := fmt.Sscanf(scanner.Text(), "%d %64s.", &last, &hash); err != nil || !strings.HasSuffix(scanner.Text(), ".") {
			continue
		}
		acknowledged[last] = hash
		if lines++; lines == after {
			kill()
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Exited() || lines < after {
		t.Fatalf("the committing process ended by itself after %d commits: %v", lines, err)
	}
	return last
}

// checkFile runs bbolt's own check.
func checkFile(t *testing.T, dir string) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, bolt.File), 0o600, &bbolt.Options{Timeout: time.Second})
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

// checkAcknowledged checks every revision that is kept: the last is the last
// acknowledged one or the one under way, and each has the item it was given.
func checkAcknowledged(t *testing.T, s storage.Store, last int64, acknowledged map[int64]string) {
	t.Helper()
	history, err := s.History(t.Context(), "master", 0, storage.MaxHistory)
	if err != nil {
		t.Fatal(err)
	}
	if got := history[0].Revision; got != last && got != last+1 {
		t.Fatalf("current revision = %d, acknowledged was %d", got, last)
	}
	if want := min(int(history[0].Revision), crashKeep); len(history) != want {
		t.Fatalf("%d revisions are kept, want %d", len(history), want)
	}
	for _, m := range history {
		state, err := s.Load(t.Context(), "master", m.Revision)
		if err != nil {
			t.Fatal(err)
		}
		got := state.Policies[int(m.Revision)%crashPolicies].Hash().String()
		if want, ok := acknowledged[m.Revision]; ok && got != want {
			t.Errorf("revision %d has item %s, acknowledged was %s", m.Revision, got, want)
		}
		if m.Comment != got {
			t.Errorf("revision %d has item %s, its comment says %s", m.Revision, got, m.Comment)
		}
	}
}

const (
	crashPolicies = 50
	crashKeep     = 90
)

// commitUntilKilled is the process: it prints each revision that was
// acknowledged, and never returns.
func commitUntilKilled(dir string, out *bufio.Writer) {
	err := commitForever(context.Background(), dir, out)
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func commitForever(ctx context.Context, dir string, out *bufio.Writer) error {
	s, err := bolt.Open(dir, bolt.Options{})
	if err != nil {
		return err
	}
	list := storagetest.Policies(crashTB{}, crashPolicies)
	parent := int64(0)
	if state, err := s.Load(ctx, "master", 0); err == nil {
		parent, list = state.Meta.Revision, state.Policies
	}
	keep := &clientpolicyv1.HistoryRetention{MaxRevisions: proto.Int32(crashKeep)}
	for ; ; parent++ {
		n := int(parent+1) % crashPolicies
		list[n] = storagetest.Policy(crashTB{}, list[n].Name(), int(parent+1))
		c := change(parent, list...)
		c.Comment, c.Settings = list[n].Hash().String(), &clientpolicyv1.RealmSettings{HistoryRetention: keep}
		m, err := s.Commit(ctx, c)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%d %s.\n", m.Revision, c.Comment); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

// crashTB stands in for the test in the process that has none.
type crashTB struct{ testing.TB }

func (crashTB) Helper() {}
