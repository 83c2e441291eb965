package bolt

import (
	"errors"

	"go.etcd.io/bbolt"
)

// DB gives tests the database, to make writes fail.
func (s *Store) DB() *bbolt.DB { return s.db }

// Update gives tests a transaction that leaves everything as it is.
func (s *Store) Update(fn func(*bbolt.Tx) error) error {
	s.commit.Lock()
	defer s.commit.Unlock()
	return s.update(func(tx *bbolt.Tx) error { return errors.Join(fn(tx), putRoot(tx, s.digest)) })
}
