package decisionlog

import (
	"context"
	"fmt"
	"sync"

	"go.etcd.io/bbolt"
)

// counts are numbers of records by realm.
type counts map[string]int

// change is what a transaction does to the numbers of records.
type change struct {
	decisions counts
	audits    [auditClasses]counts
	// bytes are those of the audit records.
	bytes int64
}

func newChange() change {
	c := change{decisions: counts{}}
	for i := range c.audits {
		c.audits[i] = counts{}
	}
	return c
}

// index is what is known of the file without reading it.
type index struct {
	mu sync.Mutex
	change
}

func (x *index) apply(c change) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.decisions.add(c.decisions)
	x.bytes += c.bytes
	for class := range c.audits {
		x.audits[class].add(c.audits[class])
	}
}

func (c counts) add(other counts) {
	for realm, n := range other {
		if c[realm] += n; c[realm] == 0 {
			delete(c, realm)
		}
	}
}

// set puts the number of decisions of a realm.
func (x *index) set(realm string, n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.decisions[realm] = n
	if n == 0 {
		delete(x.decisions, realm)
	}
}

// ofAudits returns how many audit records there are of a class.
func (x *index) ofAudits(class auditClass) (n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, of := range x.audits[class] {
		n += of
	}
	return n
}

func (x *index) auditBytes() int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.bytes
}

// Count returns how many decisions of a realm are kept.
func (l *Log) Count(ctx context.Context, realm string) (int, error) {
	if err := l.usable(ctx); err != nil {
		return 0, err
	}
	l.index.mu.Lock()
	defer l.index.mu.Unlock()
	return l.index.decisions[realm], nil
}

// CountAudit returns how many audit records are kept of the realms that see is
// true of; that of no realm is empty.
func (l *Log) CountAudit(ctx context.Context, see func(realm string) bool) (int, error) {
	if err := l.usable(ctx); err != nil {
		return 0, err
	}
	l.index.mu.Lock()
	all := counts{}
	for _, c := range l.index.audits {
		all.add(c)
	}
	l.index.mu.Unlock()
	n := 0
	for realm, of := range all {
		if see(realm) {
			n += of
		}
	}
	return n, nil
}

// check reads the whole file: every record must match its checksum. It returns
// the numbers of records and the last numbers given out.
func check(tx *bbolt.Tx) (c change, lastDecision, lastAudit uint64, err error) {
	c = newChange()
	all, err := bucket(tx, decisionsBucket)
	if err != nil {
		return c, 0, 0, err
	}
	err = all.ForEachBucket(func(realm []byte) error {
		last, n, err := checkRealm(all.Bucket(realm), string(realm))
		c.decisions[string(realm)] = n
		lastDecision = max(lastDecision, last)
		return err
	})
	for class := range c.audits {
		if err == nil {
			var last uint64
			last, err = checkAudits(tx, auditClass(class), &c)
			lastAudit = max(lastAudit, last)
		}
	}
	return c, lastDecision, lastAudit, err
}

func checkRealm(b *bbolt.Bucket, realm string) (last uint64, n int, err error) {
	records, ids := b.Bucket(recordsBucket), b.Bucket(idsBucket)
	if records == nil || ids == nil {
		return 0, 0, damaged(fmt.Sprintf("realm %q", realm), "its records or ids are missing")
	}
	err = records.ForEach(func(k, v []byte) error {
		at, ok := decodeKey(k)
		if !ok {
			return damaged(recordName(realm, k), "its key is none")
		}
		last = max(last, at.seq)
		n++
		_, err := unseal(realm, k, v)
		return err
	})
	return last, n, err
}

func checkAudits(tx *bbolt.Tx, class auditClass, c *change) (last uint64, err error) {
	name := auditBuckets[class]
	b, err := bucket(tx, name)
	if err != nil {
		return 0, err
	}
	last = b.Sequence()
	return last, b.ForEach(func(k, v []byte) error {
		seq, realm, ok := decodeAuditKey(k)
		if !ok {
			return damaged(recordName(string(name), k), "its key is none")
		}
		last = max(last, seq)
		c.audits[class][realm]++
		c.bytes += int64(len(k) + len(v))
		_, err := unseal(string(name), k, v)
		return err
	})
}
