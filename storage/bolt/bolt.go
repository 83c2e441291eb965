package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/internal/record"
)

// File is the name of the file in the directory given to Open.
const File = "sidegate.db"

// DefaultTimeout is how long Open waits for another process by default.
const DefaultTimeout = time.Second

// Options change how a store is opened. The zero value is right for a server.
type Options struct {
	// Timeout is how long to wait for a file that another process holds; 0 means
	// DefaultTimeout.
	Timeout time.Duration
	// NoSync leaves out fsync, for tests: what was committed may be lost when
	// the machine stops.
	NoSync bool
	// AcceptPreviousCommit opens a file of which one meta page is damaged. That
	// page may have been the one of the last commit, which is then lost; without
	// this option such a file is storage.ErrCorrupt.
	AcceptPreviousCommit bool
}

// Store is a storage.Store in a bbolt file.
type Store struct {
	db  *bbolt.DB
	hub storage.Hub

	// commit is held by the one commit under way, and guards what follows.
	commit sync.Mutex
	// failed is why no commit is possible any more.
	failed error
	// stuck tells that bbolt may hold its locks for good.
	stuck  bool
	digest record.Digest

	// mu guards realms and closed.
	mu     sync.RWMutex
	realms map[string]*realm
	closed bool
}

var _ storage.Store = (*Store)(nil)

// realm is what is known of a realm or a deleted one. It is replaced, not
// changed, by a commit.
type realm struct {
	head *record.Head
	// encoded is the record of the head.
	encoded []byte
	// settings is the item with the current settings.
	settings *storage.Item
	// current is nil until somebody asks for it.
	current *storage.Snapshot
}

// Open opens the store in the directory dir and makes both when they are not
// there. It answers storage.ErrLocked when another process holds the file,
// storage.ErrFormat when a later version wrote it, and storage.ErrCorrupt when
// it is damaged.
func Open(dir string, options Options) (*Store, error) {
	if options.Timeout <= 0 {
		options.Timeout = DefaultTimeout
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store directory: %w", err)
	}
	path := filepath.Join(dir, File)
	if err := verifyFile(path, options); err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	s, err := openFile(path, options)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	return s, nil
}

func openFile(path string, options Options) (*Store, error) {
	db, err := openBolt(path, options, false)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, realms: map[string]*realm{}}
	if err := s.start(options); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// start lays out a new file or reads the heads of an old one.
func (s *Store) start(options Options) error {
	var fresh bool
	err := s.view(func(tx *bbolt.Tx) error {
		fresh = isFresh(tx)
		return nil
	})
	if err != nil {
		return err
	}
	if fresh {
		if err := s.update(initialize); err != nil {
			return err
		}
		if err := syncDir(filepath.Dir(s.db.Path())); err != nil {
			return err
		}
	}
	if err := s.view(s.readHeads); err != nil || !options.AcceptPreviousCommit {
		return err
	}
	// A commit that changes nothing writes the damaged meta page anew.
	return s.update(func(tx *bbolt.Tx) error { return putRoot(tx, s.digest) })
}

// isFresh tells a file that bbolt has just made from one whose content got lost:
// its two meta pages stand for the transactions 0 and 1.
func isFresh(tx *bbolt.Tx) bool { return tx.ID() <= 1 }

// syncDir makes the directory entry of a new file durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Watch implements storage.Store.
func (s *Store) Watch(ctx context.Context) (<-chan storage.Head, error) { return s.hub.Watch(ctx) }

// Close implements storage.Store.
func (s *Store) Close() error {
	s.hub.Close()
	s.commit.Lock()
	defer s.commit.Unlock()
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	if s.stuck {
		return fmt.Errorf("store %s stays open until the process ends: %w", s.db.Path(), s.failed)
	}
	return s.db.Close()
}

// find returns what is known of a realm, nil when its name was never used.
func (s *Store) find(ctx context.Context, name string) (*realm, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, storage.ErrClosed
	}
	return s.realms[name], nil
}
