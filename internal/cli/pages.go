package cli

import (
	"context"
	"maps"
	"net/url"
	"strconv"

	"github.com/sidegate/sidegate/internal/document"
)

// maxPage is the greatest size of a page.
const maxPage = 500

// list reads pages of a collection until there are enough items; 0 means all.
func (c *api) list(ctx context.Context, path, collection string, query url.Values, limit int) (*document.Node, error) {
	list, query := []*document.Node{}, maps.Clone(query)
	if query == nil {
		query = url.Values{}
	}
	for {
		size := maxPage
		if limit > 0 {
			size = min(size, limit-len(list))
		}
		query.Set("pageSize", strconv.Itoa(size))
		page, err := c.get(ctx, path, query)
		if err != nil {
			return nil, err
		}
		list = append(list, items(page.body, collection)...)
		next := scalar(page.body, "nextPageToken")
		if next == "" || limit > 0 && len(list) >= limit {
			return collected(page.body, collection, list), nil
		}
		query.Set("pageToken", next)
	}
}

// collected is a list as one answer would have told it.
func collected(last *document.Node, collection string, list []*document.Node) *document.Node {
	doc := object(collection, list, "totalSize", len(list))
	for _, name := range []string{"totalSize", "revision"} {
		if v := last.Get(name); v != nil {
			doc = doc.With(name, v)
		}
	}
	return doc
}

// choosing is what says which items of a collection are shown, and how.
type choosing struct{ search, filter, orderBy string }

// query is the choice as the API takes it.
func (s *choosing) query() url.Values {
	q := url.Values{}
	for name, v := range map[string]string{"search": s.search, "filter": s.filter, "orderBy": s.orderBy} {
		if v != "" {
			q.Set(name, v)
		}
	}
	return q
}
