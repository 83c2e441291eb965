package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"os"

	"github.com/sidegate/sidegate/storage"
)

// The file format of bbolt, version 2: go.etcd.io/bbolt/internal/common,
// meta.go and page.go. Numbers stand in the machine's own byte order.
const (
	boltMagic      = 0xED0CDAED
	boltVersion    = 2
	headerSize     = 16
	elementSize    = 16
	metaSize       = 64
	branchPage     = 0x01
	leafPage       = 0x02
	freelistPage   = 0x10
	bucketElement  = 0x01
	bucketHeader   = 16
	noFreelist     = math.MaxUint64
	longFreelist   = 0xFFFF
	maxDepth       = 64
	firstDataPage  = 2
	secondMetaPage = 1
)

var order = binary.NativeEndian

// verifyFile checks a file before bbolt reads its tree: bbolt follows any
// pointer, some of them in goroutines of its own, where a fault ends the
// process. A file that is not there yet is sound.
func verifyFile(path string, options Options) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	// Opened for reading, bbolt takes the lock and looks at the meta pages only.
	db, err := openBolt(path, options, true)
	if err != nil {
		return err
	}
	return errors.Join(verifyPages(path, db.Info().PageSize, options.AcceptPreviousCommit), db.Close())
}

func verifyPages(path string, pageSize int, acceptPrevious bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	t := &tree{file: file, pageSize: uint64(pageSize)}
	err = t.verify(acceptPrevious)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = damaged("the file ends too early")
	}
	return errors.Join(err, file.Close())
}

func damaged(format string, args ...any) error {
	return &storage.CorruptError{Record: "database file", Problem: fmt.Sprintf(format, args...)}
}

// tree is a file under check.
type tree struct {
	file     io.ReaderAt
	pageSize uint64
	meta     meta
	// seen tells which pages are in use or free.
	seen []bool
	// buffers hold one page for each level of the walk.
	buffers [maxDepth][]byte
}

// meta is what a meta page says.
type meta struct {
	root, freelist, pages, transaction uint64
}

// verify checks meta pages, free list and tree.
func (t *tree) verify(acceptPrevious bool) error {
	if err := t.readMetas(acceptPrevious); err != nil {
		return err
	}
	if t.meta.pages < firstDataPage || t.meta.pages > math.MaxInt32 {
		return damaged("its meta page says that it has %d pages", t.meta.pages)
	}
	var last [1]byte
	if _, err := t.file.ReadAt(last[:], int64(t.meta.pages*t.pageSize)-1); err != nil {
		return err
	}
	t.seen = make([]bool, t.meta.pages)
	if err := t.freelist(); err != nil {
		return err
	}
	if err := t.walk(t.meta.root, span{}, 0); err != nil {
		return err
	}
	if t.meta.freelist == noFreelist {
		return nil
	}
	for n := uint64(firstDataPage); n < t.meta.pages; n++ {
		if !t.seen[n] {
			return damaged("page %d is neither in use nor free", n)
		}
	}
	return nil
}

// readMetas reads both meta pages. They stand for two transactions in a row; the
// later one holds.
func (t *tree) readMetas(acceptPrevious bool) error {
	first, err := t.readMeta(0)
	second, err2 := t.readMeta(secondMetaPage)
	switch {
	case err != nil && err2 != nil:
		return errors.Join(err, err2)
	case err != nil && acceptPrevious:
		t.meta = second
		return nil
	case err2 != nil && acceptPrevious:
		t.meta = first
		return nil
	case err != nil || err2 != nil:
		return errors.Join(err, err2)
	}
	older, newer := first, second
	if older.transaction > newer.transaction {
		older, newer = newer, older
	}
	if newer.transaction-older.transaction != 1 {
		return damaged("its meta pages stand for the transactions %d and %d, which do not follow each other",
			older.transaction, newer.transaction)
	}
	t.meta = newer
	return nil
}

func (t *tree) readMeta(page uint64) (meta, error) {
	var b [metaSize]byte
	if _, err := t.file.ReadAt(b[:], int64(page*t.pageSize+headerSize)); err != nil {
		return meta{}, err
	}
	sum := fnv.New64a()
	sum.Write(b[:metaSize-8])
	if order.Uint32(b[0:]) != boltMagic || order.Uint32(b[4:]) != boltVersion ||
		uint64(order.Uint32(b[8:])) != t.pageSize || order.Uint64(b[metaSize-8:]) != sum.Sum64() {
		return meta{}, damaged("meta page %d does not match its checksum, so the last commit may be lost", page)
	}
	return meta{
		root: order.Uint64(b[16:]), freelist: order.Uint64(b[32:]),
		pages: order.Uint64(b[40:]), transaction: order.Uint64(b[48:]),
	}, nil
}

// freelist checks the list of free pages, and notes them as seen.
func (t *tree) freelist() error {
	if t.meta.freelist == noFreelist {
		return nil
	}
	p, err := t.read(t.meta.freelist, 0)
	if err != nil {
		return err
	}
	if p.flags() != freelistPage {
		return damaged("page %d is not the free list", t.meta.freelist)
	}
	ids, count := p[headerSize:], uint64(p.count())
	if count == longFreelist {
		count, ids = order.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids))/8 {
		return damaged("the free list is longer than its page")
	}
	for n := range count {
		id := order.Uint64(ids[n*8:])
		if err := t.mark(id, 0); err != nil {
			return err
		}
	}
	return nil
}
