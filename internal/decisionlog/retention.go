package decisionlog

import (
	"bytes"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/zap"
)

// retentionItems is how many expired records a transaction removes besides twice
// the number of those that it writes.
const retentionItems = 256

// retain removes expired records, a bounded number in one transaction, until none
// is left or the greatest number was removed.
func (l *Log) retain(greatest int) error {
	for removed := 0; removed < greatest; {
		var change change
		err := l.file.update(func(tx *bbolt.Tx) error {
			change = newChange()
			return l.expire(tx, &change, retentionItems)
		})
		if err != nil {
			return err
		}
		l.index.apply(change)
		n := change.removed()
		if n == 0 {
			return nil
		}
		removed += n
	}
	return nil
}

func (l *Log) reportRetention(err error) {
	if err != nil {
		l.complain("expired decisions cannot be removed", zap.Error(err), zap.String("file", l.options.File))
	}
}

// removed returns how many records a change of retention alone removes.
func (c change) removed() (n int) {
	for _, all := range append(c.audits[:], c.decisions) {
		for _, of := range all {
			n -= of
		}
	}
	return n
}

// expire removes records that are too old, or too many, up to a number of them.
func (l *Log) expire(tx *bbolt.Tx, c *change, greatest int) error {
	now := l.now()
	n, err := expireDecisions(tx, c, keyTime(now.Add(-l.options.MaxAge)), l.excess(tx), greatest)
	if err != nil {
		return err
	}
	for class := range auditBuckets {
		removed, err := l.expireAudits(tx, c, auditClass(class), now.Add(-l.options.AuditMaxAge), greatest-n)
		if err != nil {
			return err
		}
		n += removed
	}
	return nil
}

// excess returns how many bytes of decisions are too many. Pages that are free
// once the transaction is through count as used until the next.
func (l *Log) excess(tx *bbolt.Tx) int64 {
	stats := tx.DB().Stats()
	free := int64(stats.FreePageN+stats.PendingPageN) * l.file.pageSize
	return tx.Size() - free - l.index.auditBytes() - l.options.MaxBytes
}

// expireDecisions removes decisions from before a time, and the oldest of all
// realms until so many bytes are gone.
func expireDecisions(tx *bbolt.Tx, c *change, before, excess int64, greatest int) (n int, err error) {
	all, err := bucket(tx, decisionsBucket)
	if err != nil {
		return 0, err
	}
	for heads := readHeads(all); n < greatest && len(heads) > 0; n++ {
		i := oldest(heads)
		h := &heads[i]
		if at, ok := decodeKey(h.key); ok && at.time >= before && excess <= 0 {
			return n, nil
		}
		size, err := removeDecision(all, h.realm, h.key)
		if err != nil {
			return n, err
		}
		c.decisions[string(h.realm)]--
		excess -= size
		if h.key = first(all, h.realm); h.key == nil {
			heads = slices.Delete(heads, i, i+1)
		}
	}
	return n, nil
}

// head is the oldest decision of a realm.
type head struct{ realm, key []byte }

func readHeads(all *bbolt.Bucket) (heads []head) {
	cursor := all.Cursor()
	for realm, _ := cursor.First(); realm != nil; realm, _ = cursor.Next() {
		if k := first(all, realm); k != nil {
			heads = append(heads, head{slices.Clone(realm), k})
		}
	}
	return heads
}

func oldest(heads []head) (at int) {
	for i := range heads {
		if bytes.Compare(heads[i].key, heads[at].key) < 0 {
			at = i
		}
	}
	return at
}

// first returns the key of the oldest decision of a realm, nil when it has none.
func first(all *bbolt.Bucket, realm []byte) []byte {
	b := all.Bucket(realm)
	if b == nil {
		return nil
	}
	k, _ := b.Bucket(recordsBucket).Cursor().First()
	return slices.Clone(k)
}

// removeDecision removes a record, what leads to it, and the realm with its last
// one. It returns how many bytes that frees at least.
func removeDecision(all *bbolt.Bucket, realm, k []byte) (size int64, err error) {
	b := all.Bucket(realm)
	records, ids := b.Bucket(recordsBucket), b.Bucket(idsBucket)
	record := records.Get(k)
	size = int64(len(k) + len(record))
	if message, err := unseal(string(realm), k, record); err == nil {
		if id := []byte(decisionID(message)); bytes.Equal(ids.Get(id), k) {
			if err := ids.Delete(id); err != nil {
				return 0, err
			}
		}
	}
	if err := records.Delete(k); err != nil {
		return 0, err
	}
	if next, _ := records.Cursor().First(); next != nil {
		return size, nil
	}
	return size, all.DeleteBucket(realm)
}

// expireAudits removes audit records from before a time, and the oldest of those
// that are too many.
func (l *Log) expireAudits(tx *bbolt.Tx, c *change, class auditClass, before time.Time, greatest int) (n int, err error) {
	b, err := bucket(tx, auditBuckets[class])
	if err != nil {
		return 0, err
	}
	excess := l.index.ofAudits(class) - l.options.AuditRecords
	for _, of := range c.audits[class] {
		excess += of
	}
	for n < greatest {
		k, record := b.Cursor().First()
		if k == nil {
			return n, nil
		}
		if n >= excess && !auditBefore(class, k, record, before) {
			return n, nil
		}
		_, realm, _ := decodeAuditKey(k)
		c.audits[class][realm]--
		c.bytes -= int64(len(k) + len(record))
		if err := b.Delete(slices.Clone(k)); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// auditBefore reports whether a record is from before a time, or cannot be read.
func auditBefore(class auditClass, k, record []byte, t time.Time) bool {
	r, err := decodeAudit(class, k, record)
	return err != nil || r.GetTime().AsTime().Before(t)
}
