// Package rest sends HTTP requests to the Keycloak under test.
//
// It follows no redirect, keeps no cookie unless told to, and reads bounded
// answers whole, so that a caller judges what came on the wire.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxAnswer = 8 << 20
	timeout   = 2 * time.Minute
)

// Client sends requests below one address.
type Client struct {
	base string
	http *http.Client
}

// New returns a client of the server at an address.
func New(base string) *Client {
	return &Client{base: base, http: &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// WithCookies returns a client that keeps cookies in the jar.
func (c *Client) WithCookies(jar http.CookieJar) *Client {
	browser := *c.http
	browser.Jar = jar
	return &Client{base: c.base, http: &browser}
}

// Base returns the address of the server.
func (c *Client) Base() string { return c.base }

// Request is what is sent. The zero value of every member but Method and Path
// leaves it out; of JSON and Form one may be set.
type Request struct {
	Method string
	// Path is absolute on the server, or a whole URL of the server.
	Path   string
	Query  url.Values
	Bearer string
	JSON   any
	Form   url.Values
	Header http.Header
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request. The error means that no answer came.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	req, err := c.request(ctx, r)
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", r.Method, r.Path, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", r.Method, r.Path, err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", r.Method, r.Path, err)
	}
	if len(body) > maxAnswer {
		return Answer{}, fmt.Errorf("%s %s: answer is larger than %d bytes", r.Method, r.Path, maxAnswer)
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	target := r.Path
	if strings.HasPrefix(target, "/") {
		target = c.base + target
	}
	if len(r.Query) > 0 {
		target += "?" + r.Query.Encode()
	}
	body, kind, err := r.body()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, target, body)
	if err != nil {
		return nil, err
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if r.Bearer != "" {
		req.Header.Set("Authorization", "Bearer "+r.Bearer)
	}
	return req, nil
}

func (r Request) body() (io.Reader, string, error) {
	switch {
	case r.JSON != nil:
		data, err := json.Marshal(r.JSON)
		return bytes.NewReader(data), "application/json", err
	case r.Form != nil:
		return strings.NewReader(r.Form.Encode()), "application/x-www-form-urlencoded", nil
	}
	return http.NoBody, "", nil
}

// OK reports whether the status is one of success.
func (a Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

// Object returns the body as a JSON object; it is empty when the body is none.
func (a Answer) Object() map[string]any {
	object := map[string]any{}
	if json.Unmarshal(a.Body, &object) != nil {
		return map[string]any{}
	}
	return object
}

// Text returns a text member of the JSON body, or "".
func (a Answer) Text(member string) string {
	text, _ := a.Object()[member].(string)
	return text
}

// String returns the status and the beginning of the body, for messages.
func (a Answer) String() string {
	const shown = 300
	body := strings.Join(strings.Fields(string(a.Body)), " ")
	if len(body) > shown {
		body = body[:shown] + "…"
	}
	if l := a.Header.Get("Location"); l != "" {
		body = "to " + l + " " + body
	}
	return fmt.Sprintf("%d %s", a.Status, body)
}

// ErrStatus means that an answer had another status than wanted.
var ErrStatus = errors.New("unexpected answer")

// Must is Do for a step that has to succeed.
func (c *Client) Must(ctx context.Context, r Request) (Answer, error) {
	a, err := c.Do(ctx, r)
	if err == nil && !a.OK() {
		err = fmt.Errorf("%s %s: %w: %s", r.Method, r.Path, ErrStatus, a)
	}
	return a, err
}
