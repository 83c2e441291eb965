package bolt

import (
	"errors"
	"fmt"
	"runtime/debug"
	"syscall"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/sidegate/sidegate/storage"
)

// openBolt opens the file through bbolt, with its lock.
func openBolt(path string, options Options, readOnly bool) (db *bbolt.DB, err error) {
	err = guard(func() error {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout: options.Timeout, NoSync: options.NoSync, ReadOnly: readOnly,
		})
		return err
	})
	return db, openError(err, options)
}

// openError tells damage that bbolt found from a file that cannot be read.
func openError(err error, options Options) error {
	var errno syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("%w: another process holds the file (waited %v); stop it, or use its administration API",
			storage.ErrLocked, options.Timeout)
	case errors.As(err, &errno), errors.Is(err, storage.ErrCorrupt):
		return err
	}
	return damaged("%v", err)
}

// guard runs fn and turns a panic of bbolt, or a fault on its mapped file, into
// storage.ErrCorrupt.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = &storage.CorruptError{Record: "database file", Problem: fmt.Sprint(r)}
		}
	}()
	return fn()
}

// asClosed tells that the store was closed meanwhile.
func asClosed(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return storage.ErrClosed
	}
	return err
}

func (s *Store) view(fn func(*bbolt.Tx) error) error {
	return asClosed(guard(func() error { return s.db.View(fn) }))
}

// update runs a transaction. One that fails while it is written may have got
// through or not: unless the file shows that it has not, it was the last.
func (s *Store) update(fn func(*bbolt.Tx) error) error {
	var refused error
	var id int
	returned := false
	err := guard(func() error {
		err := s.db.Update(func(tx *bbolt.Tx) error {
			id = tx.ID()
			refused = fn(tx)
			return refused
		})
		returned = true
		return err
	})
	if err == nil || refused != nil {
		return err
	}
	// bbolt may still hold its locks after a panic.
	s.stuck = !returned
	if s.stuck || !s.isLast(id-1) {
		s.failed = fmt.Errorf("a commit failed and its outcome is unknown, open the store anew: %w", err)
	}
	return asClosed(err)
}

// isLast tells whether the last transaction in the file has this number.
func (s *Store) isLast(id int) bool {
	var last int
	err := s.view(func(tx *bbolt.Tx) error {
		last = tx.ID()
		return nil
	})
	return err == nil && last == id
}
