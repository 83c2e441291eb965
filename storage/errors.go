package storage

import (
	"errors"
	"fmt"
)

// Errors of a Store, to be told apart by errors.Is.
var (
	// ErrRealmNotFound means that there is no such realm.
	ErrRealmNotFound = errors.New("realm not found")
	// ErrRealmExists means that a realm to be created is there already.
	ErrRealmExists = errors.New("realm exists")
	// ErrRevisionNotFound means that the revision never was or is no longer kept.
	ErrRevisionNotFound = errors.New("revision not found")
	// ErrConflict means that somebody else has changed the realm; see ConflictError.
	ErrConflict = errors.New("revision conflict")
	// ErrInvalid means that the arguments are malformed.
	ErrInvalid = errors.New("invalid change")
	// ErrCorrupt means that stored bytes are not what was written; see CorruptError.
	ErrCorrupt = errors.New("store corrupt")
	// ErrFormat means that the store was written by another, later version.
	ErrFormat = errors.New("store format unknown")
	// ErrLocked means that another process holds the store.
	ErrLocked = errors.New("store locked")
	// ErrClosed means that the store is closed.
	ErrClosed = errors.New("store closed")
)

// ConflictError is a commit that was based on another revision than the
// current one. It is ErrConflict.
type ConflictError struct {
	// Realm that was to be changed.
	Realm string
	// Parent is the revision that the change was based on.
	Parent int64
	// Current is the revision that it must be based on now.
	Current int64
}

// Error names both revisions.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("%v: realm %q is at revision %d, the change was based on %d; load it and apply the change again",
		ErrConflict, e.Realm, e.Current, e.Parent)
}

// Is makes the error ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// CorruptError is a damaged record. It is ErrCorrupt.
type CorruptError struct {
	// Record is what is damaged, such as `item 9f86… of realm "master"`.
	Record string
	// Problem is what is wrong with it.
	Problem string
}

// Error names the record.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%v: %s: %s; restore the store from a backup", ErrCorrupt, e.Record, e.Problem)
}

// Is makes the error ErrCorrupt.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

// invalid is ErrInvalid with the reason.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}
