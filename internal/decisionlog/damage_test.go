package decisionlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

// filled is a closed log with decisions and audit records in it.
func filled(t *testing.T) decisionlog.Options {
	t.Helper()
	o := options(t)
	l := open(t, o)
	for n := range 100 {
		e := rejected("master", n)
		e.Response.Findings[0].Actual = "needle-in-it"
		record(t, l, e)
	}
	l.RecordAudit(&pb.AuditRecord{Kind: pb.AuditRecord_KIND_WRITE, Detail: "audit-needle"})
	closeLog(t, l)
	return o
}

// refused opens a log that must not open.
func refused(t *testing.T, o decisionlog.Options, target error, want ...string) {
	t.Helper()
	l, err := decisionlog.Open(o)
	if err == nil {
		closeLog(t, l)
		t.Errorf("opened, want %v", target)
		return
	}
	if !errors.Is(err, target) {
		t.Errorf("open = %v, want %v", err, target)
	}
	for _, part := range append(want, o.File) {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("open = %v, want %q in it", err, part)
		}
	}
}

// TestDamage finds damaged files when they are opened, and says what to do.
func TestDamage(t *testing.T) {
	o := filled(t)
	sound, err := os.ReadFile(o.File)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"record":  bytes.Replace(sound, []byte("needle-in-it"), []byte("noodle-in-it"), 1),
		"audit":   bytes.Replace(sound, []byte("audit-needle"), []byte("audit-noodle"), 1),
		"zeros":   make([]byte, len(sound)),
		"text":    []byte(strings.Repeat("no database\n", 1000)),
		"a byte":  {0},
		"cut":     sound[:8192],
		"cut off": sound[:5*4096],
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(o.File, content, 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, o, decisionlog.ErrCorrupt, "move the file away and start again with an empty log")
		})
	}
	if err := os.WriteFile(o.File, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, o, decisionlog.ErrCorrupt, "has 0 bytes", "remove it and start again")
	if err := os.WriteFile(o.File, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := open(t, o).Count(t.Context(), "master"); n != 100 || err != nil {
		t.Errorf("the sound file has %d, %v", n, err)
	}
}

// TestRandomDamage flips bytes anywhere: what is shown then is what was written, or
// the log does not open, or the call fails. Nothing panics.
func TestRandomDamage(t *testing.T) {
	o := filled(t)
	sound, err := os.ReadFile(o.File)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	found := 0
	for n := range 150 {
		content := bytes.Clone(sound)
		for range 40 {
			content[random.IntN(len(content))] ^= byte(1 + random.IntN(255))
		}
		o.File = filepath.Join(t.TempDir(), fmt.Sprint(n)) // bbolt keeps the lock of a file on which it panics
		if err := os.WriteFile(o.File, content, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := decisionlog.Open(o)
		if err != nil {
			// The number of the format is a byte like others.
			if !errors.Is(err, decisionlog.ErrCorrupt) && !errors.Is(err, decisionlog.ErrFormat) {
				t.Errorf("open = %v", err)
			}
			found++
			continue
		}
		list, _, err := l.List(t.Context(), "master", decisionlog.Filter{}, decisionlog.Cursor{}, 500)
		for _, d := range list {
			if d.GetFindings()[0].GetActual() != "needle-in-it" {
				t.Errorf("shown %v", d)
			}
		}
		if err != nil && !errors.Is(err, decisionlog.ErrCorrupt) {
			t.Errorf("list = %v", err)
		}
		closeLog(t, l)
	}
	if found < 50 {
		t.Errorf("only %d of 150 damaged files were refused", found)
	}
}

// TestFormat refuses files of later versions and files of others.
func TestFormat(t *testing.T) {
	o := filled(t)
	edit := func(fn func(tx *bbolt.Tx) error) {
		t.Helper()
		db, err := bbolt.Open(o.File, 0o600, &bbolt.Options{Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(db.Update(fn), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	format := func(s string) func(tx *bbolt.Tx) error {
		return func(tx *bbolt.Tx) error { return tx.Bucket([]byte("log")).Put([]byte("format"), []byte(s)) }
	}
	edit(format("sidegate decision log 2"))
	refused(t, o, decisionlog.ErrFormat, "use the version that wrote it")
	edit(format("something else"))
	refused(t, o, decisionlog.ErrCorrupt, "format record")
	edit(func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("log")) })
	refused(t, o, decisionlog.ErrCorrupt, `bucket "log"`)
}

// TestLocked waits for another process only for a time.
func TestLocked(t *testing.T) {
	o := options(t)
	open(t, o)
	o.Timeout = 100 * time.Millisecond
	refused(t, o, decisionlog.ErrLocked, "another process holds the file", "100ms")
}

// TestLeftovers removes what a crash left of a new file and of an erasure.
func TestLeftovers(t *testing.T) {
	o := options(t)
	for _, suffix := range []string{".new", ".rewrite"} {
		if err := os.WriteFile(o.File+suffix, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := open(t, o)
	record(t, l, rejected("master", 1))
	for _, suffix := range []string{".new", ".rewrite"} {
		if _, err := os.Stat(o.File + suffix); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", suffix, err)
		}
	}
	info, err := os.Stat(o.File)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has %v, %v", info.Mode(), err)
	}
}

// TestOptions reports all problems with options at once.
func TestOptions(t *testing.T) {
	_, err := decisionlog.Open(decisionlog.Options{
		Queue: -1, Sample: 1.5, MaxAge: time.Second, MaxBytes: 1000, AuditMaxAge: 1, AuditRecords: 1,
		Samples: []decisionlog.Sample{{Share: 0.5}, {Realm: "a", Share: 2}, {Realm: "b", Share: 0}, {Realm: "b", Share: 1}},
		Mask: []string{
			"request", "/request/parametrs", "/realm", "/client/redirectUris/0", "/issuer/x", "/actor/clientRoles/*/role", "/options", "/request/parameters/a/b",
		},
		NDJSON: decisionlog.NDJSON{Writer: &bytes.Buffer{}, Path: "x", MaxBytes: 1, Files: -1}, Timeout: -1, BatchInterval: time.Hour,
	})
	if err == nil {
		t.Fatal("opened")
	}
	for _, want := range []string{
		"file: none is named", "mode: expected best effort or block", "queue: -1 is out of bounds", "sample: 1.5 is no share", "max-age:", "max-bytes: 1000",
		"audit max-age:", "audit records:", "samples[0]: names neither realm nor event", "samples[1]: 2 is no share", `samples[3]: realm "b"`, "stand twice",
		`mask[0]: "request" is no JSON pointer`, `mask[1]: "/request/parametrs" names no member: unknown "parametrs"; did you mean "parameters"?`,
		`mask[2]: "/realm" cannot be masked`, `mask[3]: "/client/redirectUris/0" names element "0" of the list "redirectUris"; write *`,
		`mask[4]: "/issuer/x" points into "issuer"`, `unknown "role"; did you mean "roles"?`, `mask[6]: "/options" cannot be masked`, "mask[7]:",
		"name a writer or a path, not both", "ndjson-max-bytes: 1", "ndjson-files: -1", "timeout: -1", "batch interval:",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nhas no %q", err, want)
		}
	}
	o := options(t)
	for range 257 {
		o.Mask = append(o.Mask, "/actor")
	}
	if _, err := decisionlog.Open(o); err == nil || !strings.Contains(err.Error(), "at most 256") {
		t.Errorf("257 pointers: %v", err)
	}
	o.Mask = o.Mask[1:]
	open(t, o)
}
