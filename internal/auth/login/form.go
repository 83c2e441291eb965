package login

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/sidegate/sidegate/internal/auth"
)

// maxBody is the greatest size of a form.
const maxBody = 16 << 10

// The errors of RFC 6749 section 5.2, and temporarily_unavailable of section 4.1.2.1
// for what the caller may try again later.
const (
	invalidRequest   = "invalid_request"
	invalidClient    = "invalid_client"
	invalidGrant     = "invalid_grant"
	unsupportedGrant = "unsupported_grant_type"
	tryLater         = "temporarily_unavailable"
)

// failure is an error answer (RFC 6749 section 5.2).
type failure struct {
	status int
	wait   time.Duration
	// challenge tells that the client authenticated by a header.
	challenge bool

	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

func bad(code, description string) *failure {
	return &failure{status: http.StatusBadRequest, Code: code, Description: description}
}

func tooMany(wait time.Duration) *failure {
	return &failure{
		status: http.StatusTooManyRequests, wait: wait, Code: tryLater,
		Description: "too many wrong credentials came from there or for that name; try again in " + auth.Seconds(wait) + " seconds",
	}
}

// form is what a request says.
type form struct {
	values url.Values
	// client and secret are the client's credentials; byHeader tells how they came.
	client, secret string
	byHeader       bool
	from           string
}

// get returns a parameter. RFC 6749 section 3.2: one without a value counts as left
// out.
func (f *form) get(name string) string { return f.values.Get(name) }

// posted reads the form for a handler, which answers with a failure or by itself.
func (s *Server) posted(handle func(http.ResponseWriter, *http.Request, *form) *failure) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, failed := read(w, r)
		if failed == nil {
			failed = handle(w, r, f)
		}
		if failed != nil {
			failed.write(w)
		}
	}
}

func read(w http.ResponseWriter, r *http.Request) (*form, *failure) {
	if auth.CheckRealm(r.PathValue("realm")) != nil {
		return nil, &failure{status: http.StatusNotFound, Code: invalidRequest, Description: "there can be no realm of that name"}
	}
	if r.Method != http.MethodPost {
		// RFC 6749 section 3.2.
		return nil, &failure{status: http.StatusMethodNotAllowed, Code: invalidRequest, Description: "expected POST"}
	}
	if r.URL.RawQuery != "" {
		// RFC 6749 section 2.3.1.
		return nil, bad(invalidRequest, "parameters belong into the body, not into the URL")
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, bad(invalidRequest, "expected Content-Type application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, &failure{status: http.StatusRequestEntityTooLarge, Code: invalidRequest, Description: "the body is larger than 16384 bytes"}
	case err != nil:
		return nil, bad(invalidRequest, "the body ended before it was complete")
	}
	f := &form{from: r.RemoteAddr}
	if f.values, err = url.ParseQuery(string(body)); err != nil {
		return nil, bad(invalidRequest, "the body is not form-encoded")
	}
	for name, values := range f.values {
		switch {
		case len(values) > 1:
			// RFC 6749 section 3.2.
			return nil, bad(invalidRequest, "a parameter is sent more than once")
		case !utf8.ValidString(name) || !utf8.ValidString(values[0]):
			return nil, bad(invalidRequest, "the body is not UTF-8")
		}
	}
	return f, f.authenticates(r)
}

// authenticates reads the client's credentials (RFC 6749 section 2.3.1).
func (f *form) authenticates(r *http.Request) *failure {
	f.client, f.secret = f.get("client_id"), f.get("client_secret")
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		return nil
	}
	f.byHeader = true
	id, secret, ok := r.BasicAuth()
	client, idErr := url.QueryUnescape(id)
	password, secretErr := url.QueryUnescape(secret)
	switch {
	case len(headers) > 1 || !ok || errors.Join(idErr, secretErr) != nil || !utf8.ValidString(client+password):
		return f.unknownClient("expected client id and secret, each form-encoded, by the Basic scheme")
	case f.secret != "" || f.client != "" && f.client != client:
		// RFC 6749 section 2.3: no more than one method.
		return bad(invalidRequest, "the client authenticates in more than one way")
	}
	f.client, f.secret = client, password
	return nil
}

func (f *form) unknownClient(description string) *failure {
	return &failure{status: http.StatusUnauthorized, Code: invalidClient, Description: description, challenge: f.byHeader}
}

func (f *failure) write(w http.ResponseWriter) {
	h := w.Header()
	if f.status == http.StatusMethodNotAllowed {
		h.Set("Allow", http.MethodPost)
	}
	if f.challenge {
		h.Set("WWW-Authenticate", `Basic realm="sidegate", charset="UTF-8"`)
	}
	if f.wait > 0 {
		h.Set("Retry-After", auth.Seconds(f.wait))
	}
	answer(w, f.status, f)
}

// answer writes JSON that nobody may store (RFC 6749 section 5.1).
func answer(w http.ResponseWriter, status int, body any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller is gone: nobody to tell
}
