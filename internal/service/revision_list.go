package service

import (
	"context"
	"iter"
	"sort"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

// ListRevisions lists revisions still kept, newest first. A page begins below the
// last revision of the one before: new ones come above it, and what retention
// prunes goes from the end, so that nothing is shifted.
func (r *revisions) ListRevisions(ctx context.Context, req *pb.ListRevisionsRequest) (*pb.ListRevisionsResponse, error) {
	out, err := r.list(ctx, req)
	if err != nil {
		return nil, r.statusOf(err)
	}
	sendETag(ctx, revisionTag(out.GetRevision()))
	return out, nil
}

func (r *revisions) list(ctx context.Context, req *pb.ListRevisionsRequest) (*pb.ListRevisionsResponse, error) {
	realm := req.GetRealm()
	if r.realms.get(realm) == nil {
		return nil, realmNotFound(realm)
	}
	n, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	search, err := parseSearch(req.GetSearch())
	if err != nil {
		return nil, err
	}
	at := cursor{list: "/revisions", realm: realm, query: queryText(req.GetSearch(), "", "")}
	if err := at.parse(req.GetPageToken()); err != nil {
		return nil, err
	}
	now, err := r.head(ctx, realm)
	if err != nil {
		return nil, err
	}
	l := &revisionList{search: search, before: at.revision, most: n, current: now.Revision}
	if search == "" {
		err = r.page(ctx, realm, l)
	} else {
		err = r.search(ctx, realm, l)
	}
	if err != nil {
		return nil, err
	}
	out := &pb.ListRevisionsResponse{Revisions: l.found, TotalSize: int32(l.total), Revision: now.Revision}
	if l.more {
		at.revision = l.found[n-1].GetRevision()
		out.NextPageToken = at.token()
	}
	return out, nil
}

// revisionList is a page that is being filled.
type revisionList struct {
	search  string // folded
	before  int64  // the page is below this revision, or begins when it is 0
	most    int
	current int64

	found []*pb.Revision
	total int64
	more  bool
}

// add takes a revision that is searched for.
func (l *revisionList) add(meta storage.Meta) {
	switch {
	case l.before != 0 && meta.Revision >= l.before:
	case len(l.found) < l.most:
		l.found = append(l.found, told(meta, l.current))
	default:
		l.more = true
	}
}

// page fills a page with all revisions.
func (s *Services) page(ctx context.Context, realm string, l *revisionList) error {
	first, err := s.oldest(ctx, realm, l.current)
	if err != nil {
		return err
	}
	l.total = l.current - first + 1
	for meta, err := range s.history(ctx, realm, l.before, l.most+1) {
		if err != nil {
			return err
		}
		// What was made since the head was read belongs to the next listing.
		if meta.Revision <= l.current {
			l.add(meta)
		}
		if l.more {
			return nil
		}
	}
	return nil
}

// search fills a page with the revisions that hold the text. All of them are looked
// at, because all are counted.
func (s *Services) search(ctx context.Context, realm string, l *revisionList) error {
	for meta, err := range s.history(ctx, realm, l.current+1, storage.MaxHistory) {
		if err != nil {
			return err
		}
		if found(l.search, meta.Comment) || found(l.search, meta.Author) {
			l.total++
			l.add(meta)
		}
	}
	return nil
}

// history walks over the revisions below one, newest first; 0 begins with the
// newest. That many are asked for at once.
func (s *Services) history(ctx context.Context, realm string, before int64, atOnce int) iter.Seq2[storage.Meta, error] {
	atOnce = min(atOnce, storage.MaxHistory)
	return func(yield func(storage.Meta, error) bool) {
		for {
			metas, err := s.store.History(ctx, realm, before, atOnce)
			if err != nil {
				yield(storage.Meta{}, s.unreadable(ctx, realm, 0, err))
				return
			}
			for _, meta := range metas {
				if !yield(meta, nil) {
					return
				}
				before = meta.Revision
			}
			if len(metas) < atOnce || before == 1 {
				return
			}
		}
	}
}

// oldest returns the oldest revision still kept. Revisions have no gaps.
func (s *Services) oldest(ctx context.Context, realm string, current int64) (int64, error) {
	var failed error
	n := sort.Search(int(current)-1, func(i int) bool {
		metas, err := s.store.History(ctx, realm, int64(i)+2, 1)
		if err != nil && failed == nil {
			failed = s.unreadable(ctx, realm, 0, err)
		}
		return len(metas) > 0
	})
	return int64(n) + 1, failed
}
