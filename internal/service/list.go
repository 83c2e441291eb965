package service

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage"
)

// listRequest is what the lists of profiles and policies are asked by.
type listRequest interface {
	GetRealm() string
	GetPageSize() int32
	GetPageToken() string
	GetSearch() string
	GetFilter() string
	GetOrderBy() string
}

// page is a part of a list.
type page[D document] struct {
	items    []D
	next     string
	total    int32
	revision int64
}

// listItems returns a page. The first one is of the current revision, the others
// of the revision that the first one was of, so that no write shifts them.
func listItems[D document](ctx context.Context, s *Services, k *kind[D], r listRequest) (*page[D], error) {
	n, err := pageSize(r.GetPageSize())
	if err != nil {
		return nil, err
	}
	now, err := s.readable(r.GetRealm())
	if err != nil {
		return nil, err
	}
	q, err := newQuery(k, r)
	if err != nil {
		return nil, err
	}
	at := cursor{list: k.list, realm: now.realm, query: queryText(r.GetSearch(), r.GetFilter(), r.GetOrderBy()), revision: now.meta.Revision}
	if err := at.parse(r.GetPageToken()); err != nil {
		return nil, err
	}
	then, err := s.contentAt(ctx, now, at.revision)
	if err != nil {
		return nil, err
	}
	all := q.find(s, k, then)
	if at.offset > len(all) {
		return nil, invalidToken()
	}
	end := min(at.offset+n, len(all))
	p := &page[D]{total: int32(len(all)), revision: at.revision, items: make([]D, 0, end-at.offset)}
	for _, kd := range all[at.offset:end] {
		p.items = append(p.items, kd.doc)
	}
	if end < len(all) {
		at.offset = end
		p.next = at.token()
	}
	sendETag(ctx, revisionTag(at.revision))
	return p, nil
}

// contentAt is what the realm holds at a revision.
func (s *Services) contentAt(ctx context.Context, now *snapshot, revision int64) (*content, error) {
	if revision == now.meta.Revision {
		return &now.content, nil
	}
	state, err := s.store.Load(ctx, now.realm, revision)
	if errors.Is(err, storage.ErrRevisionNotFound) {
		return nil, refuse(pb.ErrorReason_ERROR_REASON_PAGE_EXPIRED,
			"the list was of revision %d, which is no longer kept; begin with the first page again", revision)
	}
	var c content
	if err == nil {
		c, err = contentOf(state, now)
	}
	if err != nil {
		return nil, storeError(ctx, err)
	}
	return &c, nil
}

// query says which documents of a list are shown, and in which order.
type query[D document] struct {
	search string // folded
	tests  []test[D]
	order  order
}

func newQuery[D document](k *kind[D], r listRequest) (q query[D], err error) {
	if q.search, err = parseSearch(r.GetSearch()); err != nil {
		return q, err
	}
	if q.tests, err = parseFilter(k.terms, r.GetFilter()); err != nil {
		return q, err
	}
	q.order, err = parseOrder(r.GetOrderBy(), "order", "name", "updateTime")
	return q, err
}

// find returns the documents that are shown, built-in ones among them, in order.
func (q *query[D]) find(s *Services, k *kind[D], c *content) []*kept[D] {
	all := slices.Concat(*k.of(c), k.globals(s.globals))
	if k.globalFirst {
		all = slices.Concat(k.globals(s.globals), *k.of(c))
	}
	in := &scope{registry: s.compiler.Registry()}
	if len(q.tests) > 0 {
		in.profiles = profilesByName(c, s.globals)
	}
	all = slices.DeleteFunc(all, func(kd *kept[D]) bool { return !q.shows(in, kd.doc) })
	switch q.order.by {
	case "name":
		slices.SortStableFunc(all, func(a, b *kept[D]) int { return cmp.Compare(a.doc.GetName(), b.doc.GetName()) })
	case "updateTime":
		slices.SortStableFunc(all, func(a, b *kept[D]) int {
			return a.doc.GetUpdateTime().AsTime().Compare(b.doc.GetUpdateTime().AsTime())
		})
	}
	if q.order.desc {
		slices.Reverse(all)
	}
	return all
}

func (q *query[D]) shows(in *scope, doc D) bool {
	if !found(q.search, doc.GetName()) && !found(q.search, doc.GetDescription()) {
		return false
	}
	return !slices.ContainsFunc(q.tests, func(holds test[D]) bool { return !holds(in, doc) })
}

// maxSearch is the greatest length of a text that is searched for, in characters.
const maxSearch = 255

// parseSearch returns the text that is searched for, folded.
func parseSearch(text string) (string, error) {
	if n := utf8.RuneCountInString(text); !utf8.ValidString(text) || n > maxSearch {
		return "", invalidAt("/search", "the text has %d characters, expected at most %d of valid UTF-8", n, maxSearch)
	}
	return fold(text), nil
}

// fold makes texts alike that differ in the case of letters alone. All letters go
// up and down again: some, such as the two small sigmas, share only the capital.
func fold(s string) string { return strings.ToLower(strings.ToUpper(s)) }

// found reports whether a text holds one that was folded.
func found(folded, in string) bool { return folded == "" || strings.Contains(fold(in), folded) }

// order is a parsed orderBy.
type order struct {
	by   string
	desc bool
}

// parseOrder reads one of the known members, the first when there is none.
func parseOrder(text string, known ...string) (o order, err error) {
	if text == "" {
		return order{by: known[0]}, nil
	}
	if o.by, o.desc = strings.CutSuffix(text, " desc"); !slices.Contains(known, o.by) {
		return o, invalidAt("/orderBy", "cannot order by %q%s; add ` desc` to turn the order round", shorten(text), pdp.Suggest(o.by, known))
	}
	return o, nil
}
