package decisionlog_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

// TestNDJSON writes what was stored, a line each.
func TestNDJSON(t *testing.T) {
	o := options(t)
	var out bytes.Buffer
	o.NDJSON.Writer = &out
	l := open(t, o)
	for n := range 10 {
		record(t, l, rejected("master", n))
	}
	scanner := bufio.NewScanner(&out)
	n := 0
	for ; scanner.Scan(); n++ {
		got := &pb.LoggedDecision{}
		if err := protojson.Unmarshal(scanner.Bytes(), got); err != nil {
			t.Fatalf("line %d: %v", n, err)
		}
		if diff := cmp.Diff(get(t, l, "master", decisionID(n)), got, protocmp.Transform()); diff != "" {
			t.Errorf("line %d (-stored +line):\n%s", n, diff)
		}
	}
	if n != 10 {
		t.Errorf("%d lines, want 10", n)
	}
}

// TestNDJSONRotation loses no line, keeps so many files, each with whole lines and
// none too large.
func TestNDJSONRotation(t *testing.T) {
	o := options(t)
	path := filepath.Join(t.TempDir(), "logs", "decisions.ndjson")
	o.NDJSON = decisionlog.NDJSON{Path: path, MaxBytes: 4096, Files: 3}
	l := open(t, o)
	const total = 40
	for n := range total {
		record(t, l, rejected("master", n))
	}
	closeLog(t, l)
	next := total - 1
	for _, name := range []string{path, path + ".1", path + ".2", path + ".3"} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() > 4096 {
			t.Fatalf("%s: %v, %v", name, info, err)
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
		for i := len(lines) - 1; i >= 0; i-- {
			if want := fmt.Sprintf(`"decisionId":"%s"`, decisionID(next)); !strings.Contains(lines[i], want) || !strings.HasSuffix(lines[i], "}") {
				t.Fatalf("%s line %d is %s, want %s", name, i, lines[i], want)
			}
			next--
		}
	}
	if _, err := os.Stat(path + ".4"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a fourth file: %v", err)
	}

	// A line that a crash cut short is ended first.
	if err := os.WriteFile(path, []byte(`{"torn":`), 0o600); err != nil {
		t.Fatal(err)
	}
	l = open(t, o)
	record(t, l, rejected("master", 100))
	content, err := os.ReadFile(path)
	if lines := strings.Split(string(content), "\n"); err != nil || lines[0] != `{"torn":` || !strings.Contains(lines[1], decisionID(100)) {
		t.Errorf("after a torn line: %s, %v", content, err)
	}
}

// failing is a writer that fails at times.
type failing struct {
	bytes.Buffer
	fail bool
}

func (f *failing) Write(b []byte) (int, error) {
	if f.fail {
		return 0, errors.New("pipe is broken")
	}
	return f.Buffer.Write(b)
}

// TestNDJSONErrors counts lines that could not be written and stores decisions all
// the same.
func TestNDJSONErrors(t *testing.T) {
	o := options(t)
	out := &failing{fail: true}
	o.NDJSON.Writer = out
	l := open(t, o)
	record(t, l, rejected("master", 1), rejected("master", 2))
	out.fail = false
	record(t, l, rejected("master", 3))
	if s := l.Stats(); s.NDJSONErrors != 2 || s.Kept != 3 || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("stats = %+v, written: %s", s, out.String())
	}
	o = options(t)
	o.NDJSON.Path = t.TempDir()
	if l, err := decisionlog.Open(o); err == nil {
		closeLog(t, l)
		t.Error("lines go into a directory")
	}
}

// stuck is a reader that does not read.
type stuck chan struct{}

func (s stuck) Write(b []byte) (int, error) {
	<-s
	return len(b), nil
}

// TestNDJSONStuck does not wait for a reader that does not read.
func TestNDJSONStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		out := make(stuck)
		o.NDJSON.Writer = out
		l := open(t, o)
		const waiting = 4096 + 1
		for n := range waiting + 10 {
			if err := l.Record(t.Context(), rejected("master", n)); err != nil {
				t.Fatal(err)
			}
			if n%1000 == 0 {
				wait(time.Second)
			}
		}
		wait(time.Second)
		if s := l.Stats(); s.Kept != waiting+10 || s.NDJSONErrors != 10 {
			t.Errorf("stats = %+v, want all kept and 10 lines lost", s)
		}
		close(out)
	})
}
