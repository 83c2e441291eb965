package cli

import (
	"context"
	"net/url"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/sidegate/sidegate/internal/document"
	"github.com/sidegate/sidegate/internal/filter"
)

// logbook is a log of the server: decisions, or audit records.
type logbook struct {
	verb    string
	path    string
	follow  string
	listing listing
	// id is the member that tells two entries apart.
	id string
	// terms must hold besides those of the filter.
	terms []filter.Term
}

// show lists a log or follows it.
func (b logbook) show(ctx context.Context, a *app, s *span) error {
	if err := s.check(b.verb); err != nil {
		return err
	}
	past, err := s.terms(b.verb, time.Now(), b.terms...)
	if err != nil {
		return err
	}
	client, err := a.connect()
	if err != nil {
		return err
	}
	if s.follow {
		return b.followed(ctx, a, client, s, past)
	}
	list, err := client.list(ctx, b.path, b.listing.collection, filtered(past), s.limit)
	if err != nil {
		return err
	}
	return b.listing.show(a, list)
}

func filtered(filter string) url.Values {
	if filter == "" {
		return nil
	}
	return url.Values{"filter": {filter}}
}

// followed shows what comes, and what was since before that. The stream is opened
// first: what comes while the past is read is in both, and shown once.
func (b logbook) followed(ctx context.Context, a *app, client *api, s *span, past string) error {
	stopped, restore := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer restore()
	future, err := (&span{filter: s.filter}).terms(b.verb, time.Now(), b.terms...)
	if err != nil {
		return err
	}
	stream, err := client.open(stopped, call{path: b.follow, query: filtered(future)})
	if err != nil {
		return err
	}
	defer stream.close()
	b.listing.header(a)
	seen := map[string]bool{}
	if s.since != "" {
		if seen, err = b.past(stopped, a, client, past, s.limit); err != nil {
			return err
		}
	}
	err = stream.each(func(n *document.Node) error {
		if seen[scalar(n, b.id)] {
			return nil
		}
		return b.listing.line(a, n)
	})
	return ended(ctx, stopped, client, err)
}

// past shows what was, oldest first, and returns the ids of it.
func (b logbook) past(ctx context.Context, a *app, client *api, past string, limit int) (map[string]bool, error) {
	list, err := client.list(ctx, b.path, b.listing.collection, filtered(past), limit)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, n := range slices.Backward(items(list, b.listing.collection)) {
		seen[scalar(n, b.id)] = true
		if err := b.listing.line(a, n); err != nil {
			return nil, err
		}
	}
	return seen, nil
}
