package folder

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// settled is how old files must be so that a later change gives them another time
// for sure, whatever the resolution of the file system.
const settled = 2 * time.Second

// follow looks at the directory until ctx is done.
func (s *Store) follow(ctx context.Context) {
	ticker := time.NewTicker(s.options.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.poll(ctx)
		}
	}
}

// poll looks once. What differs from the last look, or from the next, has not
// settled yet.
func (s *Store) poll(ctx context.Context) {
	now := look(s.options.Dir).fingerprint()
	if now != s.seen {
		s.seen = now
		return
	}
	if now == s.judged && !s.fresh {
		return
	}
	next, steady := read(s.options.Dir)
	if !steady || next.fingerprint != now {
		s.seen = next.fingerprint
		return
	}
	if err := s.use(ctx, next); ctx.Err() == nil {
		s.judge(err)
	}
}

// judge notes whether the directory is what was taken, and tells of it once.
func (s *Store) judge(err error) {
	s.mu.Lock()
	before := s.fault
	after := fault{since: before.since, problems: texts(err)}
	switch {
	case err == nil:
		after.since = time.Time{}
	case before.problems == nil:
		after.since = s.options.Now()
	}
	s.fault = after
	s.mu.Unlock()
	switch {
	case slices.Equal(before.problems, after.problems):
	case err == nil:
		s.options.Log.Info("the folder can be used again", zap.String("policies", s.options.Dir))
	default:
		s.refused(after)
	}
}

// refused tells of a state that is not taken.
func (s *Store) refused(f fault) {
	s.options.Log.Error("the folder cannot be used; the policies read before stay in force",
		zap.String("policies", s.options.Dir), zap.Strings("problems", f.problems))
	s.options.Audit(&pb.AuditRecord{
		Time: timestamppb.New(s.options.Now()), Kind: pb.AuditRecord_KIND_CONFIGURATION_CHANGED, Caller: author,
		Code: "FAILED_PRECONDITION", Detail: clip(strings.Join(f.problems, "\n")),
	})
}
