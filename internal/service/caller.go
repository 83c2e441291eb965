package service

import (
	"context"
	"slices"
	"strconv"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/storage"
)

// Metadata of calls, as gRPC spells names.
const (
	// MetadataIfMatch is the If-Match header (RFC 9110 section 13.1.1).
	MetadataIfMatch = "if-match"
	// MetadataRevision is the revision that a write was based on.
	MetadataRevision = "x-sidegate-revision"
	// MetadataComment says why something is written, as UTF-8.
	MetadataComment = "x-change-comment-bin"
	// MetadataSurface is the way by which a call came; it is believed only of
	// calls made within this process.
	MetadataSurface = "x-sidegate-surface"
	// MetadataETag is the entity tag of what was read or written.
	MetadataETag = "etag"
)

// The surfaces by which a write comes.
const (
	SurfaceGRPC      = "grpc"
	SurfaceREST      = "rest"
	SurfaceKeycloak  = "keycloak"
	SurfaceCLI       = "cli"
	SurfaceBootstrap = "bootstrap"
)

// caller is who writes, by which way, why and on what condition.
type caller struct {
	author, surface, comment string
	condition                condition
}

// writer reads the caller of a write from the context. The comment is that of the
// request, else that of the metadata. Every write begins here, so that nobody
// writes where nothing may be written.
func (s *Services) writer(ctx context.Context, comment string) (*caller, error) {
	p := auth.FromContext(ctx)
	if p == nil {
		return nil, refuse(pb.ErrorReason_ERROR_REASON_UNAUTHENTICATED, "a write needs a principal; authenticate")
	}
	if s.readOnly != "" {
		return nil, refuse(pb.ErrorReason_ERROR_REASON_READ_ONLY, "%s", s.readOnly)
	}
	comment, err := commentOf(ctx, comment)
	if err != nil {
		return nil, err
	}
	cond, err := conditionOf(ctx)
	if err != nil {
		return nil, err
	}
	return &caller{author: p.Author(), surface: surfaceOf(ctx), comment: comment, condition: cond}, nil
}

// commentOf is why something is written, as the request says, else the metadata.
func commentOf(ctx context.Context, comment string) (string, error) {
	sent := metadata.ValueFromIncomingContext(ctx, MetadataComment)
	switch {
	case len(sent) > 1:
		return "", invalidAt("/comment", "%d comments are sent; send one", len(sent))
	case comment == "":
		comment = one(sent)
	}
	switch n := utf8.RuneCountInString(comment); {
	case !utf8.ValidString(comment):
		return "", invalidAt("/comment", "the comment is not valid UTF-8")
	case n > storage.MaxComment:
		return "", invalidAt("/comment", "the comment has %d characters, at most %d are allowed", n, storage.MaxComment)
	}
	return comment, nil
}

// surfaceOf is the way by which a call came.
func surfaceOf(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil || p.Addr.Network() != "bufconn" {
		return SurfaceGRPC
	}
	surface := one(metadata.ValueFromIncomingContext(ctx, MetadataSurface))
	if slices.Contains([]string{SurfaceREST, SurfaceKeycloak, SurfaceCLI, SurfaceBootstrap}, surface) {
		return surface
	}
	return SurfaceGRPC
}

// one is the only value, or empty.
func one(values []string) string {
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// revisionOf reads the revision that a write says it was based on; 0 is none.
func revisionOf(ctx context.Context) (int64, error) {
	values := metadata.ValueFromIncomingContext(ctx, MetadataRevision)
	if len(values) == 0 {
		return 0, nil
	}
	n, err := strconv.ParseInt(one(values), 10, 64)
	if err != nil || n < 1 {
		return 0, invalidAt("/revision", "%s must be one number of 1 or more", MetadataRevision)
	}
	return n, nil
}

// sendETag puts an entity tag into the header of the answer. A call that has no
// header, such as one of the handler itself, goes without: every document that
// has a tag holds it too.
func sendETag(ctx context.Context, tag string) {
	_ = grpc.SetHeader(ctx, metadata.Pairs(MetadataETag, tag))
}
