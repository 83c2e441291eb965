package idp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/policyset"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
)

// Realm is a realm made for the comparison.
type Realm struct {
	server *Server
	name   string
	// Boss is the administrator who writes clients.
	Boss Person
	// Jane is the user who logs in; her password is the same as her name.
	Jane string
	// initial is a token with which clients may be registered.
	initial string
}

// Person is a user of a realm with what policies may ask about him.
type Person struct {
	Name        string
	Token       string
	RealmRoles  []string
	ClientRoles map[string][]string
	Groups      []string
}

// Issuer returns the issuer of the realm.
func (r *Realm) Issuer() string { return r.server.rest.Base() + "/realms/" + r.name }

// Origin returns the address of the server.
func (r *Realm) Origin() string { return r.server.rest.Base() }

// Rest returns the connection to the server.
func (r *Realm) Rest() *rest.Client { return r.server.rest }

// Endpoint returns the path of an OpenID Connect endpoint of the realm.
func (r *Realm) Endpoint(name string) string {
	return "/realms/" + r.name + "/protocol/openid-connect/" + name
}

func (r *Realm) admin(parts ...string) string {
	return "/admin/realms/" + r.name + "/" + path.Join(parts...)
}

// SetPolicies replaces the realm's profiles and policies. Policies are emptied
// first, so that no moment holds a mixture.
func (r *Realm) SetPolicies(ctx context.Context, set policyset.Set) error {
	if err := r.ClearPolicies(ctx); err != nil {
		return err
	}
	if _, err := r.server.must(ctx, http.MethodPut, r.admin("client-policies/profiles"), map[string]any{"profiles": set.Profiles}); err != nil {
		return fmt.Errorf("write profiles: %w", err)
	}
	if _, err := r.server.must(ctx, http.MethodPut, r.admin("client-policies/policies"), map[string]any{"policies": set.Policies}); err != nil {
		return fmt.Errorf("write policies: %w", err)
	}
	return nil
}

// ClearPolicies leaves the realm without policies.
func (r *Realm) ClearPolicies(ctx context.Context) error {
	if _, err := r.server.must(ctx, http.MethodPut, r.admin("client-policies/policies"), map[string]any{"policies": []any{}}); err != nil {
		return fmt.Errorf("clear policies: %w", err)
	}
	return nil
}

// list returns a JSON list of the admin API.
func (r *Realm) list(ctx context.Context, path string) ([]map[string]any, error) {
	a, err := r.server.must(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	var items []map[string]any
	if err := json.Unmarshal(a.Body, &items); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return items, nil
}
