package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sidegate/sidegate/internal/config"
	"github.com/sidegate/sidegate/internal/document"
)

const (
	defaultServer = "http://127.0.0.1:8980"
	callTimeout   = time.Minute
	// maxAnswer bounds what is read of an answer; a set is at most 16 MiB when
	// written and grows a little by its output-only members.
	maxAnswer = 64 << 20
)

// api is the administration API of a server.
type api struct {
	base  string
	token string
	http  *http.Client
	// sending is called with the body of every call that has one.
	sending func(*bytes.Reader) io.Reader
}

// connect makes the client of the administration API. It asks nothing yet.
func (a *app) connect() (*api, error) {
	r, err := a.remote()
	if err != nil {
		return nil, err
	}
	u, err := serverURL(r.base())
	if err != nil {
		return nil, err
	}
	token, err := r.bearer()
	if err != nil {
		return nil, err
	}
	if token != "" && u.Scheme == "http" && !loopback(u) {
		return nil, usage("server %s: a token would be sent in the clear to another machine; use https", r.base())
	}
	if r.secured() && u.Scheme == "http" && r.GRPC == "" {
		return nil, usage("server %s: certificates have no effect without TLS; use https", r.base())
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if transport.TLSClientConfig, err = r.tls(); err != nil {
		return nil, err
	}
	transport.ResponseHeaderTimeout = callTimeout
	return &api{base: strings.TrimSuffix(r.base(), "/"), token: token, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// serverURL refuses what is no URL of a server.
func serverURL(base string) (*url.URL, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, usage("server: expected a URL such as %s, got %q", defaultServer, base)
	}
	return u, nil
}

func loopback(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		port = "80"
	}
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return config.Loopback(host + ":" + port)
}

// call is one request to the API.
type call struct {
	method string
	// path is below the base, its segments escaped by segment.
	path  string
	query url.Values
	body  []byte
	// ifMatch is the entity tag that must still hold, revision what the call is
	// based on.
	ifMatch, revision string
	// accept is the form of the answer; empty means JSON.
	accept string
}

// segment escapes a name for a path.
func segment(name string) string { return strings.ReplaceAll(url.PathEscape(name), ":", "%3A") }

// realmPath is the path of something in a realm.
func realmPath(realm, rest string) string { return "/v1/realms/" + segment(realm) + rest }

// answer is what came back.
type answer struct {
	body *document.Node
	etag string
}

// get reads what is at a path.
func (c *api) get(ctx context.Context, path string, query url.Values) (answer, error) {
	return c.do(ctx, call{method: http.MethodGet, path: path, query: query})
}

// do makes a call. A refusal is a *problem, a server that does not answer is
// marked as unreachable.
func (c *api) do(ctx context.Context, q call) (answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, callTimeout, errSlow)
	defer cancel()
	resp, err := c.send(ctx, q)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := c.read(ctx, resp)
	if err != nil {
		return answer{}, err
	}
	body, err := document.Parse("answer.json", data)
	if err != nil {
		return answer{}, fmt.Errorf("server %s: the answer is not that of a decision point: %w", c.base, err)
	}
	return answer{body: body, etag: resp.Header.Get("ETag")}, nil
}

// errSlow is the error of a server that takes too long.
var errSlow = fmt.Errorf("no answer within %v", callTimeout)

// send makes a call and returns its answer, unread, if it is no refusal.
func (c *api) send(ctx context.Context, q call) (*http.Response, error) {
	req, err := c.request(ctx, q)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := c.read(ctx, resp)
	if err != nil {
		return nil, err
	}
	return nil, readProblem(resp.StatusCode, data)
}

func (c *api) request(ctx context.Context, q call) (*http.Request, error) {
	u := c.base + q.path
	if len(q.query) > 0 {
		u += "?" + q.query.Encode()
	}
	var body io.Reader = bytes.NewReader(q.body)
	if c.sending != nil && len(q.body) > 0 {
		body = c.sending(bytes.NewReader(q.body))
	}
	req, err := http.NewRequestWithContext(ctx, q.method, u, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", q.method, q.path, err)
	}
	req.ContentLength = int64(len(q.body))
	for _, h := range []struct{ name, value string }{
		{"If-Match", q.ifMatch}, {"X-Sidegate-Revision", q.revision}, {"Accept", q.accept},
	} {
		if h.value != "" {
			req.Header.Set(h.name, h.value)
		}
	}
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

// failed tells a server that cannot be reached from a command that was stopped.
func (c *api) failed(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errSlow) {
		return cause
	} else if cause != nil {
		err = cause
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return unreachable(fmt.Errorf("server %s cannot be reached: %w", c.base, explained(err)))
}

func (c *api) read(ctx context.Context, resp *http.Response) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	if len(data) > maxAnswer {
		return nil, fmt.Errorf("server %s: the answer is larger than %d bytes", c.base, maxAnswer)
	}
	return data, nil
}
