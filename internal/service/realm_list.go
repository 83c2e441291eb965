package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// ListRealms lists the realms that the caller may see.
func (r *realmService) ListRealms(ctx context.Context, req *pb.ListRealmsRequest) (*pb.ListRealmsResponse, error) {
	out, err := r.list(ctx, req)
	if err != nil {
		return nil, r.statusOf(err)
	}
	return out, nil
}

func (r *realmService) list(ctx context.Context, req *pb.ListRealmsRequest) (*pb.ListRealmsResponse, error) {
	n, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	search, err := parseSearch(req.GetSearch())
	if err != nil {
		return nil, err
	}
	by, err := parseOrder(req.GetOrderBy(), "name", "updateTime")
	if err != nil {
		return nil, err
	}
	at := cursor{list: "/realms", query: queryText(req.GetSearch(), "", req.GetOrderBy())}
	if err := at.parse(req.GetPageToken()); err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(r.visible(ctx), func(s *snapshot) bool { return !found(search, s.realm) })
	out := &pb.ListRealmsResponse{TotalSize: int32(len(all))}
	sendETag(ctx, realmsTag(all))
	rest := by.rest(all, at.rest)
	end := min(n, len(rest))
	for _, snap := range rest[:end] {
		out.Realms = append(out.Realms, snap.document())
	}
	if end < len(rest) {
		at.rest, err = by.after(rest[:end], rest[end:])
		out.NextPageToken = at.token()
	}
	return out, err
}

// realmsTag is the entity tag of a list of realms: it has no revision.
func realmsTag(all []*snapshot) string {
	h := sha256.New()
	for _, s := range all {
		fmt.Fprintf(h, "%q %d\n", s.realm, s.meta.Revision)
	}
	return `"` + hex.EncodeToString(h.Sum(nil)) + `"`
}

// rest returns, in order, the realms that a page and those after it show. No
// revision is common to all realms, so that a token cannot pin one. Ordered by
// name, a page begins after the last name of the one before, which no write
// shifts. Times change by every write: a token then names all realms that are yet
// to come, in the order that they had when the first page was made.
func (o order) rest(all []*snapshot, token string) []*snapshot {
	if o.by == "updateTime" && token != "" {
		return marked(all, token)
	}
	// They come sorted by name.
	if o.by == "updateTime" {
		slices.SortStableFunc(all, func(a, b *snapshot) int { return a.meta.Time.Compare(b.meta.Time) })
	}
	if o.desc {
		slices.Reverse(all)
	}
	if token == "" {
		return all
	}
	begin := slices.IndexFunc(all, func(s *snapshot) bool { return s.realm != token && (s.realm > token) != o.desc })
	if begin < 0 {
		return nil
	}
	return all[begin:]
}

// after is what a token says of the realms that come after a page.
func (o order) after(shown, rest []*snapshot) (string, error) {
	if o.by == "name" {
		return shown[len(shown)-1].realm, nil
	}
	if len(rest) > maxTimed {
		return "", invalidAt("/orderBy", "%d realms are too many to list by time, at most %d and a page are; search for some, or order by name", len(rest)+len(shown), maxTimed)
	}
	var marks []byte
	for _, s := range rest {
		marks = append(marks, markOf(s)...)
	}
	return string(marks), nil
}

const (
	// maxTimed is the greatest number of realms that a token names.
	maxTimed = 2000
	// markBytes is the length of a mark, long enough that no two realms share one.
	markBytes = 12
)

// markOf stands for the name of a realm in a token.
func markOf(s *snapshot) string {
	sum := sha256.Sum256([]byte(s.realm))
	return string(sum[:markBytes])
}

// marked returns those of the realms that a token names, in its order.
func marked(all []*snapshot, token string) []*snapshot {
	byMark := make(map[string]*snapshot, len(all))
	for _, s := range all {
		byMark[markOf(s)] = s
	}
	var list []*snapshot
	for mark := range slices.Chunk([]byte(token), markBytes) {
		if s := byMark[string(mark)]; s != nil {
			list = append(list, s)
		}
	}
	return list
}
