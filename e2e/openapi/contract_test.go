package openapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/sidegate/sidegate/gen/openapi"
)

// load returns the document as committed.
func load(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openapi.JSON)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// loadStrict returns the document with every object closed, so that a member which
// it does not name is an error.
func loadStrict(t *testing.T) *openapi3.T {
	t.Helper()
	doc := load(t)
	for _, ref := range doc.Components.Schemas {
		shut(ref.Value)
	}
	err := doc.WalkSchemas(func(_ string, ref *openapi3.SchemaRef) error {
		if len(ref.Value.Properties) > 0 {
			shut(ref.Value)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func shut(s *openapi3.Schema) {
	if s.Type.Is("object") && s.AdditionalProperties.Schema == nil {
		s.AdditionalProperties.Has = openapi3.Ptr(false)
	}
}

// contract is the document beside a server, and what was seen of it.
type contract struct {
	*instance
	// routes are those of the document, answers the same of the strict one.
	routes, answers map[string]*routers.Route
	seen            map[string]map[int]int
	// decision is the id of a decision of the realm "r" that was kept.
	decision string
}

func newContract(t *testing.T, i *instance) *contract {
	t.Helper()
	c := &contract{instance: i, routes: index(load(t)), answers: index(loadStrict(t)), seen: map[string]map[int]int{}}
	for id := range c.routes {
		c.seen[id] = map[int]int{}
	}
	return c
}

// at returns the same beside another server.
func (c *contract) at(i *instance) *contract {
	other := *c
	other.instance = i
	return &other
}

// index returns the routes of a document by the id of their operation.
func index(doc *openapi3.T) map[string]*routers.Route {
	routes := map[string]*routers.Route{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			routes[op.OperationID] = &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: op}
		}
	}
	return routes
}

// operations returns the ids of all operations.
func (c *contract) operations() []string { return slices.Sorted(maps.Keys(c.routes)) }

// call is a request of an operation and the status that it leads to.
type call struct {
	op string
	// want is the status; 0 is 200 or 400, whichever the server thinks right.
	want   int
	reason string
	// realm and item are in the path; the realm is "r" unless given.
	realm, item string
	query       string
	body        string
	// headers are pairs.
	headers []string
	// token is the administrator's unless given; "-" is none.
	token string
	// outside tells that the document cannot allow the request either.
	outside bool
	// null tells that the body holds null, which the document allows in words alone.
	null bool
	// items is how many items of a stream without end are waited for.
	items int
}

// kept stands for the id of a decision that was kept.
const kept = "@kept"

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request and compares it and its answer with the document.
func (c *contract) do(t *testing.T, w call) answer {
	t.Helper()
	route := c.routes[w.op]
	if route == nil {
		t.Fatalf("the document has no operation %s", w.op)
	}
	request, params := c.request(t, w, route)
	input := &openapi3filter.RequestValidationInput{Request: request, PathParams: params, Route: route, Options: options()}
	judged := openapi3filter.ValidateRequest(t.Context(), input)
	got := c.send(t, request, w.items)
	if got.status != w.want && (w.want != 0 || got.status != http.StatusOK && got.status != http.StatusBadRequest) {
		t.Fatalf("%s %s: got %d, want %d: %.500s", request.Method, request.URL, got.status, w.want, got.body)
	}
	// Much that is not valid is refused by rules that no schema has.
	if refused := got.status == http.StatusBadRequest || got.status == http.StatusUnsupportedMediaType; w.outside || !refused && !w.null {
		if (judged != nil) != w.outside {
			t.Errorf("%s %s: the document judges the request: %v; want it refused: %v", request.Method, request.URL, judged, w.outside)
		}
	}
	c.compare(t, request, c.answers[w.op], got)
	if reason := c.problem(t, got); reason != w.reason && w.reason != "" {
		t.Errorf("%s %s: got reason %q, want %q: %s", request.Method, request.URL, reason, w.reason, got.body)
	}
	c.seen[w.op][got.status]++
	return got
}

func options() *openapi3filter.Options {
	return &openapi3filter.Options{
		// Who may call is seen in the answers.
		AuthenticationFunc:                openapi3filter.NoopAuthenticationFunc,
		RejectWhenRequestBodyNotSpecified: true,
		SkipSettingDefaults:               true,
		// Members that are read-only are ignored when they are sent back.
		ExcludeReadOnlyValidations: true,
		IncludeResponseStatus:      true,
		MultiError:                 true,
	}
}

// request builds the request of a call.
func (c *contract) request(t *testing.T, w call, route *routers.Route) (*http.Request, map[string]string) {
	t.Helper()
	realm := w.realm
	if realm == "" {
		realm = "r"
	}
	params := map[string]string{}
	path := route.Path
	for _, ref := range route.Operation.Parameters {
		if p := ref.Value; p.In == openapi3.ParameterInPath {
			item := strings.ReplaceAll(w.item, kept, c.decision)
			params[p.Name] = map[bool]string{true: realm, false: item}[p.Name == "realm"]
			path = strings.ReplaceAll(path, "{"+p.Name+"}", strings.ReplaceAll(url.PathEscape(params[p.Name]), ":", "%3A"))
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), route.Method, c.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if w.body != "" {
		request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(w.body)), nil }
		request.Body, _ = request.GetBody()
		request.ContentLength = int64(len(w.body))
		for kind := range route.Operation.RequestBody.Value.Content {
			request.Header.Set("Content-Type", kind)
		}
	}
	request.URL.RawQuery = w.query
	token := w.token
	if token == "" {
		token = c.admin
	}
	if token != "-" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for n := 0; n < len(w.headers); n += 2 {
		request.Header.Set(w.headers[n], w.headers[n+1])
	}
	return request, params
}

// send sends a request. Of an answer without end it waits for some items.
func (c *contract) send(t *testing.T, request *http.Request, items int) answer {
	t.Helper()
	response, err := c.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	read := io.ReadAll
	if response.StatusCode == http.StatusOK && endless(request, response) {
		read = func(r io.Reader) ([]byte, error) { return readItems(r, items) }
	}
	body, err := read(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", request.Method, request.URL, err)
	}
	return answer{response.StatusCode, response.Header, body}
}

// transport are the headers that need no place in the document.
var transport = []string{"Content-Type", "Content-Length", "Date", "Cache-Control", "Pragma", "X-Content-Type-Options"}

// compare compares an answer with the document.
func (c *contract) compare(t *testing.T, request *http.Request, route *routers.Route, got answer) {
	t.Helper()
	at := fmt.Sprint(route.Operation.OperationID, " ", got.status)
	described := route.Operation.Responses.Value(strconv.Itoa(got.status))
	if described == nil {
		t.Errorf("%s: the document does not name the status", at)
		return
	}
	known := slices.Clone(transport)
	for name := range described.Value.Headers {
		known = append(known, http.CanonicalHeaderKey(name))
	}
	for name := range got.header {
		if !slices.Contains(known, name) {
			t.Errorf("%s: the document does not name the header %s", at, name)
		}
	}
	if len(got.body) == 0 && len(described.Value.Content) == 0 {
		return
	}
	kind, _, _ := mime.ParseMediaType(got.header.Get("Content-Type"))
	media := described.Value.Content[kind]
	if media == nil {
		t.Errorf("%s: the document does not name the type %q", at, kind)
		return
	}
	if kind != "application/json" && kind != "application/problem+json" {
		compareItems(t, at, kind, media.Schema.Value, got.body)
		return
	}
	err := openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, Route: route},
		Status:                 got.status, Header: got.header, Body: io.NopCloser(bytes.NewReader(got.body)), Options: options(),
	})
	if err != nil {
		t.Errorf("%s: %v\n%.1000s", at, err, got.body)
	}
}

