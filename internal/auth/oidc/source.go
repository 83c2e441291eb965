package oidc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

const (
	// fetchTimeout bounds a fetch in all: metadata and keys.
	fetchTimeout = 10 * time.Second
	// maxDocument is the greatest size of metadata and of a key set.
	maxDocument = 512 << 10
	// maxRedirects bounds the redirects of one request.
	maxRedirects = 3
)

// source is where the keys of an issuer come from.
type source struct {
	issuer, jwksURL string
	client          *http.Client
}

func newSource(o *Options) *source {
	transport := &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{RootCAs: o.Authorities, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: fetchTimeout, IdleConnTimeout: 30 * time.Second, MaxIdleConnsPerHost: 1, MaxResponseHeaderBytes: 64 << 10,
	}
	return &source{
		issuer: o.Issuer, jwksURL: o.JWKSURL,
		client: &http.Client{Transport: bounded{transport}, CheckRedirect: redirect, Timeout: fetchTimeout},
	}
}

func (s *source) close() { s.client.CloseIdleConnections() }

// bounded reads no more than maxDocument bytes of an answer.
type bounded struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.Transport.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxDocument)
	}
	return resp, err
}

// redirect follows few redirects, and none that gives up TLS.
func redirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
		return errors.New("redirect from https to " + r.URL.Scheme)
	}
	return checkTransport(r.URL)
}

// fetch returns the keys that the issuer has now.
func (s *source) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	at := s.jwksURL
	if at == "" {
		var err error
		if at, err = s.discover(ctx); err != nil {
			return nil, errors.New("discovery: " + shorten(err.Error()))
		}
	}
	data, err := s.get(ctx, at)
	if err != nil {
		return nil, err
	}
	return parseKeys(data)
}

// discover asks the issuer where its keys are (OpenID Connect Discovery section 4);
// go-oidc sees to it that the metadata are those of this issuer (section 4.3).
func (s *source) discover(ctx context.Context) (string, error) {
	provider, err := gooidc.NewProvider(gooidc.ClientContext(ctx, s.client), s.issuer)
	if err != nil {
		return "", err
	}
	var metadata struct {
		JWKSURI string `json:"jwks_uri"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return "", err
	}
	if err := checkURL(metadata.JWKSURI); err != nil {
		return "", fmt.Errorf("jwks_uri %w", err)
	}
	return metadata.JWKSURI, nil
}

func (s *source) get(ctx context.Context, at string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := s.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("key set: %s answered %s", at, resp.Status)
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	return data, nil
}
