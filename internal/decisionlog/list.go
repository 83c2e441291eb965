package decisionlog

import (
	"context"
	"fmt"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"go.etcd.io/bbolt"
)

// Bounds of what one call reads.
const (
	scanItems = 10_000
	scanBytes = 32 << 20
	// exportItems is how many decisions Each reads in one transaction.
	exportItems = 256
)

// List lists decisions of a realm, newest first. Fewer than limit and a cursor
// mean that there may be more: one call reads a bounded part of the file, so a
// filter that matches little gives short and even empty pages.
func (l *Log) List(ctx context.Context, realm string, f Filter, page Cursor, limit int) ([]*pb.LoggedDecision, Cursor, error) {
	if err := l.usable(ctx); err != nil {
		return nil, Cursor{}, err
	}
	var list []*pb.LoggedDecision
	var next Cursor
	search := l.search(realm, f)
	err := l.file.view(func(tx *bbolt.Tx) error {
		records, err := realmRecords(tx, realm)
		if err != nil || records == nil {
			return err
		}
		s := scan{realm: realm, search: &search, limit: limit, next: (*bbolt.Cursor).Prev}
		list, next, err = s.run(ctx, records.Cursor(), newest(&f, page))
		return err
	})
	return list, next, err
}

// newest returns what moves a cursor to the newest record that a page may show.
func newest(f *Filter, page Cursor) func(*bbolt.Cursor) (k, v []byte) {
	limit := page.k
	if !f.until.IsZero() {
		if until := (key{time: keyTime(f.until)}); limit == (key{}) || until.time < limit.time {
			limit = until
		}
	}
	return func(c *bbolt.Cursor) (k, v []byte) {
		if limit == (key{}) && f.until.IsZero() {
			return c.Last()
		}
		return before(c, limit.encode())
	}
}

// scan goes through the records of a realm.
type scan struct {
	realm  string
	search *search
	limit  int
	end    key // of the last record, when it is set
	next   func(*bbolt.Cursor) (k, v []byte)
}

// run returns the decisions that match, up to the limit, and the place of the last
// record that was looked at; none when there are no more.
func (s *scan) run(ctx context.Context, c *bbolt.Cursor, first func(*bbolt.Cursor) (k, v []byte)) (list []*pb.LoggedDecision, last Cursor, err error) {
	size := 0
	n := 0
	for k, record := first(c); k != nil; k, record = s.next(c) {
		if len(list) == s.limit || n == scanItems || size >= scanBytes {
			return list, last, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, Cursor{}, err
		}
		at, ok := decodeKey(k)
		if !ok {
			return nil, Cursor{}, damaged(recordName(s.realm, k), "its key is none")
		}
		if !s.search.within(at) || s.end != (key{}) && s.end.less(at) {
			break
		}
		d, err := s.decode(k, record)
		if err != nil {
			return nil, Cursor{}, err
		}
		if d != nil {
			list = append(list, d)
		}
		last = Cursor{at}
		size += len(record)
		n++
	}
	return list, Cursor{}, nil
}

// decode returns the decision of a record if it matches.
func (s *scan) decode(k, record []byte) (*pb.LoggedDecision, error) {
	if !s.search.mayMatch(record) {
		return nil, nil
	}
	d, err := decodeDecision(s.realm, k, record)
	if err != nil || !s.search.matches(d) {
		return nil, err
	}
	return d, nil
}

// realmRecords returns the records of a realm, nil when there are none.
func realmRecords(tx *bbolt.Tx, realm string) (*bbolt.Bucket, error) {
	b, err := realmBucket(tx, realm)
	if err != nil || b == nil {
		return nil, err
	}
	records := b.Bucket(recordsBucket)
	if records == nil {
		return nil, damaged(fmt.Sprintf("realm %q", realm), "its records are missing")
	}
	return records, nil
}

func realmBucket(tx *bbolt.Tx, realm string) (*bbolt.Bucket, error) {
	all, err := bucket(tx, decisionsBucket)
	if err != nil || realm == "" {
		return nil, err
	}
	return all.Bucket([]byte(realm)), nil
}

// Get returns a decision, or [ErrNotFound].
func (l *Log) Get(ctx context.Context, realm, id string) (*pb.LoggedDecision, error) {
	if err := l.usable(ctx); err != nil {
		return nil, err
	}
	var d *pb.LoggedDecision
	err := l.file.view(func(tx *bbolt.Tx) (err error) {
		d, err = getDecision(tx, realm, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, fmt.Errorf("%w: %q", ErrNotFound, shortened(id, 64))
	}
	return d, nil
}

func getDecision(tx *bbolt.Tx, realm, id string) (*pb.LoggedDecision, error) {
	b, err := realmBucket(tx, realm)
	if err != nil || b == nil || id == "" {
		return nil, err
	}
	ids, records := b.Bucket(idsBucket), b.Bucket(recordsBucket)
	if ids == nil || records == nil {
		return nil, damaged(fmt.Sprintf("realm %q", realm), "its records or ids are missing")
	}
	k := ids.Get([]byte(id))
	if k == nil {
		return nil, nil
	}
	record := records.Get(k)
	if record == nil {
		return nil, damaged(recordName(realm, k), "it is missing")
	}
	return decodeDecision(realm, k, record)
}

// Each calls yield with all decisions of a realm that are kept now, oldest first,
// until it returns an error. It reads the file in pieces: what retention or an
// erasure takes away meanwhile is not shown.
func (l *Log) Each(ctx context.Context, realm string, f Filter, yield func(*pb.LoggedDecision) error) error {
	x := export{realm: realm, search: l.search(realm, f)}
	if !f.since.IsZero() {
		x.from.time = keyTime(f.since)
	}
	for !x.done {
		if err := l.usable(ctx); err != nil {
			return err
		}
		var list []*pb.LoggedDecision
		err := l.file.view(func(tx *bbolt.Tx) (err error) {
			list, err = x.piece(ctx, tx)
			return err
		})
		if err != nil {
			return err
		}
		for _, d := range list {
			if err := yield(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// export reads a realm piece by piece.
type export struct {
	realm  string
	search search
	// from is where the next piece begins, end the last record when it began.
	from, end key
	done      bool
}

func (x *export) piece(ctx context.Context, tx *bbolt.Tx) ([]*pb.LoggedDecision, error) {
	records, err := realmRecords(tx, x.realm)
	if err != nil || records == nil {
		x.done = true
		return nil, err
	}
	if x.end == (key{}) {
		last, _ := records.Cursor().Last()
		x.end, _ = decodeKey(last)
	}
	s := scan{realm: x.realm, search: &x.search, limit: exportItems, end: x.end, next: (*bbolt.Cursor).Next}
	list, last, err := s.run(ctx, records.Cursor(), func(c *bbolt.Cursor) (k, v []byte) { return c.Seek(x.from.encode()) })
	x.from, x.done = key{last.k.time, last.k.seq + 1}, last == Cursor{}
	return list, err
}
