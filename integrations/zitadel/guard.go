package zitadel

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxBody bounds forms and registration documents.
	maxBody = 64 << 10
	// maxQuery bounds the request target's query.
	maxQuery = 16 << 10
	// maxParameters bounds the parameters of one request.
	maxParameters = 100
)

// kind is how an endpoint speaks to its caller.
type kind int

const (
	kindUnknown kind = iota // not an endpoint: passed on as it is
	kindPublic              // documents that anybody may cache
	kindBrowser             // errors are pages
	kindForm                // POST of a form, JSON back (RFC 6749 section 3.2)
	kindBearer              // UserInfo: errors are headers
	kindJSON                // POST of JSON, JSON back
)

// endpoint is what guard demands of the requests for one path.
type endpoint struct {
	kind    kind
	methods []string
	repeats []string // parameters that may come more than once
}

var (
	getOnly  = []string{http.MethodGet, http.MethodHead}
	postOnly = []string{http.MethodPost}
	getPost  = []string{http.MethodGet, http.MethodPost}
)

var guarded = map[string]endpoint{
	pathAuthorize:   {kind: kindBrowser, methods: getPost},
	pathCallback:    {kind: kindBrowser, methods: []string{http.MethodGet}},
	pathEndSession:  {kind: kindBrowser, methods: getPost},
	pathLogin:       {kind: kindBrowser, methods: getPost},
	pathDevice:      {kind: kindBrowser, methods: getOnly},
	pathDeviceLogin: {kind: kindBrowser, methods: postOnly},
	pathLoggedOut:   {kind: kindBrowser, methods: getOnly},
	// RFC 8693 section 2.1: resource and audience may be repeated.
	pathToken:                           {kind: kindForm, methods: postOnly, repeats: []string{"resource", "audience"}},
	pathRevoke:                          {kind: kindForm, methods: postOnly},
	pathIntrospect:                      {kind: kindForm, methods: postOnly},
	pathDeviceAuth:                      {kind: kindForm, methods: postOnly},
	pathUserInfo:                        {kind: kindBearer, methods: getPost},
	pathRegister:                        {kind: kindJSON, methods: postOnly},
	pathKeys:                            {kind: kindPublic, methods: getOnly},
	"/.well-known/openid-configuration": {kind: kindPublic, methods: getOnly},
}

// guard stands before everything: it refuses what no endpoint should have to
// look at, hands the hooks what the library keeps from them, and puts the
// answers into the form that the standards ask for.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X-Content-Type-Options", "nosniff")
		e, known := guarded[r.URL.Path]
		if !known || r.Method == http.MethodOptions {
			next.ServeHTTP(rw, r)
			return
		}
		r, w := withWire(r, rw.Header())
		a := &answer{rw: rw, endpoint: e, wire: w}
		if f := e.inspect(rw, r); f != nil {
			f.write(a)
		} else {
			next.ServeHTTP(a, r)
		}
		a.finish()
	})
}

// inspect returns what is wrong with a request, or nil.
func (e endpoint) inspect(rw http.ResponseWriter, r *http.Request) *fault {
	if !slices.Contains(e.methods, r.Method) {
		rw.Header().Set("Allow", strings.Join(e.methods, ", "))
		return &fault{http.StatusMethodNotAllowed, "invalid_request", "this endpoint takes " + strings.Join(e.methods, " or ")}
	}
	if len(r.URL.RawQuery) > maxQuery {
		return &fault{http.StatusRequestURITooLong, "invalid_request", "the query is too long"}
	}
	// RFC 6749 sections 2.3.1 and 3.2: parameters of these endpoints come in the body.
	if (e.kind == kindForm || e.kind == kindJSON) && r.URL.RawQuery != "" {
		return badRequest("parameters of this endpoint come in the body, not in the query")
	}
	r.Body = http.MaxBytesReader(rw, r.Body, maxBody)
	if e.kind == kindJSON {
		return nil
	}
	if err := r.ParseForm(); err != nil {
		return badRequest("the form cannot be read, or is too large")
	}
	// RFC 6750 section 2.3 and OAuth 2.1: no access token in a URL.
	if e.kind == kindBearer && r.URL.Query().Has("access_token") {
		return badRequest("access_token must not come in the query")
	}
	return e.inspectForm(r.Form)
}

// inspectForm refuses repeated parameters (RFC 6749 section 3.1 and 3.2), of
// which two readers may see different values, and text that is none.
func (e endpoint) inspectForm(form url.Values) *fault {
	if len(form) > maxParameters {
		return badRequest("too many parameters")
	}
	for name, values := range form {
		if !utf8.ValidString(name) || slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
			return badRequest("a parameter is not UTF-8")
		}
		if len(values) > 1 && !slices.Contains(e.repeats, name) {
			return badRequest("parameter " + name + " comes more than once")
		}
	}
	return nil
}

// fault is an error of an endpoint, in JSON (RFC 6749 section 5.2).
type fault struct {
	status      int
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

func badRequest(description string) *fault {
	return &fault{http.StatusBadRequest, "invalid_request", description}
}
