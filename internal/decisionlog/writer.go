package decisionlog

import (
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/zap"
)

// Times of the writer.
const (
	// retryInterval is how long it waits before it tries again to write.
	retryInterval = time.Second
	// idleInterval is how often retention runs when nothing is written.
	idleInterval = time.Minute
)

// write runs until the log is closed: it writes what waits, in batches.
func (l *Log) write() {
	defer close(l.written)
	idle := time.NewTicker(idleInterval)
	defer idle.Stop()
	for {
		select {
		case <-l.queue.wake:
			l.gather()
			if !l.drain() {
				return
			}
		case <-idle.C:
			l.writing.Lock()
			l.reportRetention(l.retain(batchItems))
			l.writing.Unlock()
		case <-l.abandon:
			return
		}
	}
}

// gather gives others the time to join a batch.
func (l *Log) gather() {
	timer := time.NewTimer(l.options.BatchInterval)
	defer timer.Stop()
	for !l.queue.hurried() {
		select {
		case <-l.queue.wake:
		case <-timer.C:
			return
		case <-l.abandon:
			return
		}
	}
}

// drain writes until nothing waits. It reports whether the log is still open.
func (l *Log) drain() (open bool) {
	for {
		b := l.queue.take()
		if b.empty() {
			return !l.queue.ended()
		}
		if !l.store(b) {
			return false
		}
	}
}

// store writes a batch, and tries again while that fails: what comes meanwhile
// waits, and is lost or refused when there is no more room. It reports whether to
// go on.
func (l *Log) store(b batch) bool {
	for {
		l.writing.Lock()
		err := l.commit(&b)
		l.writing.Unlock()
		if err == nil {
			l.queue.setDown(nil)
			l.publish(b)
			l.queue.settle(len(b.decisions) + len(b.audits))
			return true
		}
		l.queue.setDown(err)
		l.complain("decision log cannot be written", zap.Error(err), zap.String("file", l.options.File))
		if !l.pause() {
			l.unwritten.decisions, l.unwritten.audits = len(b.decisions), len(b.audits)
			return false
		}
	}
}

// pause waits before another try. It reports whether there shall be one.
func (l *Log) pause() bool {
	timer := time.NewTimer(retryInterval)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.abandon:
		return false
	}
}

// commit writes a batch in one transaction, with the retention that is due. The
// keys are given out once, so that trying again writes nothing twice.
func (l *Log) commit(b *batch) error {
	l.number(b)
	var change change
	err := l.file.update(func(tx *bbolt.Tx) error {
		change = newChange()
		if err := putDecisions(tx, b.decisions, &change); err != nil {
			return err
		}
		if err := putAudits(tx, b.audits, &change); err != nil {
			return err
		}
		return l.expire(tx, &change, 2*(len(b.decisions)+len(b.audits))+retentionItems)
	})
	if err != nil {
		return err
	}
	l.index.apply(change)
	l.kept.Add(uint64(len(b.decisions)))
	return nil
}

// number gives the decisions of a batch their numbers.
func (l *Log) number(b *batch) {
	for i := range b.decisions {
		if p := &b.decisions[i]; p.seq == 0 {
			l.lastSeq++
			p.seq = l.lastSeq
		}
	}
}

func putDecisions(tx *bbolt.Tx, list []pending, c *change) error {
	if len(list) == 0 {
		return nil
	}
	all, err := bucket(tx, decisionsBucket)
	if err != nil {
		return err
	}
	for _, p := range list {
		if err := putDecision(all, p, c); err != nil {
			return err
		}
	}
	return nil
}

func putDecision(all *bbolt.Bucket, p pending, c *change) error {
	records, ids, err := realmBuckets(all, p.realm)
	if err != nil {
		return err
	}
	k, message := p.key().encode(), withLost(p.message, p.lost)
	if err := records.Put(k, seal(p.realm, k, message)); err != nil {
		return err
	}
	c.decisions[p.realm]++
	id := decisionID(message)
	if id == "" || len(id) > maxNameBytes {
		return nil
	}
	return ids.Put([]byte(id), k)
}

// realmBuckets returns the buckets of a realm, and makes them when it is new.
func realmBuckets(all *bbolt.Bucket, realm string) (records, ids *bbolt.Bucket, err error) {
	b, err := all.CreateBucketIfNotExists([]byte(realm))
	if err != nil {
		return nil, nil, err
	}
	if records, err = b.CreateBucketIfNotExists(recordsBucket); err != nil {
		return nil, nil, err
	}
	// Records come in the order of time: full pages are not written again.
	records.FillPercent = 0.9
	ids, err = b.CreateBucketIfNotExists(idsBucket)
	return records, ids, err
}

func putAudits(tx *bbolt.Tx, list []pendingAudit, c *change) error {
	for _, p := range list {
		b, err := bucket(tx, auditBuckets[p.class])
		if err != nil {
			return err
		}
		b.FillPercent = 0.9
		k := p.key()
		record := seal(string(auditBuckets[p.class]), k, p.message)
		if err := b.Put(k, record); err != nil {
			return err
		}
		c.bytes += int64(len(k) + len(record))
		// The number of the last record outlives the record.
		if p.seq > b.Sequence() {
			if err := b.SetSequence(p.seq); err != nil {
				return err
			}
		}
		c.audits[p.class][p.realm]++
	}
	return nil
}

// publish tells followers and the lines of JSON what was stored.
func (l *Log) publish(b batch) {
	for _, p := range b.decisions {
		l.publishDecision(p)
	}
	for _, p := range b.audits {
		l.publishAudit(p)
	}
}
