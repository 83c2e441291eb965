package decisionlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"go.etcd.io/bbolt"
)

// erasedText stands where an id was erased from a decision about somebody else.
const erasedText = "~erased"

// copyBytes is how much one transaction of a copy writes.
const copyBytes = 8 << 20

// Erase erases all decisions of a client, of a user, or of both together, for good,
// and returns how many: what waits to be written, what is stored, and what waits
// for followers. The id goes from other decisions of the realm too, where it stands
// as a word. The file is written anew, so that nothing is left of them in pages
// that are free; that takes as much room again, and the writer waits for it.
// Lines of JSON that were written are not reached.
func (l *Log) Erase(ctx context.Context, realm, client, user string) (int64, error) {
	if err := l.usable(ctx); err != nil {
		return 0, err
	}
	if client == "" && user == "" {
		return 0, errors.New("name a client or a user whose decisions to erase")
	}
	if err := l.queue.flush(ctx); err != nil {
		return 0, fmt.Errorf("decisions wait to be written: %w", err)
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	s := l.subject(realm, client, user)
	l.followers.drop(s.is)
	return l.rewrite(ctx, s)
}

// subject is who is to be erased.
type subject struct {
	realm string
	// clients and users are the plain id and its pseudonym; none when it is not
	// asked for.
	clients, users []string
}

func (l *Log) subject(realm, client, user string) *subject {
	client, user = cleanID(client, nothing), cleanID(user, nothing)
	s := &subject{realm: realm}
	if client != "" {
		s.clients = []string{client, l.pseudonyms.of(kindClient, realm, client)}
	}
	if user != "" {
		s.users = []string{user, l.pseudonyms.of(kindUser, realm, user)}
	}
	return s
}

// mentioned reports whether the bytes of a decision hold one of the ids.
func (s *subject) mentioned(message []byte) bool {
	for _, ids := range [...][]string{s.clients, s.users} {
		for _, id := range ids {
			if id != "" && bytes.Contains(message, []byte(id)) {
				return true
			}
		}
	}
	return false
}

// is reports whether a decision is about the client and the user asked for, under
// any of the names that the request has for them.
func (s *subject) is(d *pb.LoggedDecision) bool {
	if d.GetRealm() != s.realm {
		return false
	}
	m := &masker{realm: s.realm}
	m.text(clientID, d.GetClientId())
	m.text(userID, d.GetUser())
	m.request(d.GetRequest(), nil)
	return (len(s.clients) == 0 || m.identified(kindClient, s.clients)) && (len(s.users) == 0 || m.identified(kindUser, s.users))
}

// identified reports whether one of the ids was found.
func (m *masker) identified(k kind, ids []string) bool {
	for _, of := range m.identities {
		if of.kind == k && (of.id == ids[0] || of.id == ids[1]) {
			return true
		}
	}
	return false
}

// strike takes the ids out of a decision about somebody else.
func (s *subject) strike(d *pb.LoggedDecision) (changed bool) {
	return mapTexts(d.ProtoReflect(), spare, func(text string) string {
		for _, ids := range [...][]string{s.clients, s.users} {
			for _, id := range ids {
				text = replaceID(text, id, erasedText, false)
			}
		}
		return text
	})
}

// filter returns a record without the subject, nil when nothing of it may stay.
func (s *subject) filter(k, record []byte) ([]byte, error) {
	if !s.mentioned(record) {
		return record, nil
	}
	d, err := decodeDecision(s.realm, k, record)
	if err != nil {
		return nil, err
	}
	if s.is(d) {
		return nil, nil
	}
	// Both together name neither alone.
	if len(s.clients) > 0 && len(s.users) > 0 || !s.strike(d) {
		return record, nil
	}
	message, err := d.MarshalVT()
	if err != nil {
		return nil, err
	}
	return seal(s.realm, k, message), nil
}

// rewrite puts a copy without the subject in the place of the file.
func (l *Log) rewrite(ctx context.Context, s *subject) (erased int64, err error) {
	path := l.file.path + rewriteSuffix
	dst, err := l.file.open(path, false)
	if err != nil {
		return 0, err
	}
	c := &copier{ctx: ctx, dst: dst, subject: s}
	err = l.file.view(c.run)
	if err := errors.Join(err, c.finish(), dst.Close()); err != nil {
		return 0, fmt.Errorf("nothing was erased: %w", errors.Join(err, os.Remove(path)))
	}
	if err := l.file.replace(path); err != nil {
		return 0, err
	}
	l.index.set(s.realm, c.kept)
	return c.erased, nil
}

// replace makes the file at another path this one.
func (s *store) replace(path string) error {
	if err := os.Rename(path, s.path); err != nil {
		return fmt.Errorf("nothing was erased: %w", errors.Join(err, os.Remove(path)))
	}
	if err := syncDir(filepath.Dir(s.path)); err != nil {
		return err
	}
	return s.reopen()
}

// copier copies a file, without a subject.
type copier struct {
	ctx     context.Context
	dst     *bbolt.DB
	subject *subject

	tx   *bbolt.Tx
	size int
	// targets are the buckets of the transaction, by path.
	targets map[string]*bbolt.Bucket
	// erased and kept count the decisions of the subject's realm.
	erased int64
	kept   int
}

func (c *copier) run(src *bbolt.Tx) error {
	return src.ForEach(func(name []byte, b *bbolt.Bucket) error { return c.bucket([][]byte{name}, b) })
}

// bucket copies a bucket and those in it.
func (c *copier) bucket(path [][]byte, src *bbolt.Bucket) error {
	if _, err := c.target(path, src.Sequence()); err != nil {
		return err
	}
	ours := len(path) > 1 && bytes.Equal(path[0], decisionsBucket) && string(path[1]) == c.subject.realm
	err := src.ForEach(func(k, v []byte) error {
		switch {
		case v == nil:
			return c.bucket(slices.Concat(path, [][]byte{k}), src.Bucket(k))
		case ours && bytes.Equal(path[2], idsBucket):
			return nil // put with the records
		case ours:
			return c.record(path, k, v)
		}
		return c.put(path, k, v)
	})
	if err != nil || !ours || len(path) != 2 || c.kept > 0 {
		return err
	}
	b, err := c.target(path[:1], 0)
	if err != nil {
		return err
	}
	return b.DeleteBucket(path[1])
}

// record copies a record of the subject's realm, if it may stay.
func (c *copier) record(path [][]byte, k, v []byte) error {
	kept, err := c.subject.filter(k, v)
	if err != nil {
		return err
	}
	if kept == nil {
		c.erased++
		return nil
	}
	c.kept++
	if err := c.put(path, k, kept); err != nil {
		return err
	}
	message, err := unseal(c.subject.realm, k, kept)
	if err != nil {
		return err
	}
	id := decisionID(message)
	if id == "" {
		return nil
	}
	return c.put([][]byte{path[0], path[1], idsBucket}, []byte(id), k)
}

func (c *copier) put(path [][]byte, k, v []byte) error {
	if err := c.begin(len(k) + len(v)); err != nil {
		return err
	}
	b, err := c.target(path, 0)
	if err != nil {
		return err
	}
	return b.Put(bytes.Clone(k), bytes.Clone(v))
}

// begin ends a transaction that is large enough, and begins one when there is none.
func (c *copier) begin(size int) (err error) {
	if c.size += size; c.tx != nil && c.size > copyBytes {
		if err := c.finish(); err != nil {
			return err
		}
		c.size = size
	}
	if c.tx != nil {
		return nil
	}
	if err := c.ctx.Err(); err != nil {
		return err
	}
	c.targets = map[string]*bbolt.Bucket{}
	c.tx, err = c.dst.Begin(true)
	return err
}

// target returns a bucket of the copy, and makes it when it is not there.
func (c *copier) target(path [][]byte, sequence uint64) (b *bbolt.Bucket, err error) {
	if err := c.begin(0); err != nil {
		return nil, err
	}
	name := string(bytes.Join(path, []byte{0}))
	if b := c.targets[name]; b != nil && sequence == 0 {
		return b, nil
	}
	b, err = c.tx.CreateBucketIfNotExists(path[0])
	for _, below := range path[1:] {
		if err == nil {
			b, err = b.CreateBucketIfNotExists(below)
		}
	}
	if err == nil && sequence > 0 {
		err = b.SetSequence(sequence)
	}
	if err == nil {
		b.FillPercent = 0.9
		c.targets[name] = b
	}
	return b, err
}

func (c *copier) finish() error {
	if c.tx == nil {
		return nil
	}
	tx := c.tx
	c.tx = nil
	return tx.Commit()
}
