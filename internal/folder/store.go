package folder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/memory"
	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// ErrReadOnly is the answer to every commit from outside.
var ErrReadOnly = errors.New("policies come from a folder and are changed there")

// Author and surface of the commits.
const (
	author  = "folder"
	surface = "folder"
)

// Options say what to follow and how.
type Options struct {
	// Dir is the directory; required.
	Dir string
	// Check finds what is wrong with a realm; required.
	Check Check
	// Limits bound texts; required.
	Limits pdp.Limits
	// Log is told of states taken and refused; required.
	Log *zap.Logger
	// Interval is how often the directory is looked at; 0 means every second.
	Interval time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Audit is told of states taken and refused; nil is allowed.
	Audit func(*pb.AuditRecord)
}

func (o *Options) complete() error {
	if o.Dir == "" || o.Check == nil || o.Log == nil || o.Limits == (pdp.Limits{}) {
		return errors.New("folder: a directory, a check, limits and a log are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Audit == nil {
		o.Audit = func(*pb.AuditRecord) {}
	}
	o.Interval = cmp.Or(o.Interval, time.Second)
	return nil
}

// Store is a storage.Store of what a directory holds. Nobody else writes to it.
type Store struct {
	*memory.Store
	options Options
	stop    context.CancelFunc
	running sync.WaitGroup

	// taken is the state in the store, revisions that of each realm there.
	taken     *state
	revisions map[string]int64
	// seen is the fingerprint of the last look, judged that of the last state that
	// was read; fresh tells that files were so new that it need not tell all.
	seen, judged string
	fresh        bool

	mu    sync.Mutex
	fault fault
}

var _ storage.Store = (*Store)(nil)

// fault is why the state taken last is not that of the directory.
type fault struct {
	since    time.Time
	problems []string
}

// Open reads the directory, wholly or not at all, and follows it until Close. The
// error joins all problems.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s := &Store{Store: memory.New(), options: o, taken: &state{}, revisions: map[string]int64{}}
	next := readSteady(o.Dir)
	err := s.use(ctx, next)
	if err != nil {
		return nil, errors.Join(err, s.Store.Close())
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.running.Go(func() { s.follow(background) })
	return s, nil
}

// Commit implements storage.Store; it answers ErrReadOnly.
func (s *Store) Commit(context.Context, storage.Change) (storage.Meta, error) {
	return storage.Meta{}, fmt.Errorf("%w: %s", ErrReadOnly, s.options.Dir)
}

// Close implements storage.Store.
func (s *Store) Close() error {
	s.stop()
	s.running.Wait()
	return s.Store.Close()
}

// Fault tells since when the directory holds something that is not taken, and
// why; no problems mean that all of it is taken.
func (s *Store) Fault() (since time.Time, problems []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault.since, slices.Clone(s.fault.problems)
}

// use checks a state and takes it, wholly or not at all.
func (s *Store) use(ctx context.Context, next *state) error {
	next.check(s.options.Check, s.options.Limits)
	s.seen, s.judged = next.fingerprint, next.fingerprint
	s.fresh = next.listing != nil && s.options.Now().Sub(next.listing.newest()).Abs() < settled
	if err := next.err(); err != nil {
		return err
	}
	return s.take(ctx, next)
}

// take commits what differs from the state taken before.
func (s *Store) take(ctx context.Context, next *state) error {
	changes, err := s.changes(next)
	if err != nil {
		return err
	}
	for _, c := range changes {
		meta, err := s.Store.Commit(ctx, c)
		if err != nil {
			return fmt.Errorf("realm %q: %w", c.Realm, err)
		}
		if c.Delete {
			delete(s.revisions, c.Realm)
		} else {
			s.revisions[c.Realm] = meta.Revision
		}
		s.told(c, meta)
	}
	s.taken = next
	return nil
}

// told tells of a commit.
func (s *Store) told(c storage.Change, meta storage.Meta) {
	s.options.Log.Info("policies taken from the folder",
		zap.String("realm", c.Realm), zap.Int64("revision", meta.Revision), zap.Bool("removed", c.Delete), zap.String("files", c.Comment))
	s.options.Audit(&pb.AuditRecord{
		Time: timestamppb.New(c.Time), Kind: pb.AuditRecord_KIND_CONFIGURATION_CHANGED, Caller: author, Realm: c.Realm,
		Code: "OK", Revision: meta.Revision, Detail: c.Comment,
	})
}

// changes are the commits that lead to a state. All items are made before the
// first is committed.
func (s *Store) changes(next *state) ([]storage.Change, error) {
	var list []storage.Change
	names := slices.Collect(maps.Keys(next.realms))
	for name := range s.revisions {
		if next.realms[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		r, before := next.realms[name], s.taken.realms[name]
		if r != nil && before != nil && maps.Equal(r.hashes, before.hashes) {
			continue
		}
		c := storage.Change{
			Realm: name, Parent: s.revisions[name], Delete: r == nil, Comment: comment(before, r),
			Author: author, Surface: surface, Time: s.options.Now(),
		}
		if r != nil {
			content, err := r.content()
			if err != nil {
				return nil, fmt.Errorf("realm %q: %w", name, err)
			}
			c.Content = content
		}
		list = append(list, c)
	}
	return list, nil
}

func (r *Realm) content() (storage.Content, error) {
	c := storage.Content{Settings: r.Settings}
	for _, p := range r.Set.GetProfiles() {
		item, err := storage.NewProfile(p)
		if err != nil {
			return c, err
		}
		c.Profiles = append(c.Profiles, item)
	}
	for _, p := range r.Set.GetPolicies() {
		item, err := storage.NewPolicy(p)
		if err != nil {
			return c, err
		}
		c.Policies = append(c.Policies, item)
	}
	return c, nil
}

// comment names the files that differ.
func comment(before, after *Realm) string {
	var old, now map[string][32]byte
	if before != nil {
		old = before.hashes
	}
	if after != nil {
		now = after.hashes
	}
	var list []string
	for _, rel := range slices.Sorted(maps.Keys(now)) {
		if hash, there := old[rel]; !there {
			list = append(list, "added "+rel)
		} else if hash != now[rel] {
			list = append(list, "changed "+rel)
		}
	}
	for _, rel := range slices.Sorted(maps.Keys(old)) {
		if _, stays := now[rel]; !stays {
			list = append(list, "removed "+rel)
		}
	}
	return clip(strings.ToValidUTF8(strings.Join(list, ", "), "�"))
}

// clip keeps a comment within what a store takes.
func clip(s string) string {
	if runes := []rune(s); len(runes) > storage.MaxComment {
		return string(runes[:storage.MaxComment-1]) + "…"
	}
	return s
}
