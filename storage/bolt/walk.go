package bolt

import (
	"bytes"
)

// page is a page with its overflow, header first.
type page []byte

func (p page) id() uint64       { return order.Uint64(p) }
func (p page) flags() uint16    { return order.Uint16(p[8:]) }
func (p page) count() int       { return int(order.Uint16(p[10:])) }
func (p page) overflow() uint32 { return order.Uint32(p[12:]) }

// part returns n bytes of the page, nil when they are not inside it and behind
// the elements.
func (p page) part(from, n uint64) []byte {
	if from < uint64(headerSize+p.count()*elementSize) || from > uint64(len(p)) || n > uint64(len(p))-from {
		return nil
	}
	return p[from : from+n : from+n]
}

// span bounds keys: from least on, below end; nil is open.
type span struct{ least, end []byte }

// read reads a page into the buffer of its level, and notes its pages as seen.
func (t *tree) read(id uint64, depth int) (page, error) {
	if depth >= maxDepth {
		return nil, damaged("the tree is deeper than %d pages", maxDepth)
	}
	if id < firstDataPage || id >= t.meta.pages {
		return nil, damaged("there is a pointer to page %d, which cannot be", id)
	}
	p, err := t.readBytes(id, 1, depth)
	if err != nil {
		return nil, err
	}
	extra := uint64(p.overflow())
	if p.id() != id || id+extra >= t.meta.pages {
		return nil, damaged("the header of page %d is wrong", id)
	}
	if err := t.mark(id, extra); err != nil {
		return nil, err
	}
	if extra == 0 {
		return p, nil
	}
	return t.readBytes(id, 1+extra, depth)
}

func (t *tree) readBytes(id, pages uint64, depth int) (page, error) {
	n := int(pages * t.pageSize)
	if cap(t.buffers[depth]) < n {
		t.buffers[depth] = make([]byte, n)
	}
	b := t.buffers[depth][:n]
	_, err := t.file.ReadAt(b, int64(id*t.pageSize))
	return b, err
}

// mark notes pages as seen; none is seen twice.
func (t *tree) mark(id, extra uint64) error {
	if id < firstDataPage || id+extra >= t.meta.pages {
		return damaged("page %d cannot be in use or free", id)
	}
	for n := id; n <= id+extra; n++ {
		if t.seen[n] {
			return damaged("page %d is used twice, or used and free", n)
		}
		t.seen[n] = true
	}
	return nil
}

// walk checks a page of the tree and everything below it.
func (t *tree) walk(id uint64, keys span, depth int) error {
	p, err := t.read(id, depth)
	if err != nil {
		return err
	}
	switch p.flags() {
	case branchPage:
		return t.branch(id, p, keys, depth)
	case leafPage:
		return t.leaf(id, p, keys, depth)
	}
	return damaged("page %d is of no known kind", id)
}

// branch checks that each child holds the keys from its own on, below the next.
func (t *tree) branch(id uint64, p page, keys span, depth int) error {
	if p.count() == 0 {
		return damaged("page %d has no children", id)
	}
	for i := range p.count() {
		at := uint64(headerSize + i*elementSize)
		e := p.element(i)
		if e == nil {
			return damaged("page %d is shorter than its elements", id)
		}
		key := p.part(at+uint64(order.Uint32(e)), uint64(order.Uint32(e[4:])))
		if err := checkKey(id, key, keys, i == 0); err != nil {
			return err
		}
		child := span{least: key, end: keys.end}
		if i+1 < p.count() {
			next := p.branchKey(i + 1)
			if next == nil {
				return damaged("page %d has a key outside of it", id)
			}
			child.end = next
		}
		if err := t.walk(order.Uint64(e[8:]), child, depth+1); err != nil {
			return err
		}
		keys.least = key
	}
	return nil
}

// element returns an element's header, nil when it is outside of the page.
func (p page) element(i int) []byte {
	from := headerSize + i*elementSize
	if from+elementSize > len(p) {
		return nil
	}
	return p[from : from+elementSize]
}

func (p page) branchKey(i int) []byte {
	e := p.element(i)
	if e == nil {
		return nil
	}
	return p.part(uint64(headerSize+i*elementSize)+uint64(order.Uint32(e)), uint64(order.Uint32(e[4:])))
}

// leaf checks keys and values, and the buckets among them.
func (t *tree) leaf(id uint64, p page, keys span, depth int) error {
	for i := range p.count() {
		e := p.element(i)
		if e == nil {
			return damaged("page %d is shorter than its elements", id)
		}
		flags, pos := order.Uint32(e), uint64(order.Uint32(e[4:]))
		ksize, vsize := uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))
		from := uint64(headerSize+i*elementSize) + pos
		key, value := p.part(from, ksize), p.part(from+ksize, vsize)
		if value == nil {
			return damaged("page %d has a value outside of it", id)
		}
		if err := checkKey(id, key, keys, i == 0); err != nil {
			return err
		}
		keys.least = key
		if err := t.value(id, flags, value, depth); err != nil {
			return err
		}
	}
	return nil
}

// checkKey checks a key against its neighbours: the first of a page may equal
// the key by which its parent knows the page.
func checkKey(id uint64, key []byte, keys span, first bool) error {
	if len(key) == 0 {
		return damaged("page %d has a key outside of it, or an empty one", id)
	}
	c := bytes.Compare(keys.least, key)
	if c > 0 || c == 0 && !first || keys.end != nil && bytes.Compare(key, keys.end) >= 0 {
		return damaged("page %d has a key out of order", id)
	}
	return nil
}

// value checks a bucket, which lies in pages of its own or within the value.
func (t *tree) value(id uint64, flags uint32, value []byte, depth int) error {
	if flags == 0 {
		return nil
	}
	if flags != bucketElement || len(value) < bucketHeader {
		return damaged("page %d has a value of no known kind", id)
	}
	if root := order.Uint64(value); root != 0 {
		return t.walk(root, span{}, depth+1)
	}
	inline := page(value[bucketHeader:])
	if len(inline) < headerSize || inline.flags() != leafPage || inline.overflow() != 0 {
		return damaged("page %d has a bucket of no known kind", id)
	}
	return t.leaf(id, inline, span{}, depth)
}