// problem checks what a schema cannot say of a refusal, and returns its reason.
func (c *contract) problem(t *testing.T, got answer) string {
	t.Helper()
	if got.status < http.StatusBadRequest || got.header.Get("Content-Type") != "application/problem+json" {
		return ""
	}
	var p struct {
		Type, Reason string
		Status       int
	}
	decode(t, got.body, &p)
	kind := "about:blank"
	if p.Reason != "" {
		kind = "tag:sidegate.dev,2026:" + strings.ReplaceAll(strings.ToLower(p.Reason), "_", "-")
	}
	if p.Status != got.status || p.Type != kind {
		t.Errorf("a problem of status %d says %s", got.status, got.body)
	}
	return p.Reason
}

// decode reads JSON.
func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%v: %.500s", err, data)
	}
}

// complete fails for every operation and status that was not seen.
func (c *contract) complete(t *testing.T) {
	t.Helper()
	for _, id := range c.operations() {
		for status := range c.routes[id].Operation.Responses.Map() {
			n, err := strconv.Atoi(status)
			if err != nil && status != "default" {
				t.Errorf("%s: the document names the status %q", id, status)
			}
			if err == nil && c.seen[id][n] == 0 {
				t.Errorf("%s: status %d was not seen", id, n)
			}
		}
	}
}
