package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/metadata"
)

const (
	headerIfMatch  = "If-Match"
	headerRevision = "X-Sidegate-Revision"
	headerComment  = "X-Change-Comment"
	headerType     = "Content-Type"
	headerCoding   = "Content-Encoding"
	headerExpect   = "Expect"
	headerAccept   = "Accept"
	headerTrace    = "Traceparent"
)

// Metadata that the services read, besides `authorization`.
const (
	mdIfMatch  = "if-match"
	mdRevision = "x-sidegate-revision"
	mdComment  = "x-change-comment-bin"
	mdSurface  = "x-sidegate-surface"
	mdTrace    = "traceparent"
	mdETag     = "etag"
)

// surface is the name under which a write by this package is recorded.
const surface = "rest"

// sanitize returns the request as this package sees it: with the headers known
// here alone, and HEAD as GET. A header that could not reach the service as it
// was sent is refused: a lost If-Match would be a write without its check.
func sanitize(r *http.Request) (*http.Request, *problem) {
	h := http.Header{}
	for _, name := range []string{headerIfMatch, headerRevision, "Authorization", headerComment, headerType, headerCoding, headerExpect} {
		values := r.Header.Values(name)
		if name == headerIfMatch && len(values) > 1 {
			// RFC 9110 section 5.3: several lines are one list.
			values = []string{strings.Join(values, ", ")}
		}
		if len(values) == 0 {
			continue
		}
		if text := headerFault(name, values); text != "" {
			return nil, invalid(violation{Field: name, Description: text})
		}
		h.Set(name, values[0])
	}
	if accept := r.Header.Values(headerAccept); len(accept) > 0 {
		h.Set(headerAccept, strings.Join(accept, ", "))
	}
	// W3C Trace Context section 3.2: one that is not well-formed counts as none.
	if trace := r.Header.Values(headerTrace); len(trace) == 1 && printable(trace[0]) {
		h.Set(headerTrace, trace[0])
	}
	// RFC 9110 section 9.3.2: HEAD is GET without content, which net/http leaves out.
	head := r.Method == http.MethodHead
	clean := r.WithContext(context.WithValue(r.Context(), headKey{}, head))
	clean.Header, clean.Form, clean.PostForm = h, nil, nil
	if head {
		clean.Method = http.MethodGet
	}
	return clean, nil
}

// headKey is the context key of a bool: whether the method was HEAD.
type headKey struct{}

func headerFault(name string, values []string) string {
	switch {
	case len(values) > 1:
		return fmt.Sprintf("header %s was sent %d times; send it once", name, len(values))
	case name == headerComment && !utf8.ValidString(values[0]):
		return "header " + name + " is not UTF-8; encode it as UTF-8, or use the query parameter comment"
	case name != headerComment && !printable(values[0]):
		return "header " + name + " holds a character that is not printable ASCII"
	}
	return ""
}

// printable reports whether gRPC metadata can carry a value.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// incoming passes request headers on; the gateway itself adds `authorization`.
func incoming(header string) (string, bool) {
	switch header {
	case headerIfMatch:
		return mdIfMatch, true
	case headerRevision:
		return mdRevision, true
	case headerTrace:
		return mdTrace, true
	}
	return "", false
}

// outgoing passes answer metadata on.
func outgoing(key string) (string, bool) { return "ETag", key == mdETag }

// annotate adds the metadata that no header sets.
func (g *gateway) annotate(_ context.Context, r *http.Request) metadata.MD {
	md := metadata.Pairs(mdSurface, surface)
	// Text metadata is ASCII; a comment is UTF-8.
	if comment := r.Header.Get(headerComment); comment != "" {
		md.Set(mdComment, comment)
	}
	if g.options.Annotate != nil {
		md = metadata.Join(md, g.options.Annotate(r))
	}
	return md
}
