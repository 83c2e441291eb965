package idp

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path"
	"regexp"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
)

var (
	formAction = regexp.MustCompile(`id="kc-form-login"[^>]*action="([^"]+)"`)
	errNoForm  = errors.New("no login page came")
	errNoCode  = errors.New("no code came back")
)

// LoginPage returns where a login page sends its form, or "" when the answer is no
// login page.
func LoginPage(a rest.Answer) string {
	match := formAction.FindSubmatch(a.Body)
	if match == nil {
		return ""
	}
	return html.UnescapeString(string(match[1]))
}

// Code logs the user in with an authorization request and returns the code.
func (r *Realm) Code(ctx context.Context, query url.Values) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", fmt.Errorf("log in: %w", err)
	}
	browser := r.server.rest.WithCookies(jar)
	page, err := browser.Do(ctx, rest.Request{Method: http.MethodGet, Path: r.Endpoint("auth"), Query: query})
	if err != nil {
		return "", err
	}
	action := LoginPage(page)
	if action == "" {
		return "", fmt.Errorf("log in: %w: %s", errNoForm, page)
	}
	done, err := browser.Do(ctx, rest.Request{
		Method: http.MethodPost, Path: action, Form: url.Values{"username": {r.Jane}, "password": {r.Jane}},
	})
	if err != nil {
		return "", err
	}
	target, err := url.Parse(done.Header.Get("Location"))
	if err != nil {
		return "", fmt.Errorf("log in: %w", err)
	}
	if code := target.Query().Get("code"); code != "" {
		return code, nil
	}
	return "", fmt.Errorf("log in: %w: %s", errNoCode, done)
}

// MakeClient creates a client by the admin API of the master realm's
// administrator; it must succeed.
func (r *Realm) MakeClient(ctx context.Context, doc map[string]any, roles ...string) error {
	a, err := r.server.must(ctx, http.MethodPost, r.admin("clients"), doc)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	id := path.Base(a.Header.Get("Location"))
	for _, role := range roles {
		if err := r.AddRole(ctx, id, role); err != nil {
			return fmt.Errorf("make client: %w", err)
		}
	}
	return nil
}
