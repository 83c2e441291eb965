package decisionlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"go.etcd.io/bbolt"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// auditClass keeps refusals, which anybody can cause, from pushing out the others.
type auditClass int

const (
	auditActs     auditClass = iota
	auditRefusals            // credentials wrong, role lacking
	auditClasses
)

func classOf(kind pb.AuditRecord_Kind) auditClass {
	switch kind {
	case pb.AuditRecord_KIND_AUTHENTICATION_FAILED, pb.AuditRecord_KIND_PERMISSION_DENIED:
		return auditRefusals
	}
	return auditActs
}

// maxAuditText is the greatest length of a text in an audit record.
const maxAuditText = maxProseBytes

// key is the number and the realm, so that nobody has to read a record to know
// who may see it.
func (p pendingAudit) key() []byte {
	return append(binary.BigEndian.AppendUint64(nil, p.seq), p.realm...)
}

func decodeAuditKey(k []byte) (seq uint64, realm string, ok bool) {
	if len(k) < 8 {
		return 0, "", false
	}
	return binary.BigEndian.Uint64(k), string(k[8:]), true
}

func decodeAudit(class auditClass, k, record []byte) (*pb.AuditRecord, error) {
	name := string(auditBuckets[class])
	message, err := unseal(name, k, record)
	if err != nil {
		return nil, err
	}
	seq, _, ok := decodeAuditKey(k)
	r := &pb.AuditRecord{}
	if err := r.UnmarshalVT(message); err != nil || !ok {
		return nil, damaged(recordName(name, k), "it is no audit record")
	}
	r.Id = auditID(seq)
	return r, nil
}

// auditID is the id of an audit record: later ones are greater as texts, too.
func auditID(seq uint64) string { return fmt.Sprintf("%016x", seq) }

// RecordAudit keeps an audit record. It gives it an id, and the time when it has
// none, and does not wait for the disk. One that is lost is counted, logged, and
// leaves a gap in the ids.
func (l *Log) RecordAudit(r *pb.AuditRecord) {
	if r.GetTime() == nil {
		r.Time = timestamppb.New(l.now())
	}
	stored := proto.CloneOf(r)
	stored.Id = "" // the key tells
	limitAudit(stored)
	message, err := stored.MarshalVT()
	taken := false
	if err == nil {
		var seq uint64
		seq, taken = l.queue.audit(pendingAudit{class: classOf(r.GetKind()), realm: stored.GetRealm(), message: message})
		r.Id = auditID(seq)
	}
	if !taken {
		l.auditLost.Add(1)
		l.complain("an audit record was lost", zap.Error(err),
			zap.Stringer("kind", r.GetKind()), zap.String("method", r.GetMethod()), zap.String("code", r.GetCode()))
	}
}

// limitAudit makes every text valid and short enough, and takes out of the detail
// what looks like a credential.
func limitAudit(r *pb.AuditRecord) {
	for _, text := range []*string{&r.Caller, &r.From, &r.Realm, &r.Method, &r.Code, &r.Detail, &r.TraceId} {
		*text = shortened(strings.ToValidUTF8(*text, "\uFFFD"), maxAuditText)
	}
	r.Detail = cleanProse(r.Detail, nothing)
}

// shortened cuts a text between two characters.
func shortened(s string, greatest int) string {
	if len(s) <= greatest {
		return s
	}
	for greatest > 0 && !utf8.RuneStart(s[greatest]) {
		greatest--
	}
	return s[:greatest] + "…"
}

// ListAudit lists audit records, newest first, of the realms that see is true of;
// that of no realm is empty. Fewer than limit and a cursor mean that there may be
// more: one call reads a bounded number.
func (l *Log) ListAudit(ctx context.Context, see func(realm string) bool, f AuditFilter, page Cursor, limit int) ([]*pb.AuditRecord, Cursor, error) {
	if err := l.usable(ctx); err != nil {
		return nil, Cursor{}, err
	}
	var list []*pb.AuditRecord
	var next Cursor
	err := l.file.view(func(tx *bbolt.Tx) error {
		walk, err := newAuditWalk(tx, page)
		if err != nil {
			return err
		}
		list, next, err = walk.list(see, f, limit)
		return err
	})
	return list, next, err
}

// list returns a page and where the next one begins.
func (w *auditWalk) list(see func(realm string) bool, f AuditFilter, limit int) (list []*pb.AuditRecord, next Cursor, err error) {
	for range scanItems {
		class, k, record := w.peek()
		if k == nil {
			return list, Cursor{}, nil
		}
		if len(list) == limit {
			break
		}
		seq, realm, ok := decodeAuditKey(k)
		if !ok {
			return nil, Cursor{}, damaged(recordName(string(auditBuckets[class]), k), "its key is none")
		}
		if see(realm) {
			r, err := decodeAudit(class, k, record)
			if err != nil {
				return nil, Cursor{}, err
			}
			if f.matches(r) {
				list = append(list, r)
			}
		}
		next = Cursor{key{seq: seq}}
		w.advance(class)
	}
	return list, next, nil
}

// auditWalk goes through the audit records of all classes, newest first.
type auditWalk [auditClasses]struct {
	cursor    *bbolt.Cursor
	k, record []byte
}

func newAuditWalk(tx *bbolt.Tx, page Cursor) (*auditWalk, error) {
	w := &auditWalk{}
	for class := range w {
		b, err := bucket(tx, auditBuckets[class])
		if err != nil {
			return nil, err
		}
		w[class].cursor = b.Cursor()
		if page == (Cursor{}) {
			w[class].k, w[class].record = w[class].cursor.Last()
			continue
		}
		w[class].k, w[class].record = before(w[class].cursor, binary.BigEndian.AppendUint64(nil, page.k.seq))
	}
	return w, nil
}

// before moves a cursor to the last key that is smaller than another one.
func before(c *bbolt.Cursor, k []byte) (at, v []byte) {
	if at, _ := c.Seek(k); at == nil {
		return c.Last()
	}
	return c.Prev()
}

// peek returns the newest record that is left; its key is nil when there is none.
func (w *auditWalk) peek() (class auditClass, k, record []byte) {
	for i := range w {
		if w[i].k != nil && (k == nil || bytes.Compare(w[i].k, k) > 0) {
			class, k, record = auditClass(i), w[i].k, w[i].record
		}
	}
	return class, k, record
}

func (w *auditWalk) advance(class auditClass) { w[class].k, w[class].record = w[class].cursor.Prev() }
