package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

// condition is what a write demands of what it finds.
type condition struct {
	// match is the If-Match header, nil when there is none.
	match *ifMatch
	// revision that the write was based on, 0 when it does not say.
	revision int64
}

// ifMatch is a parsed If-Match header.
type ifMatch struct {
	any  bool
	tags []string // strong ones, quoted
}

func conditionOf(ctx context.Context) (c condition, err error) {
	if c.revision, err = revisionOf(ctx); err != nil {
		return c, err
	}
	if values := metadata.ValueFromIncomingContext(ctx, MetadataIfMatch); len(values) > 0 {
		c.match, err = parseIfMatch(strings.Join(values, ","))
	}
	return c, err
}

// parseIfMatch reads `*` or a list of entity tags (RFC 9110 sections 8.8.3 and
// 13.1.1). Weak tags are read and dropped: If-Match compares strongly.
func parseIfMatch(header string) (*ifMatch, error) {
	rest := strings.Trim(header, " \t")
	if rest == "*" {
		return &ifMatch{any: true}, nil
	}
	m, found := &ifMatch{}, false
	for rest != "" {
		rest = strings.TrimLeft(rest, " \t")
		if after, empty := strings.CutPrefix(rest, ","); empty { // RFC 9110 section 5.6.1.2
			rest = after
			continue
		}
		tag, after, ok := cutTag(rest)
		if !ok {
			return nil, invalidIfMatch()
		}
		found = true
		if !strings.HasPrefix(tag, "W/") {
			m.tags = append(m.tags, tag)
		}
		rest = strings.TrimLeft(after, " \t")
		if rest != "" && rest[0] != ',' {
			return nil, invalidIfMatch()
		}
	}
	if !found {
		return nil, invalidIfMatch()
	}
	return m, nil
}

// cutTag cuts one entity tag off the front.
func cutTag(s string) (tag, rest string, ok bool) {
	opaque := strings.TrimPrefix(s, "W/")
	if opaque == "" || opaque[0] != '"' {
		return "", "", false
	}
	for i := 1; i < len(opaque); i++ {
		switch c := opaque[i]; {
		case c == '"':
			end := len(s) - len(opaque) + i + 1
			return s[:end], s[end:], true
		case c < '!' || c == 0x7f:
			return "", "", false
		}
	}
	return "", "", false
}

func invalidIfMatch() *refusal {
	return invalidAt("If-Match", `the If-Match header is malformed; send * or an entity tag as it was given, in double quotes`)
}

func (m *ifMatch) matches(tag string) bool { return m.any || slices.Contains(m.tags, tag) }

// holds compares If-Match with the current entity tag. On a mismatch the current
// one goes out with the refusal.
func (c *condition) holds(ctx context.Context, what, tag string) error {
	if c.match == nil || c.match.matches(tag) {
		return nil
	}
	sendETag(ctx, tag)
	return refuse(pb.ErrorReason_ERROR_REASON_ETAG_MISMATCH,
		"%s has been changed: its entity tag is now %s; read it again and repeat the change", what, tag)
}

// demanded refuses a write without If-Match in a realm that asks for it. A revision
// and force do not stand in for it; whoever means whatever is there sends `*`.
func (c *condition) demanded(settings *pb.RealmSettings, what string) error {
	if c.match == nil && settings.GetRequireIfMatch() {
		return refuse(pb.ErrorReason_ERROR_REASON_IF_MATCH_REQUIRED,
			"this realm asks for If-Match on every change of what is there; read %s and send its entity tag", what)
	}
	return nil
}

// unchangedSince refuses a write that was based on another revision than the
// current one, when what it is about differs between the two.
func (s *Services) unchangedSince(ctx context.Context, now *snapshot, revision int64, what string, same func(old *storage.State) bool) error {
	if revision == 0 || revision == now.meta.Revision {
		return nil
	}
	old, err := s.store.Load(ctx, now.realm, revision)
	switch {
	case errors.Is(err, storage.ErrRevisionNotFound):
		return refuse(pb.ErrorReason_ERROR_REASON_CONFLICT,
			"revision %d of realm %q is not known (any more), the current one is %d; read %s again and repeat the change",
			revision, now.realm, now.meta.Revision, what)
	case err != nil:
		return storeError(ctx, err)
	case !same(old):
		return refuse(pb.ErrorReason_ERROR_REASON_CONFLICT,
			"%s has been changed since revision %d; it is at %d now; read it again and repeat the change", what, revision, now.meta.Revision)
	}
	return nil
}

// storeError marks an error of the store as one, unless the caller has gone.
func storeError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", errStore, err)
}
