package service

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

// maxWatches is the greatest number of WatchRevisions under way.
const maxWatches = 1000

// watches counts those under way.
type watches struct{ n atomic.Int64 }

// enter counts one more, or refuses it.
func (w *watches) enter() error {
	if w.n.Add(1) <= maxWatches {
		return nil
	}
	w.leave()
	// A code of its own, so that clients do not try again at once.
	return refuse(pb.ErrorReason_ERROR_REASON_BUSY,
		"%d watches of revisions are under way, which is the limit; end some, or watch again later", maxWatches).status(codes.ResourceExhausted)
}

func (w *watches) leave() { w.n.Add(-1) }

// WatchRevisions tells each revision when it is made. The headers go out as soon
// as nothing that is made from then on will be missed.
func (r *revisions) WatchRevisions(req *pb.WatchRevisionsRequest, stream grpc.ServerStreamingServer[pb.WatchRevisionsResponse]) error {
	if err := r.watching.enter(); err != nil {
		return err
	}
	defer r.watching.leave()
	ctx, done := r.untilStop(stream.Context())
	defer done()
	err := r.watch(ctx, req, stream)
	if err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return r.streamStatus(err)
	}
	return nil
}

// watch is one watch of a realm.
type watch struct {
	*Services
	realm  string
	last   int64 // the revision that was told last
	stream grpc.ServerStreamingServer[pb.WatchRevisionsResponse]
}

func (r *revisions) watch(ctx context.Context, req *pb.WatchRevisionsRequest, stream grpc.ServerStreamingServer[pb.WatchRevisionsResponse]) error {
	if r.realms.get(req.GetRealm()) == nil {
		return realmNotFound(req.GetRealm())
	}
	// The watch begins before the history is read, so that nothing is missed.
	heads, err := r.store.Watch(ctx)
	if err != nil {
		return storeError(ctx, err)
	}
	now, err := r.head(ctx, req.GetRealm())
	if err != nil {
		return err
	}
	w := &watch{Services: r.Services, realm: req.GetRealm(), last: now.Revision, stream: stream}
	if err := w.begin(ctx, req.GetAfter()); err != nil {
		return err
	}
	sendETag(stream.Context(), revisionTag(now.Revision))
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	return w.follow(ctx, now.Revision, heads)
}

// follow tells revisions until the realm is deleted.
func (w *watch) follow(ctx context.Context, head int64, heads <-chan storage.Head) error {
	for {
		gone, err := w.upTo(ctx, head)
		// A realm that is not there was deleted: the store is about to say so.
		if r := refusalOf(err); gone || err != nil && (r == nil || r.reason != pb.ErrorReason_ERROR_REASON_REALM_NOT_FOUND) {
			return err
		}
		next, open := <-heads
		for open && (next.Realm != w.realm || next.Revision <= w.last) {
			next, open = <-heads
		}
		switch {
		case !open:
			return storeError(ctx, storage.ErrClosed)
		case next.Deleted:
			return w.deleted(next.Revision)
		}
		head = next.Revision
	}
}

// begin goes back to the revision that the caller knows.
func (w *watch) begin(ctx context.Context, after int64) error {
	switch {
	case after < 0 || after > w.last:
		return invalidAt("/after", "is %d, expected a revision of up to %d, which is in force, or 0 for what is made from now on", after, w.last)
	case after == 0 || after == w.last:
		return nil
	}
	metas, err := w.store.History(ctx, w.realm, after+1, 1)
	if err != nil {
		return w.unreadable(ctx, w.realm, 0, err)
	}
	if len(metas) == 0 {
		return revisionNotFound(w.realm, after)
	}
	w.last = after
	return nil
}

// upTo tells all revisions up to one, in order, and reports whether the realm was
// deleted on the way.
func (w *watch) upTo(ctx context.Context, head int64) (gone bool, err error) {
	for w.last < head {
		end := min(head, w.last+storage.MaxHistory)
		metas, err := w.store.History(ctx, w.realm, end+1, int(end-w.last))
		if err != nil {
			return false, w.unreadable(ctx, w.realm, 0, err)
		}
		for i := len(metas) - 1; i >= 0; i-- {
			if metas[i].Revision != w.last+1 {
				return w.gap(ctx)
			}
			if err := w.tell(told(metas[i], head)); err != nil {
				return false, err
			}
			w.last++
		}
		if len(metas) == 0 {
			return w.gap(ctx)
		}
	}
	return false, nil
}

// gap finds out why the next revision is not kept: the realm was deleted and is
// there again, or retention was faster than the reader.
func (w *watch) gap(ctx context.Context) (gone bool, err error) {
	now, err := w.head(ctx, w.realm)
	if err != nil {
		return false, err
	}
	first, err := w.oldest(ctx, w.realm, now.Revision)
	if err != nil {
		return false, err
	}
	metas, err := w.store.History(ctx, w.realm, first+1, 1)
	if err != nil {
		return false, w.unreadable(ctx, w.realm, 0, err)
	}
	if len(metas) > 0 && metas[0].Parent == 0 && first > w.last+1 {
		// A realm that is created again counts on from the revision that deleted it.
		return true, w.deleted(first - 1)
	}
	return false, refuse(pb.ErrorReason_ERROR_REASON_REVISION_NOT_FOUND,
		"revision %d of realm %q is no longer kept: more were made than the realm keeps before the reader took them; "+
			"list the revisions and watch again", w.last+1, w.realm)
}

func (w *watch) deleted(revision int64) error {
	return w.tell(&pb.Revision{Revision: revision, Deleted: true, Etag: revisionTag(revision)})
}

func (w *watch) tell(d *pb.Revision) error {
	return w.stream.Send(&pb.WatchRevisionsResponse{Document: d})
}
