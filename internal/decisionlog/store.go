package decisionlog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Buckets and keys of the file. "decisions" has a bucket for each realm, with the
// records under their keys and the keys under the ids of the decisions.
var (
	metaBucket      = []byte("log")
	decisionsBucket = []byte("decisions")
	recordsBucket   = []byte("records")
	idsBucket       = []byte("ids")
	auditBuckets    = [auditClasses][]byte{[]byte("audit"), []byte("refusals")}
	formatKey       = []byte("format")
	fingerprintKey  = []byte("pseudonyms")
)

// format is what the file says of itself.
const format = "sidegate decision log 1"

// The remedies that errors name.
const (
	remedyDamage = "move the file away and start again with an empty log, or put a copy in its place"
	remedyEmpty  = "remove it and start again with an empty log, or put a copy in its place"
)

// damagedError is an [ErrCorrupt] that says what is damaged.
type damagedError struct{ record, problem string }

func (e *damagedError) Error() string {
	return fmt.Sprintf("%v: %s: %s; %s", ErrCorrupt, e.record, e.problem, remedyDamage)
}

func (e *damagedError) Is(target error) bool { return target == ErrCorrupt }

func damaged(record, format string, args ...any) error {
	return &damagedError{record, fmt.Sprintf(format, args...)}
}

// store is the bbolt file. Readers may run at any time; there is one writer.
type store struct {
	path    string
	timeout time.Duration
	noSync  bool
	// pageSize is that of the file; bbolt's own Info must not be asked while it is
	// written.
	pageSize int64

	// mu is held for writing while the file is replaced.
	mu sync.RWMutex
	db *bbolt.DB
	// gone is why there is no file any more.
	gone error
}

// openStore opens the file, and makes it when it is not there: under another name
// at first, so that a crash leaves no file of 0 bytes.
func openStore(path string, timeout time.Duration, noSync bool) (*store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	s := &store{path: path, timeout: timeout, noSync: noSync}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = s.create()
	case err == nil && info.Size() == 0:
		err = fmt.Errorf("%w: the file has 0 bytes; %s", ErrCorrupt, remedyEmpty)
	}
	if err != nil {
		return nil, err
	}
	if err := s.checkSize(); err != nil {
		return nil, err
	}
	if s.db, err = s.open(path, false); err != nil {
		return nil, err
	}
	s.pageSize = int64(s.db.Info().PageSize)
	// With the file in hand, what another run left half done is ours to remove.
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

func (s *store) begin() error {
	if err := os.Remove(s.path + rewriteSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.view(checkFormat)
}

// Names of files under way.
const (
	createSuffix  = ".new"
	rewriteSuffix = ".rewrite"
)

func (s *store) create() error {
	path := s.path + createSuffix
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := s.open(path, false)
	if err != nil {
		return err
	}
	err = guard(func() error { return db.Update(initialize) })
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Rename(path, s.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(s.path))
}

// initialize lays out a new file.
func initialize(tx *bbolt.Tx) error {
	names := append([][]byte{metaBucket, decisionsBucket}, auditBuckets[:]...)
	for _, name := range names {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return tx.Bucket(metaBucket).Put(formatKey, []byte(format))
}

func checkFormat(tx *bbolt.Tx) error {
	b, err := bucket(tx, metaBucket)
	if err != nil {
		return err
	}
	switch got := b.Get(formatKey); {
	case bytes.Equal(got, []byte(format)):
		return nil
	case bytes.HasPrefix(got, []byte(format[:len(format)-1])):
		return fmt.Errorf("%w: it is %q, this version reads %q; use the version that wrote it, or move the file away", ErrFormat, got, format)
	}
	return damaged("format record", "it is missing or not of a decision log")
}

// syncDir makes the directory entry of a new file durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// checkSize finds a file that was cut short. Opened for reading, bbolt looks at its
// meta pages alone; else it would fault, and keep the lock.
func (s *store) checkSize() error {
	db, err := s.open(s.path, true)
	if err != nil {
		return err
	}
	var wanted int64
	err = guard(func() error {
		return db.View(func(tx *bbolt.Tx) error { wanted = tx.Size(); return nil })
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	info, err := os.Stat(s.path)
	if err == nil && info.Size() < wanted {
		err = damaged("database file", "it has %d bytes of %d", info.Size(), wanted)
	}
	return err
}

func (s *store) open(path string, readOnly bool) (db *bbolt.DB, err error) {
	err = guard(func() error {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout: s.timeout, NoSync: s.noSync, ReadOnly: readOnly, FreelistType: bbolt.FreelistMapType,
		})
		return err
	})
	if err != nil {
		return nil, s.openError(err)
	}
	return db, nil
}

// openError tells damage that bbolt found from a file that cannot be read.
func (s *store) openError(err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("%w: another process holds the file (waited %v); stop it, or give each its own file", ErrLocked, s.timeout)
	case errors.As(err, &errno), errors.Is(err, ErrCorrupt):
		return err
	}
	return damaged("database file", "%v", err)
}

// guard runs fn and turns a panic of bbolt, or a fault on its mapped file, into
// [ErrCorrupt].
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = damaged("database file", "%v", r)
		}
	}()
	return fn()
}

// bucket returns a bucket that must be there.
func bucket(tx *bbolt.Tx, name []byte) (*bbolt.Bucket, error) {
	b := tx.Bucket(name)
	if b == nil {
		return nil, damaged(fmt.Sprintf("bucket %q", name), "it is missing")
	}
	return b, nil
}

// view runs a read transaction. It must be short: while it runs, no page that it
// could see is used again.
func (s *store) view(fn func(*bbolt.Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.gone != nil {
		return s.gone
	}
	return guard(func() error { return s.db.View(fn) })
}

// update runs a transaction. One that fails while it is written may have got
// through or not: unless the file shows that it has not, it is opened anew. Either
// way the caller may run the same transaction again, if it does the same twice.
func (s *store) update(fn func(*bbolt.Tx) error) error {
	var refused error
	var id int
	err := s.tryUpdate(func(tx *bbolt.Tx) error {
		id = tx.ID()
		refused = fn(tx)
		return refused
	})
	if err == nil || refused != nil || id == 0 || s.isLast(id-1) {
		return err
	}
	return errors.Join(err, s.reopen())
}

func (s *store) tryUpdate(fn func(*bbolt.Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.gone != nil {
		return s.gone
	}
	return guard(func() error { return s.db.Update(fn) })
}

// isLast tells whether the last transaction in the file has this number.
func (s *store) isLast(id int) bool {
	var last int
	err := s.view(func(tx *bbolt.Tx) error {
		last = tx.ID()
		return nil
	})
	return err == nil && last == id
}

// reopen opens the file at the path in place of the one that is open.
func (s *store) reopen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone != nil {
		return s.gone
	}
	err := s.db.Close()
	if err == nil {
		s.db, err = s.open(s.path, false)
	}
	if err != nil {
		s.gone = fmt.Errorf("%w: it cannot be opened anew, restart the server: %w", ErrUnavailable, err)
	}
	return s.gone
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone != nil {
		return nil
	}
	s.gone = ErrClosed
	return s.db.Close()
}

// used returns how many bytes of the file are in use, as of the last transaction
// that wrote.
func (s *store) used() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.gone != nil {
		return 0
	}
	var size int64
	if err := guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error { size = tx.Size(); return nil })
	}); err != nil {
		return 0
	}
	stats := s.db.Stats()
	return size - int64(stats.FreePageN+stats.PendingPageN)*s.pageSize
}
