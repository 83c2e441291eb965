package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/gateway/strictjson"
)

// guard stands in front of every generated handler and refuses what the contract
// of the administration API, section 2, refuses.
func (g *gateway) guard(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		pattern, ok := runtime.HTTPPattern(r.Context())
		route := g.routes[r.Method+" "+pattern.String()]
		if !ok || route == nil || missing(r, g.verbs[route.path], params) {
			g.misrouted(r).write(w)
			return
		}
		checked, p := g.check(w, r, route, params)
		switch {
		case p != nil:
			p.write(w)
		case route.stream != nil:
			g.follow(w, checked, route, params)
		default:
			next(w, checked, params)
		}
	}
}

// check returns the request for what answers it.
func (g *gateway) check(w http.ResponseWriter, r *http.Request, route *route, params map[string]string) (*http.Request, *problem) {
	if g.options.Admit != nil {
		if err := g.options.Admit(r); err != nil {
			return nil, g.translate(r.Context(), err)
		}
	}
	if p := route.readNumbers(params); p != nil {
		return nil, p
	}
	q, p := route.readQuery(r.URL.RawQuery)
	if p != nil {
		return nil, p
	}
	sent, p := g.body(w, r, route)
	if p != nil {
		return nil, p
	}
	body, p := g.document(sent, route)
	if p != nil {
		return nil, p
	}
	ctx := r.Context()
	if route.patches() {
		if !q.masked {
			q.mask = sentMask(sent, route.document, params[route.item])
		}
		ctx = context.WithValue(ctx, maskKey{}, q.mask)
	}
	checked := r.WithContext(ctx)
	u := *r.URL
	u.RawQuery = q.encoded
	checked.URL, checked.Body, checked.ContentLength = &u, io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return checked, nil
}

// limit is the greatest size of a body.
func (g *gateway) limit(route *route) int64 {
	if route.rpc == evaluate {
		return g.options.Limits.GetDecisionMessageBytes()
	}
	return g.options.Limits.GetDocumentBytes()
}

// body reads the body, nil when the route takes none.
func (g *gateway) body(w http.ResponseWriter, r *http.Request, route *route) ([]byte, *problem) {
	if route.document == nil {
		return nil, bodiless(r)
	}
	if p := typed(r.Header); p != nil {
		return nil, p
	}
	limit := g.limit(route)
	if r.ContentLength > limit {
		drain(r, 2*limit)
		return nil, tooLarge(limit)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		drain(r, limit)
		return nil, tooLarge(limit)
	case err != nil:
		return nil, blank(http.StatusBadRequest, "the body ended before it was complete")
	}
	return body, nil
}

// drain reads on for a while: a client that sends all of its body before it reads
// would find its connection reset, and never see the answer. One that asked first
// (RFC 9110 section 10.1.1) waits for it.
func drain(r *http.Request, atMost int64) {
	if r.Header.Get(headerExpect) == "" {
		_, _ = io.CopyN(io.Discard, r.Body, atMost) // however it ends, the answer is the same
	}
}

// bodiless refuses a body where there is none to be read.
func bodiless(r *http.Request) *problem {
	n := r.ContentLength
	if n < 0 {
		read, _ := io.ReadFull(r.Body, make([]byte, 1))
		n = int64(read)
	}
	if n > 0 {
		return invalid(violation{Description: fmt.Sprintf("%s takes no body here; leave it out", r.Method)})
	}
	return nil
}

// typed refuses bodies of other types. A page of another origin can send those
// without asking: with client certificates nothing else guards against it.
func typed(h http.Header) *problem {
	value := h.Get(headerType)
	media, params, err := mime.ParseMediaType(value)
	charset, more := params["charset"]
	if more {
		delete(params, "charset")
	}
	switch {
	case err != nil || media != "application/json" || len(params) > 0 || more && !strings.EqualFold(charset, "utf-8"):
		return blank(http.StatusUnsupportedMediaType, fmt.Sprintf("expected Content-Type application/json in UTF-8, got %q", value))
	case h.Get(headerCoding) != "" && !strings.EqualFold(h.Get(headerCoding), "identity"):
		return blank(http.StatusUnsupportedMediaType, "expected a body without Content-Encoding")
	}
	return nil
}

// document checks a body; what it returns is for the codec.
func (g *gateway) document(body []byte, route *route) ([]byte, *problem) {
	if route.document == nil {
		return nil, nil
	}
	checked, err := strictjson.Check(body, route.document, int(g.options.Limits.GetDepth()))
	var e *strictjson.Error
	switch {
	case errors.As(err, &e):
		return nil, misread(e)
	case err != nil:
		return nil, reasoned(http.StatusBadRequest, clientpolicyv1.ErrorReason_ERROR_REASON_INVALID_DOCUMENT, "the body cannot be read")
	}
	return checked, nil
}
