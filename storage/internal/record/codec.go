package record

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/sidegate/sidegate/storage"
)

// writer appends fields to a record.
type writer struct{ b []byte }

func (w *writer) number(n int64) { w.b = binary.AppendUvarint(w.b, uint64(n)) }

func (w *writer) text(s string) {
	w.number(int64(len(s)))
	w.b = append(w.b, s...)
}

func (w *writer) hash(h storage.Hash) { w.b = append(w.b, h[:]...) }

func (w *writer) time(t time.Time) {
	w.b = binary.AppendVarint(w.b, t.Unix())
	w.number(int64(t.Nanosecond()))
}

func (w *writer) meta(m storage.Meta) {
	w.number(m.Revision)
	w.number(m.Parent)
	w.time(m.Time)
	w.text(m.Author)
	w.text(m.Surface)
	w.text(m.Comment)
}

// seal closes the record: its bytes and the SHA-256 of name and bytes.
func (w *writer) seal(name string) []byte {
	sum := sealOf(name, w.b)
	return append(w.b, sum[:]...)
}

func sealOf(name string, payload []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write(binary.AppendUvarint(nil, uint64(len(name))))
	h.Write([]byte(name))
	h.Write(payload)
	return [sha256.Size]byte(h.Sum(nil))
}

// reader takes fields off a record. The first fault sticks; what is read after
// it is zero.
type reader struct {
	b   []byte
	err error
}

var (
	errShort   = errors.New("the record ends too early")
	errTooLong = errors.New("bytes follow the record")
	errRange   = errors.New("a number is out of range")
)

// open checks the seal of a record and returns a reader of its fields.
func open(name string, b []byte) (*reader, error) {
	if b == nil {
		return nil, corrupt(name, "it is missing")
	}
	n := len(b) - sha256.Size
	if n < 0 {
		return nil, corrupt(name, "it is too short")
	}
	if sealOf(name, b[:n]) != [sha256.Size]byte(b[n:]) {
		return nil, corrupt(name, "it does not match its checksum")
	}
	return &reader{b: b[:n]}, nil
}

// done returns the first fault, or that something is left over.
func (r *reader) done(name string) error {
	if r.err == nil && len(r.b) > 0 {
		r.err = errTooLong
	}
	if r.err != nil {
		return corrupt(name, r.err.Error())
	}
	return nil
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

func (r *reader) take(n int64) []byte {
	if n < 0 || n > int64(len(r.b)) {
		r.fail(errShort)
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// number reads a number that is not negative.
func (r *reader) number() int64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail(errShort)
		return 0
	}
	if int64(v) < 0 {
		r.fail(errRange)
		return 0
	}
	r.b = r.b[n:]
	return int64(v)
}

// count reads the length of a list whose entries take at least size bytes.
func (r *reader) count(size int) int {
	n := r.number()
	if n > int64(len(r.b)/size) {
		r.fail(errShort)
		return 0
	}
	return int(n)
}

func (r *reader) text() string { return string(r.take(r.number())) }

func (r *reader) hash() storage.Hash {
	b := r.take(sha256.Size)
	if b == nil {
		return storage.Hash{}
	}
	return storage.Hash(b)
}

func (r *reader) time() time.Time {
	sec, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail(errShort)
		return time.Time{}
	}
	r.b = r.b[n:]
	nsec := r.number()
	if nsec >= int64(time.Second) {
		r.fail(errRange)
	}
	return time.Unix(sec, nsec).UTC()
}

func (r *reader) meta() storage.Meta {
	return storage.Meta{
		Revision: r.number(), Parent: r.number(), Time: r.time(),
		Author: r.text(), Surface: r.text(), Comment: r.text(),
	}
}

func corrupt(name, problem string) error {
	return &storage.CorruptError{Record: name, Problem: problem}
}

func revisionName(realm string, revision int64) string {
	return fmt.Sprintf("revision %d of realm %q", revision, realm)
}
