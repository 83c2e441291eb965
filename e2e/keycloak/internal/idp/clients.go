package idp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
)

// ErrNoClient means that the realm has no client of that id.
var ErrNoClient = errors.New("no such client")

// ClientByID returns the representation of the client with a client id.
func (r *Realm) ClientByID(ctx context.Context, clientID string) (map[string]any, error) {
	items, err := r.list(ctx, r.admin("clients")+"?"+url.Values{"clientId": {clientID}}.Encode())
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoClient, clientID)
	}
	return items[0], nil
}

// boss sends a request of the admin API as the realm's own administrator, whom
// policies may ask about.
func (r *Realm) boss(ctx context.Context, method, path string, body any) (rest.Answer, error) {
	return r.server.rest.Do(ctx, rest.Request{Method: method, Path: path, JSON: body, Bearer: r.Boss.Token})
}

// CreateClient creates a client by the admin API.
func (r *Realm) CreateClient(ctx context.Context, doc map[string]any) (rest.Answer, error) {
	return r.boss(ctx, http.MethodPost, r.admin("clients"), doc)
}

// UpdateClient changes the client with an internal id by the admin API.
func (r *Realm) UpdateClient(ctx context.Context, id string, doc map[string]any) (rest.Answer, error) {
	return r.boss(ctx, http.MethodPut, r.admin("clients", id), doc)
}

// ViewClient reads a client by the admin API, which asks policies.
func (r *Realm) ViewClient(ctx context.Context, id string) (rest.Answer, error) {
	return r.boss(ctx, http.MethodGet, r.admin("clients", id), nil)
}

// DeleteClient deletes a client by the admin API.
func (r *Realm) DeleteClient(ctx context.Context, id string) (rest.Answer, error) {
	return r.boss(ctx, http.MethodDelete, r.admin("clients", id), nil)
}

// RegenerateSecret makes a new secret for a client by the admin API.
func (r *Realm) RegenerateSecret(ctx context.Context, id string) (rest.Answer, error) {
	return r.boss(ctx, http.MethodPost, r.admin("clients", id, "client-secret"), nil)
}

// AddRole defines a role on a client.
func (r *Realm) AddRole(ctx context.Context, id, role string) error {
	_, err := r.server.must(ctx, http.MethodPost, r.admin("clients", id, "roles"), map[string]any{"name": role})
	return err
}

// PolicyError returns the error of a policy that the last event was logged with,
// or "" when none was since a point in time. Only one request may be under way.
func (r *Realm) PolicyError(ctx context.Context, since time.Time) (string, error) {
	events, err := r.list(ctx, r.admin("events")+"?max=1")
	if err != nil || len(events) == 0 {
		return "", err
	}
	if at, _ := events[0]["time"].(float64); int64(at) < since.UnixMilli() {
		return "", nil
	}
	details, _ := events[0]["details"].(map[string]any)
	code, _ := details["client_policy_error"].(string)
	return code, nil
}
