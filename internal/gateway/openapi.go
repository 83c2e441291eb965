package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/sidegate/sidegate/gen/openapi"
)

// documentPath is where the OpenAPI document is.
const documentPath = "/openapi.json"

// withDocument shows the OpenAPI document to everybody: it is the same for every
// server of a version, and tells nothing of this one.
func withDocument(next http.Handler) http.Handler {
	sum := sha256.Sum256(openapi.JSON)
	tag := `"` + hex.EncodeToString(sum[:]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != documentPath {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		if p := asksDocument(r); p != nil {
			h.Set("Cache-Control", "no-store")
			p.write(w)
			return
		}
		// A cache may keep it and must ask whether it is still the same.
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", tag)
		h.Set(headerType, "application/json")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(openapi.JSON))
	})
}

// asksDocument refuses what the other paths refuse too.
func asksDocument(r *http.Request) *problem {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		p := blank(http.StatusMethodNotAllowed, "this path takes GET, HEAD")
		// RFC 9110 section 15.5.6.
		p.header.Set("Allow", "GET, HEAD")
		return p
	}
	_, p := (&route{}).readQuery(r.URL.RawQuery)
	return p
}
