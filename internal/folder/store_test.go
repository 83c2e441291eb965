package folder_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/internal/folder"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage"
)

// check is what the server checks with.
func check(t *testing.T) folder.Check {
	t.Helper()
	registry, err := catalog.Registry()
	if err != nil {
		t.Fatal(err)
	}
	compiler, err := pdp.NewCompiler(registry, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return func(set *pb.PolicySet, settings *pb.RealmSettings) []*pdp.ConfigError {
		_, problems := compiler.Compile(set, settings)
		return problems
	}
}

// fixture is a store whose looks the test decides on.
type fixture struct {
	*testing.T
	dir   string
	store *folder.Store
	logs  *observer.ObservedLogs
	audit []*pb.AuditRecord
	now   time.Time
}

// start opens a store of some files.
func start(t *testing.T, files map[string]string) *fixture {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	f := &fixture{T: t, dir: t.TempDir(), logs: logs, now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}
	f.write(files)
	store, err := folder.Open(t.Context(), folder.Options{
		Dir: f.dir, Check: check(t), Limits: pdp.DefaultLimits(), Log: zap.New(core), Interval: time.Hour,
		Now:   func() time.Time { return f.now },
		Audit: func(r *pb.AuditRecord) { f.audit = append(f.audit, r) },
	})
	if err != nil {
		t.Fatal(err)
	}
	f.store = store
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// write writes files, each with another time than before.
func (f *fixture) write(files map[string]string) {
	f.Helper()
	write(f.T, f.dir, files)
	f.now = f.now.Add(time.Minute)
	for name := range files {
		if err := os.Chtimes(filepath.Join(f.dir, name), f.now, f.now); err != nil {
			f.Fatal(err)
		}
	}
}

func (f *fixture) remove(name string) {
	f.Helper()
	if err := os.RemoveAll(filepath.Join(f.dir, name)); err != nil {
		f.Fatal(err)
	}
}

// look makes the store look once.
func (f *fixture) look() { f.store.Poll(f.Context()) }

// settle looks until a change is taken, and once more.
func (f *fixture) settle() {
	for range 3 {
		f.look()
	}
}

// policies are the names of a realm's policies now.
func (f *fixture) policies(realm string) []string {
	f.Helper()
	state, err := f.store.Load(f.Context(), realm, 0)
	if err != nil {
		f.Fatal(err)
	}
	var list []string
	for _, item := range state.Policies {
		list = append(list, item.Name())
	}
	return list
}

func (f *fixture) want(realm string, policies ...string) {
	f.Helper()
	if diff := cmp.Diff(policies, f.policies(realm)); diff != "" {
		f.Errorf("policies of %q, -want +got:\n%s", realm, diff)
	}
}

func (f *fixture) faults(want ...string) time.Time {
	f.Helper()
	since, problems := f.store.Fault()
	if len(problems) != len(want) {
		f.Errorf("got problems %q, want %d", problems, len(want))
		return since
	}
	for i := range want {
		if !strings.Contains(problems[i], want[i]) {
			f.Errorf("problem %d: got %q, want %q", i, problems[i], want[i])
		}
	}
	return since
}

func policy(name string) string { return "policies: [{name: " + name + "}]\n" }

func TestFollows(t *testing.T) {
	f := start(t, map[string]string{"main/a.yaml": policy("a"), "other.yaml": policy("x")})
	f.want("main", "a")
	heads, err := f.store.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.write(map[string]string{"main/a.yaml": policy("a2"), "main/b.yaml": policy("b"), "third.yaml": policy("y")})
	f.remove("other.yaml")
	f.settle()
	f.want("main", "a2", "b")
	f.want("third", "y")
	f.faults()
	if _, err := f.store.Load(t.Context(), "other", 0); !errors.Is(err, storage.ErrRealmNotFound) {
		t.Errorf("other: got %v", err)
	}
	want := []storage.Head{{Realm: "main", Revision: 2}, {Realm: "other", Revision: 2, Deleted: true}, {Realm: "third", Revision: 1}}
	if diff := cmp.Diff(want, []storage.Head{<-heads, <-heads, <-heads}); diff != "" {
		t.Errorf("heads, -want +got:\n%s", diff)
	}
	history, err := f.store.History(t.Context(), "main", 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range history {
		got = append(got, fmt.Sprintf("%d %s %s %s", m.Revision, m.Author, m.Surface, m.Comment))
	}
	if diff := cmp.Diff([]string{"2 folder folder changed main/a.yaml, added main/b.yaml", "1 folder folder added main/a.yaml"}, got); diff != "" {
		t.Errorf("history, -want +got:\n%s", diff)
	}
	if old, err := f.store.Load(t.Context(), "main", 1); err != nil || old.Policies[0].Name() != "a" {
		t.Errorf("revision 1: got %v, %v", old, err)
	}
	f.write(map[string]string{"other.yaml": policy("x2")})
	f.settle()
	f.want("other", "x2")
	if state, err := f.store.Load(t.Context(), "other", 0); err != nil || state.Meta.Revision != 3 {
		t.Errorf("other counts on: got %v, %v", state.Meta, err)
	}
}

func TestOneRevisionForOneChange(t *testing.T) {
	f := start(t, map[string]string{"main/a.yaml": policy("a"), "other.yaml": policy("x")})
	f.settle()
	f.write(map[string]string{"main/a.yaml": "# only a comment\n" + policy("a")})
	f.settle()
	f.write(map[string]string{"other.yaml": policy("x2")})
	f.settle()
	for realm, want := range map[string]int64{"main": 1, "other": 2} {
		if state, err := f.store.Load(t.Context(), realm, 0); err != nil || state.Meta.Revision != want {
			t.Errorf("%s: got revision %d, want %d (%v)", realm, state.Meta.Revision, want, err)
		}
	}
}

func TestKeepsTheLastGood(t *testing.T) {
	f := start(t, map[string]string{"main.yaml": policy("a"), "other.yaml": policy("x")})
	at := f.now
	f.write(map[string]string{"main.yaml": "policies: [\n", "other.yaml": policy("x2")})
	f.settle()
	since := f.faults("main.yaml: expected YAML")
	f.want("main", "a")
	f.want("other", "x") // half of a change is none
	if since.Before(at) {
		t.Errorf("since %v", since)
	}
	if n := f.logs.FilterLevelExact(zap.ErrorLevel).Len(); n != 1 {
		t.Errorf("told %d times", n)
	}
	f.write(map[string]string{"main.yaml": "policies: [{name: b, conditions: [{condition: any-clint}]}]\n"})
	f.settle()
	if again := f.faults(`main.yaml:1:36: unknown condition "any-clint"`); !again.Equal(since) {
		t.Errorf("since %v, want %v", again, since)
	}
	f.write(map[string]string{"main.yaml": policy("b")})
	f.settle()
	f.want("main", "b")
	f.want("other", "x2")
	if since := f.faults(); !since.IsZero() {
		t.Errorf("since %v", since)
	}
	if n := f.logs.FilterMessageSnippet("can be used again").Len(); n != 1 {
		t.Errorf("told %d times that all is well", n)
	}
}

func TestKeepsTheLastGoodOfAFolderThatIsGone(t *testing.T) {
	f := start(t, map[string]string{"main.yaml": policy("a")})
	f.remove("main.yaml")
	f.settle()
	f.faults("expected a file or directory for each realm")
	f.want("main", "a")
	f.remove(".")
	f.settle()
	f.faults("no such file or directory")
	f.want("main", "a")
	f.write(map[string]string{"main.yaml": policy("b")})
	f.settle()
	f.want("main", "b")
	f.faults()
}

// TestWaitsUntilAChangeHasSettled changes a file before every look.
func TestWaitsUntilAChangeHasSettled(t *testing.T) {
	f := start(t, map[string]string{"main.yaml": policy("a")})
	for i := range 5 {
		f.write(map[string]string{"main.yaml": policy(fmt.Sprintf("b%d", i))})
		f.look()
	}
	f.want("main", "a")
	f.settle()
	f.want("main", "b4")
	if state, err := f.store.Load(t.Context(), "main", 0); err != nil || state.Meta.Revision != 2 {
		t.Errorf("got %v, %v", state.Meta, err)
	}
}

// TestSeesAChangeWithinOneTick gives new content the size and time of the old.
func TestSeesAChangeWithinOneTick(t *testing.T) {
	f := start(t, map[string]string{"main.yaml": policy("a")})
	at := f.now
	write(t, f.dir, map[string]string{"main.yaml": policy("b")})
	if err := os.Chtimes(filepath.Join(f.dir, "main.yaml"), at, at); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.want("main", "b")
}

func TestKubernetesSwap(t *testing.T) {
	f := start(t, map[string]string{"..1/main.yaml": policy("a"), "..2/main.yaml": policy("b"), "seed.yaml": policy("x")})
	at := f.now
	for _, version := range []string{"..1", "..2"} {
		if err := os.Chtimes(filepath.Join(f.dir, version, "main.yaml"), at, at); err != nil {
			t.Fatal(err)
		}
	}
	link(t, "..1", filepath.Join(f.dir, "..data"))
	link(t, "..data/main.yaml", filepath.Join(f.dir, "main.yaml"))
	f.settle()
	f.want("main", "a")
	f.now = f.now.Add(time.Hour) // the files are old: only the link tells
	f.settle()
	link(t, "..2", filepath.Join(f.dir, "..data_tmp"))
	if err := os.Rename(filepath.Join(f.dir, "..data_tmp"), filepath.Join(f.dir, "..data")); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.want("main", "b")
}

// TestRenameWrite replaces a file as editors do.
func TestRenameWrite(t *testing.T) {
	f := start(t, map[string]string{"main/a.yaml": policy("a")})
	f.write(map[string]string{"main/.a.yaml.swp": policy("b")})
	if err := os.Rename(filepath.Join(f.dir, "main/.a.yaml.swp"), filepath.Join(f.dir, "main/a.yaml")); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.want("main", "b")
}

func TestNobodyElseWrites(t *testing.T) {
	f := start(t, map[string]string{"main.yaml": policy("a")})
	_, err := f.store.Commit(t.Context(), storage.Change{Realm: "main", Parent: 1, Author: "a", Surface: "rest", Time: time.Now()})
	if !errors.Is(err, folder.ErrReadOnly) || !strings.Contains(err.Error(), f.dir) {
		t.Errorf("got %v", err)
	}
	f.want("main", "a")
}

func TestAudit(t *testing.T) {
	f := start(t, map[string]string{"main.yaml": policy("a")})
	f.write(map[string]string{"main.yaml": "policies: [\n"})
	f.settle()
	f.remove("main.yaml")
	f.write(map[string]string{"next.yaml": policy("b")})
	f.settle()
	var got []string
	for _, r := range f.audit {
		if r.GetKind() != pb.AuditRecord_KIND_CONFIGURATION_CHANGED || r.GetCaller() != "folder" || r.GetTime() == nil {
			t.Errorf("got %v", r)
		}
		detail, _, _ := strings.Cut(r.GetDetail(), ": expected YAML")
		got = append(got, fmt.Sprintf("%s %d %s %s", r.GetRealm(), r.GetRevision(), r.GetCode(), strings.TrimPrefix(detail, f.dir+"/")))
	}
	want := []string{"main 1 OK added main.yaml", " 0 FAILED_PRECONDITION main.yaml", "main 2 OK removed main.yaml", "next 1 OK added next.yaml"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestOpenRefusals are states that do not start, with all that is wrong.
func TestOpenRefusals(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	for _, tc := range []struct {
		name, file string
		want       []string
	}{
		{"unknown profile", "policies: [{name: a, profiles: [b]}]", []string{"main.yaml:1:33: "}},
		{"unknown executor", "profiles:\n  - name: a\n    executors:\n      - executor: pkce-enforcr", []string{`main.yaml:4:9: unknown executor "pkce-enforcr"; did you mean "pkce-enforcer"`}},
		{"unknown configuration key", "profiles:\n  - name: a\n    executors:\n      - executor: pkce-enforcer\n        configuration:\n          auto-confgure: true", []string{"main.yaml:6:11: pkce-enforcer: unknown"}},
		{"value of the wrong type", "profiles: [{name: a, executors: [{executor: pkce-enforcer, configuration: {auto-configure: [1]}}]}]", []string{"main.yaml:1:76: pkce-enforcer: "}},
		{"mode", "policies: [{name: a, mode: LAX}]", []string{"main.yaml:1:22: unknown mode"}},
		{"name", `policies: [{name: "a\nb"}]`, []string{"main.yaml:1:13: name holds a character"}},
		{"compatibility", "settings: {compatibility: COMPATIBILITY_UNSPECIFIED}", []string{"main.yaml:1:12: must be COMPATIBILITY_SAFE"}},
		{"omitted fact", "settings: {omittedFacts: [nowhere]}", []string{"main.yaml:1:27: "}},
		{"retention", "settings: {historyRetention: {maxRevisions: -1, maxAge: 0s}}", []string{"main.yaml:1:31: expected 0 or more", "main.yaml:1:49: expected a duration of more than 0"}},
		{"protected client", "settings: {protectedClients: [a, '']}", []string{"main.yaml:1:34: a client id may not be empty"}},
		{"text too long", "policies: [{name: a, description: " + long + "y}]", []string{"main.yaml:1:35: the text has 65537 bytes, at most 65536"}},
		{"member too long", "profiles: [{name: a, executors: [{executor: pkce-enforcer, configuration: {? " + long + "y : 1}}]}]", []string{"the name of the member has 65537 bytes"}},
		{"integer too great", "profiles: [{name: a, executors: [{executor: pkce-enforcer, configuration: {x: 9007199254740993}}]}]", []string{"main.yaml:1:79: the integer is beyond 2^53", "unknown"}},
		{"several realms", "policies: [{name: a, profiles: [b]}, {name: c, mode: LAX}]", []string{"main.yaml:1:33", "main.yaml:1:48", "second.yaml:1:1: unknown member"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string]string{"main.yaml": tc.file})
			if tc.name == "several realms" {
				write(t, dir, map[string]string{"second.yaml": "x: 1"})
			}
			store, err := folder.Open(t.Context(), folder.Options{Dir: dir, Check: check(t), Limits: pdp.DefaultLimits(), Log: zap.NewNop()})
			if err == nil {
				t.Fatal("opened", store.Close())
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("message lacks %q:\n%v", want, err)
				}
			}
		})
	}
}

// TestTextAtTheLimit opens what is one byte below a refusal.
func TestTextAtTheLimit(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	f := start(t, map[string]string{"main.yaml": "policies: [{name: a, description: " + long + "}]"})
	f.want("main", "a")
}

func TestIncompleteOptions(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"main.yaml": policy("a")})
	whole := folder.Options{Dir: dir, Check: check(t), Limits: pdp.DefaultLimits(), Log: zap.NewNop()}
	for name, spoil := range map[string]func(*folder.Options){
		"dir": func(o *folder.Options) { o.Dir = "" }, "check": func(o *folder.Options) { o.Check = nil },
		"limits": func(o *folder.Options) { o.Limits = pdp.Limits{} }, "log": func(o *folder.Options) { o.Log = nil },
	} {
		o := whole
		spoil(&o)
		if _, err := folder.Open(t.Context(), o); err == nil {
			t.Errorf("opened without %s", name)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := folder.Open(ended, whole); !errors.Is(err, context.Canceled) {
		t.Errorf("opened although the context had ended: %v", err)
	}
}

// TestLongComment changes more files than a comment can name.
func TestLongComment(t *testing.T) {
	files := map[string]string{}
	for i := range 300 {
		files[fmt.Sprintf("main/policy-number-%03d.yaml", i)] = policy(fmt.Sprintf("p%d", i))
	}
	f := start(t, files)
	state, err := f.store.Load(t.Context(), "main", 0)
	if err != nil {
		t.Fatal(err)
	}
	if n := len([]rune(state.Meta.Comment)); n != storage.MaxComment || !strings.HasSuffix(state.Meta.Comment, "…") {
		t.Errorf("the comment has %d characters", n)
	}
	if !slices.Contains(f.policies("main"), "p299") {
		t.Error("the last policy is missing")
	}
}

// TestByItself follows a directory with its own ticker.
func TestByItself(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"main.yaml": policy("a")})
	store, err := folder.Open(t.Context(), folder.Options{Dir: dir, Check: check(t), Limits: pdp.DefaultLimits(), Log: zap.NewNop(), Interval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	heads, err := store.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"main.yaml": policy("b")})
	select {
	case <-heads:
	case <-time.After(30 * time.Second):
		t.Fatal("the change was not noticed")
	}
	state, err := store.Load(t.Context(), "main", 0)
	if err != nil || state.Policies[0].Name() != "b" {
		t.Errorf("got %v, %v", state, err)
	}
}
