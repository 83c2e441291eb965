package store

import (
	"crypto/sha256"
	"errors"
	"time"
)

// errFull is returned when a bounded collection has no room left.
var errFull = errors.New("store is full")

// digest stands for a secret value that is not kept.
type digest [sha256.Size]byte

func digestOf(secret string) digest { return sha256.Sum256([]byte(secret)) }

// shelf is a bounded collection whose entries expire. Its user locks.
type shelf[K comparable, V any] struct {
	max   int
	items map[K]kept[V]
}

type kept[V any] struct {
	value   V
	expires time.Time
}

func newShelf[K comparable, V any](max int) shelf[K, V] {
	return shelf[K, V]{max: max, items: make(map[K]kept[V])}
}

// put adds or replaces a value, throwing out expired ones when there is no room.
func (s *shelf[K, V]) put(now time.Time, key K, value V, expires time.Time) error {
	if len(s.items) >= s.max {
		s.sweep(now)
	}
	if _, replaced := s.items[key]; len(s.items) >= s.max && !replaced {
		return errFull
	}
	s.items[key] = kept[V]{value: value, expires: expires}
	return nil
}

func (s *shelf[K, V]) get(now time.Time, key K) (V, bool) {
	k, ok := s.items[key]
	if !ok || !now.Before(k.expires) {
		var none V
		return none, false
	}
	return k.value, true
}

// take removes a value and returns it.
func (s *shelf[K, V]) take(now time.Time, key K) (V, bool) {
	v, ok := s.get(now, key)
	delete(s.items, key)
	return v, ok
}

func (s *shelf[K, V]) drop(key K) { delete(s.items, key) }

// dropIf removes every value for which gone holds.
func (s *shelf[K, V]) dropIf(gone func(V) bool) {
	for key, k := range s.items {
		if gone(k.value) {
			delete(s.items, key)
		}
	}
}

func (s *shelf[K, V]) sweep(now time.Time) {
	for key, k := range s.items {
		if !now.Before(k.expires) {
			delete(s.items, key)
		}
	}
}
