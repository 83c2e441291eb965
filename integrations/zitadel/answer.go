package zitadel

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// answer holds an answer back until the handler is through, so that its status,
// headers and form can still be put right.
type answer struct {
	rw       http.ResponseWriter
	endpoint endpoint
	wire     *wire
	status   int
	body     bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.rw.Header() }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// finish sends the answer.
func (a *answer) finish() {
	a.WriteHeader(http.StatusOK)
	h := a.Header()
	h.Del("Content-Length")
	if a.endpoint.kind != kindPublic {
		// RFC 6749 section 5.1.
		h.Set("Cache-Control", "no-store")
		h.Set("Pragma", "no-cache")
	}
	if a.status >= http.StatusBadRequest {
		a.mend(a.fault())
	}
	a.rw.WriteHeader(a.status)
	_, _ = a.rw.Write(a.body.Bytes()) // a caller that went away gets nothing
}

// fault reads back the error that a handler wrote; a text that is no JSON is
// not shown.
func (a *answer) fault() *fault {
	f := &fault{}
	if json.Unmarshal(a.body.Bytes(), f) != nil || f.Code == "" {
		f.Code, f.Description = "invalid_request", "the request is not valid, has expired or was answered before"
	}
	f.status = a.status
	// The library shows the text of any error it does not know.
	if a.status >= http.StatusInternalServerError && !a.wire.refused {
		f.Description = "the provider failed to handle the request"
	}
	return f
}

// mend gives an error the form of its endpoint. The code and status of a policy
// stay as they are.
func (a *answer) mend(f *fault) {
	// RFC 6749 section 5.2: failed client authentication is 401; the library says 400.
	if f.Code == "invalid_client" && a.endpoint.kind == kindForm && !a.wire.refused {
		f.status = http.StatusUnauthorized
		a.Header().Set("WWW-Authenticate", `Basic realm="client authentication"`)
	}
	switch a.endpoint.kind {
	case kindBrowser:
		if !strings.HasPrefix(a.Header().Get("Content-Type"), "text/html") {
			a.reset()
			showFault(a, f)
		}
	case kindBearer:
		// RFC 6750 section 3: the challenge says it all.
		a.reset()
		a.status = f.status
		a.Header().Del("Content-Type")
		a.Header().Set("WWW-Authenticate", challenge(f))
	default:
		a.reset()
		f.write(a)
	}
}

func (a *answer) reset() {
	a.status = 0
	a.body.Reset()
}

// challenge is the WWW-Authenticate header of RFC 6750 section 3.
func challenge(f *fault) string {
	return `Bearer error="` + quotable(f.Code) + `", error_description="` + quotable(f.Description) + `"`
}

// quotable keeps the characters that RFC 6750 section 3 allows in these values.
func quotable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			return '\''
		}
		return r
	}, s)
}

// write sends the error as JSON.
func (f *fault) write(rw http.ResponseWriter) { writeJSON(rw, f.status, f) }

func writeJSON(rw http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(rw, "answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_, _ = rw.Write(body) // a caller that went away gets nothing
}
