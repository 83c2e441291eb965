// Package storagetest holds the tests that every storage driver must pass. A
// driver's own test is ten lines: it says how to open a store and calls Run.
//
// It covers the contract of storage.Store: what is written is what is read,
// compare-and-swap under concurrency, history and retention, deletion and
// re-creation, watching, that nothing returned reaches into the store, and a
// random walk against a simple model. Durable drivers are closed and opened
// again in between, and opened on damaged files.
package storagetest

import (
	"testing"
	"time"

	"github.com/sidegate/sidegate/storage"
)

// Driver is a driver under test.
type Driver struct {
	// Open opens the store kept in dir, a directory of its own.
	Open func(dir string) (storage.Store, error)
	// Durable tells that a store closed and opened again is as before.
	Durable bool
	// Damage, when set, tells that flipped bytes in the files in dir must be
	// noticed.
	Damage bool
}

// Run runs all tests.
func Run(t *testing.T, d Driver) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Driver)
	}{
		{"Create", testCreate},
		{"RoundTrip", testRoundTrip},
		{"OutputOnly", testOutputOnly},
		{"Stamps", testStamps},
		{"Order", testOrder},
		{"NoChange", testNoChange},
		{"Refusals", testRefusals},
		{"Invalid", testInvalid},
		{"Realms", testRealms},
		{"DeleteAndCreateAgain", testDelete},
		{"History", testHistory},
		{"MaxRevisions", testMaxRevisions},
		{"MaxAge", testMaxAge},
		{"LongHistory", testLongHistory},
		{"Isolation", testIsolation},
		{"Watch", testWatch},
		{"WatchSlowReader", testWatchSlowReader},
		{"WatchEnds", testWatchEnds},
		{"ConcurrentCommits", testConcurrentCommits},
		{"ConcurrentReaders", testConcurrentReaders},
		{"Closed", testClosed},
		{"Model", testModel},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, d) })
	}
	if d.Damage {
		t.Run("Damage", func(t *testing.T) { testDamage(t, d) })
	}
}

// Epoch is the time of the first change in these tests.
var Epoch = time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.UTC)

// fixture is a store under test.
type fixture struct {
	storage.Store
	t      testing.TB
	driver Driver
	dir    string
	// now is the time of the next change.
	now time.Time
}

// open opens an empty store that is closed when the test ends.
func open(t *testing.T, d Driver) *fixture {
	t.Helper()
	f := &fixture{t: t, driver: d, dir: t.TempDir(), now: Epoch}
	f.start()
	t.Cleanup(f.stop)
	return f
}

func (f *fixture) start() {
	f.t.Helper()
	s, err := f.driver.Open(f.dir)
	if err != nil {
		f.t.Fatalf("open: %v", err)
	}
	f.Store = s
}

func (f *fixture) stop() {
	f.t.Helper()
	if err := f.Close(); err != nil {
		f.t.Fatalf("close: %v", err)
	}
}

// reopen closes a durable store and opens it again.
func (f *fixture) reopen() {
	f.t.Helper()
	if f.driver.Durable {
		f.stop()
		f.start()
	}
}

// change makes a change of a realm, one second after the one before.
func (f *fixture) change(realm string, parent int64, c storage.Content) storage.Change {
	f.now = f.now.Add(time.Second)
	return storage.Change{
		Realm: realm, Parent: parent, Content: c,
		Author: "alice", Surface: "rest", Time: f.now,
	}
}

// commit commits a change that must succeed.
func (f *fixture) commit(c storage.Change) storage.Meta {
	f.t.Helper()
	m, err := f.Commit(f.t.Context(), c)
	if err != nil {
		f.t.Fatalf("commit to %q on %d: %v", c.Realm, c.Parent, err)
	}
	return m
}

// load loads a revision that must be there, and checks what any state must be.
func (f *fixture) load(realm string, revision int64) *storage.State {
	f.t.Helper()
	s, err := f.Load(f.t.Context(), realm, revision)
	if err != nil {
		f.t.Fatalf("load %q at %d: %v", realm, revision, err)
	}
	if err := checkState(s); err != nil {
		f.t.Fatalf("load %q at %d: %v", realm, revision, err)
	}
	return s
}
