package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sidegate/sidegate/internal/cli/document"
	"github.com/sidegate/sidegate/internal/config"
	"github.com/spf13/cobra"
)

const (
	defaultServer = "http://127.0.0.1:8980"
	callTimeout   = time.Minute
	// maxAnswer bounds what is read of an answer; a set is at most 16 MiB when
	// written and grows a little by its output-only members.
	maxAnswer = 64 << 20
	// maxToken bounds a token file.
	maxToken = 8 << 10
)

// serverFlags defines how to reach the administration API.
func (a *app) serverFlags(c *cobra.Command) {
	c.Flags().StringVar(&a.server, "server", "", "URL of the administration API (environment: "+config.EnvServer+"; default "+defaultServer+")")
	c.Flags().StringVar(&a.tokenFile, "token-file", "", "file with the bearer token (environment: "+config.EnvTokenFile+", or "+config.EnvToken+" with the token itself)")
}

// api is the administration API of a server.
type api struct {
	base  string
	token string
	http  *http.Client
}

// connect makes the client of the administration API. It asks nothing yet.
func (a *app) connect() (*api, error) {
	base := a.server
	if base == "" {
		base = a.env(config.EnvServer)
	}
	if base == "" {
		base = defaultServer
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, usage("server: expected a URL such as %s, got %q", defaultServer, base)
	}
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	if token != "" && u.Scheme == "http" && !loopback(u) {
		return nil, usage("server %s: a token would be sent in the clear to another machine; use https", base)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return &api{base: strings.TrimSuffix(base, "/"), token: token, http: &http.Client{
		Transport: transport, Timeout: callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
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

// token reads the bearer token; "" when there is none.
func (a *app) token() (string, error) {
	path := a.tokenFile
	if path == "" {
		if token := a.env(config.EnvToken); token != "" {
			return checkToken(config.EnvToken, token)
		}
		path = a.env(config.EnvTokenFile)
	}
	if path == "" {
		return "", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", usage("token file: %w", err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", usage("token file: %w", err)
	}
	return checkToken("token file "+path, strings.TrimSpace(string(data)))
}

// checkToken refuses what cannot stand in a header (RFC 6750 section 2.1).
func checkToken(place, token string) (string, error) {
	bad := func(r rune) bool { return r <= ' ' || r > '~' }
	if token == "" || len(token) > maxToken || strings.ContainsFunc(token, bad) {
		return "", usage("%s: expected one token of printable characters", place)
	}
	return token, nil
}

// call is one request to the API.
type call struct {
	method string
	// path is below the base, its segments escaped by segment.
	path  string
	query url.Values
	body  []byte
	// ifMatch is the entity tag that must still hold.
	ifMatch string
}

// segment escapes a name for a path.
func segment(name string) string { return strings.ReplaceAll(url.PathEscape(name), ":", "%3A") }

// answer is what came back.
type answer struct {
	body *document.Node
	etag string
}

// do makes a call. A refusal is a *problem, a server that does not answer is
// marked as unreachable.
func (c *api) do(ctx context.Context, q call) (answer, error) {
	u := c.base + q.path
	if len(q.query) > 0 {
		u += "?" + q.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, q.method, u, bytes.NewReader(q.body))
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", q.method, q.path, err)
	}
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if q.ifMatch != "" {
		req.Header.Set("If-Match", q.ifMatch)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, c.failed(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	return c.read(ctx, resp)
}

// failed tells a server that cannot be reached from a command that was stopped.
func (c *api) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return unreachable(fmt.Errorf("server %s cannot be reached: %w", c.base, err))
}

func (c *api) read(ctx context.Context, resp *http.Response) (answer, error) {
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return answer{}, c.failed(ctx, err)
	}
	if len(data) > maxAnswer {
		return answer{}, fmt.Errorf("server %s: the answer is larger than %d bytes", c.base, maxAnswer)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return answer{}, readProblem(resp.StatusCode, data)
	}
	body, err := document.Parse("answer.json", data)
	if err != nil {
		return answer{}, fmt.Errorf("server %s: the answer is not that of a decision point: %w", c.base, err)
	}
	return answer{body: body, etag: resp.Header.Get("ETag")}, nil
}
