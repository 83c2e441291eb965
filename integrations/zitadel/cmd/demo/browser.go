package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// browser is the client's side: it speaks HTTP with the provider and follows no
// redirect by itself.
type browser struct {
	base string
	http *http.Client
}

func newBrowser(base string) *browser {
	return &browser{base: base, http: &http.Client{
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// idle gives up the connections that are kept.
func (b *browser) idle() { b.http.CloseIdleConnections() }

// reply is an answer of the provider.
type reply struct {
	status   int
	location *url.URL // empty without a redirect
	header   http.Header
	body     []byte
	fields   map[string]any // of a JSON answer
}

func (r *reply) text(field string) string {
	s, _ := r.fields[field].(string)
	return s
}

// credentials are a client id and secret for the Authorization header; the zero
// value sends none.
type credentials struct{ id, secret string }

func (b *browser) send(ctx context.Context, method, target, body, contentType string, c credentials) (*reply, error) {
	if strings.HasPrefix(target, "/") {
		target = b.base + target
	}
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.id != "" {
		req.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret))
	}
	return b.do(req)
}

func (b *browser) do(req *http.Request) (*reply, error) {
	req.Header.Set("User-Agent", "sidegate-demo")
	resp, err := b.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the provider: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	if err != nil {
		return nil, fmt.Errorf("read the provider's answer: %w", err)
	}
	out := &reply{status: resp.StatusCode, location: &url.URL{}, header: resp.Header, body: body}
	if u, err := url.Parse(resp.Header.Get("Location")); err == nil {
		out.location = u
	}
	_ = json.Unmarshal(body, &out.fields) // pages have no fields
	return out, nil
}

func (b *browser) get(ctx context.Context, target string) (*reply, error) {
	return b.send(ctx, http.MethodGet, target, "", "", credentials{})
}

func (b *browser) post(ctx context.Context, target string, form url.Values, c credentials) (*reply, error) {
	return b.send(ctx, http.MethodPost, target, form.Encode(), "application/x-www-form-urlencoded", c)
}

func (b *browser) register(ctx context.Context, metadata string) (*reply, error) {
	return b.send(ctx, http.MethodPost, "/register", metadata, "application/json", credentials{})
}

func (b *browser) userInfo(ctx context.Context, token string) (*reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+"/userinfo", nil)
	if err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return b.do(req)
}

// signIn follows an authorization request through the login form to a code.
func (b *browser) signIn(ctx context.Context, authorization url.Values) (string, error) {
	r, err := b.get(ctx, "/authorize?"+authorization.Encode())
	if err != nil {
		return "", err
	}
	if r.location.Path != "/login/username" {
		return "", fmt.Errorf("authorize: status %d, expected a redirect to the login page", r.status)
	}
	r, err = b.post(ctx, "/login/username", url.Values{
		"id": {r.location.Query().Get("authRequestID")}, "username": {"test-user2"}, "password": {"verysecure"},
	}, credentials{})
	if err != nil {
		return "", err
	}
	r, err = b.get(ctx, r.location.String())
	if err != nil {
		return "", err
	}
	code := r.location.Query().Get("code")
	if code == "" {
		return "", fmt.Errorf("callback: status %d, expected a code", r.status)
	}
	return code, nil
}

// pkce is a verifier of RFC 7636 and its S256 challenge.
type pkce struct{ verifier, challenge string }

func newPKCE() pkce {
	v := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(v))
	return pkce{verifier: v, challenge: base64.RawURLEncoding.EncodeToString(sum[:])}
}

// check says what differs from the expected answer.
func check(r *reply, err error, status int, what string) error {
	if err != nil {
		return err
	}
	if r.status != status {
		return fmt.Errorf("%s: status %d, expected %d: %s", what, r.status, status, r.body)
	}
	return nil
}
