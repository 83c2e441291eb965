package bolt_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/bolt"
)

// filePage is a page of the file: a header of id, flags, count and overflow, and
// elements of 16 bytes.
type filePage []byte

func (p filePage) element(n int) []byte { return p[16+16*n : 32+16*n] }

// find returns the first page with these flags and more than one element.
func find(t *testing.T, file []byte, flags uint16) filePage {
	t.Helper()
	root := binary.NativeEndian.Uint64(file[newerMeta(file)*pageSize+16+16:])
	for at := 2 * pageSize; at < len(file); at += pageSize {
		p := filePage(file[at : at+pageSize])
		id := binary.NativeEndian.Uint64(p)
		if binary.NativeEndian.Uint16(p[8:]) == flags && binary.NativeEndian.Uint16(p[10:]) > 1 && (flags == leaf) == (id == root) {
			return p
		}
	}
	t.Fatalf("the file has no page with the flags %d", flags)
	return nil
}

func newerMeta(file []byte) int {
	transaction := func(n int) uint64 { return binary.NativeEndian.Uint64(file[n*pageSize+16+48:]) }
	if transaction(0) > transaction(1) {
		return 0
	}
	return 1
}

const branch, leaf, freelist = 0x01, 0x02, 0x10

// TestWalk damages one pointer or number of a page each, and expects the check
// before bbolt's own reading to say so: bbolt itself would follow it, for ever
// or out of the file.
func TestWalk(t *testing.T) {
	// One transaction leaves no old page that could be mistaken for a current one.
	files, _ := versions(t, 1)
	put32, put64 := binary.NativeEndian.PutUint32, binary.NativeEndian.PutUint64
	for name, c := range map[string]struct {
		flags  uint16
		damage func(filePage)
		want   string
	}{
		"branch: circle":            {branch, func(p filePage) { copy(p.element(0)[8:], p[:8]) }, "used twice"},
		"branch: same child twice":  {branch, func(p filePage) { copy(p.element(1)[8:], p.element(0)[8:]) }, "used twice"},
		"branch: child is a meta":   {branch, func(p filePage) { put64(p.element(0)[8:], 1) }, "cannot be"},
		"branch: child outside":     {branch, func(p filePage) { put64(p.element(0)[8:], 1<<40) }, "cannot be"},
		"branch: key outside":       {branch, func(p filePage) { put32(p.element(0), pageSize) }, "outside of it"},
		"branch: key in header":     {branch, func(p filePage) { put32(p.element(1), 0) }, "outside of it"},
		"branch: next key outside":  {branch, func(p filePage) { put32(p.element(1)[4:], pageSize) }, "outside of it"},
		"branch: keys swapped":      {branch, func(p filePage) { swap(p, 8) }, "out of order"},
		"branch: no children":       {branch, func(p filePage) { p[10], p[11] = 0, 0 }, "no children"},
		"branch: many children":     {branch, func(p filePage) { p[10], p[11] = 0xff, 0xff }, ""},
		"branch: overflow":          {branch, func(p filePage) { put32(p[12:], 1<<31) }, "header"},
		"branch: other id":          {branch, func(p filePage) { p[0]++ }, "header"},
		"branch: other kind":        {branch, func(p filePage) { p[8] = 0x20 }, "no known kind"},
		"leaf: keys swapped":        {leaf, func(p filePage) { swap(p, 16) }, "out of order"},
		"leaf: key too long":        {leaf, func(p filePage) { put32(p.element(0)[8:], pageSize) }, "outside of it"},
		"leaf: value too long":      {leaf, func(p filePage) { put32(p.element(0)[12:], pageSize) }, "outside of it"},
		"leaf: empty key":           {leaf, func(p filePage) { put32(p.element(0)[8:], 0) }, "empty"},
		"leaf: other kind of entry": {leaf, func(p filePage) { put32(p.element(0), 2) }, "no known kind"},
		"leaf: many entries":        {leaf, func(p filePage) { p[10], p[11] = 0xff, 0xff }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := bytes.Clone(files[0])
			c.damage(find(t, file, c.flags))
			_, err := read(t, t.TempDir(), file, bolt.Options{})
			if !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), "database file") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("open = %v, want ErrCorrupt of the database file: %s", err, c.want)
			}
		})
	}
}

// swap exchanges position and sizes of the first two elements, so that their
// keys and what belongs to them change places.
func swap(p filePage, width int) {
	a, b := bytes.Clone(p.element(0)[:width]), bytes.Clone(p.element(1)[:width])
	copy(p.element(0)[:width], b)
	copy(p.element(1)[:width], a)
	// Positions count from the element.
	at := width/8*4 - 4
	order := binary.NativeEndian
	order.PutUint32(p.element(0)[at:], order.Uint32(p.element(0)[at:])+16)
	order.PutUint32(p.element(1)[at:], order.Uint32(p.element(1)[at:])-16)
}

// TestFreeList damages the list of free pages: a page in use that is listed would
// be overwritten by the next commit.
func TestFreeList(t *testing.T) {
	files, _ := versions(t, 3)
	order := binary.NativeEndian
	for name, damage := range map[string]func(file []byte, list filePage){
		"page in use":  func(file []byte, list filePage) { copy(list[16:24], list[:8]) },
		"page twice":   func(_ []byte, list filePage) { copy(list[16:24], list[24:32]) },
		"page outside": func(_ []byte, list filePage) { order.PutUint64(list[16:], 1<<50) },
		"meta page":    func(_ []byte, list filePage) { order.PutUint64(list[16:], 0) },
		"page less":    func(_ []byte, list filePage) { order.PutUint16(list[10:], order.Uint16(list[10:])-1) },
		"too long":     func(_ []byte, list filePage) { order.PutUint16(list[10:], 0xfffe) },
		"long form":    func(_ []byte, list filePage) { order.PutUint16(list[10:], 0xffff) },
		"not a list":   func(_ []byte, list filePage) { list[8] = leaf },
	} {
		t.Run(name, func(t *testing.T) {
			file := bytes.Clone(files[2])
			at := order.Uint64(file[newerMeta(file)*pageSize+16+32:])
			list := filePage(file[at*pageSize : (at+1)*pageSize])
			if order.Uint16(list[8:]) != freelist || order.Uint16(list[10:]) < 2 {
				t.Fatal("the file has no free pages to speak of")
			}
			damage(file, list)
			_, err := read(t, t.TempDir(), file, bolt.Options{})
			if !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), "database file") {
				t.Errorf("open = %v, want ErrCorrupt of the database file", err)
			}
		})
	}
}
