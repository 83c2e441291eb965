package idp

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
)

const (
	bossName  = "boss"
	janeName  = "jane"
	groupTop  = "top"
	groupSub  = "sub"
	bossRole  = "auditor"
	longLife  = 7200 // seconds
	initialOf = 100_000
)

// NewRealm makes a realm anew: with its people, with long-lived tokens, without the
// registration policies of old, and with an initial access token.
func (s *Server) NewRealm(ctx context.Context, name string) (*Realm, error) {
	r := &Realm{server: s, name: name, Jane: janeName}
	for _, step := range []func(context.Context) error{
		r.drop, r.create, r.openRegistration, r.addPeople, r.knowBoss, r.initialToken,
	} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("make realm %s: %w", name, err)
		}
	}
	return r, nil
}

func (r *Realm) drop(ctx context.Context) error {
	a, err := r.server.call(ctx, http.MethodDelete, "/admin/realms/"+r.name, nil)
	if err == nil && !a.OK() && a.Status != http.StatusNotFound {
		err = fmt.Errorf("%w: %s", rest.ErrStatus, a)
	}
	return err
}

func (r *Realm) create(ctx context.Context) error {
	_, err := r.server.must(ctx, http.MethodPost, "/admin/realms", map[string]any{
		"realm": r.name, "enabled": true, "sslRequired": "none", "bruteForceProtected": false,
		"accessTokenLifespan": longLife, "accessCodeLifespan": longLife, "accessCodeLifespanLogin": longLife,
		"accessTokenLifespanForImplicitFlow": longLife, "ssoSessionIdleTimeout": longLife, "ssoSessionMaxLifespan": longLife,
		"eventsEnabled": true, "eventsExpiration": longLife,
		"attributes": map[string]any{"parRequestUriLifespan": fmt.Sprint(longLife)},
	})
	return err
}

// openRegistration removes the registration policies: they are no client policies
// and would hide them.
func (r *Realm) openRegistration(ctx context.Context) error {
	query := url.Values{"type": {"org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy"}}
	components, err := r.list(ctx, r.admin("components")+"?"+query.Encode())
	if err != nil {
		return err
	}
	for _, c := range components {
		if _, err := r.server.must(ctx, http.MethodDelete, r.admin("components", fmt.Sprint(c["id"])), nil); err != nil {
			return err
		}
	}
	return nil
}

func person(name string, extra map[string]any) map[string]any {
	p := map[string]any{
		"username": name, "enabled": true, "emailVerified": true, "email": name + "@people.example",
		"firstName": name, "lastName": "of the test",
		"credentials": []any{map[string]any{"type": "password", "value": name, "temporary": false}},
	}
	for k, v := range extra {
		p[k] = v
	}
	return p
}

// addPeople adds the administrator, in a subgroup, and a user.
func (r *Realm) addPeople(ctx context.Context) error {
	if _, err := r.server.must(ctx, http.MethodPost, r.admin("roles"), map[string]any{"name": bossRole}); err != nil {
		return err
	}
	group, err := r.server.must(ctx, http.MethodPost, r.admin("groups"), map[string]any{"name": groupTop})
	if err != nil {
		return err
	}
	children := r.admin("groups", path.Base(group.Header.Get("Location")), "children")
	if _, err := r.server.must(ctx, http.MethodPost, children, map[string]any{"name": groupSub}); err != nil {
		return err
	}
	_, err = r.server.must(ctx, http.MethodPost, r.admin("partialImport"), map[string]any{
		"ifResourceExists": "FAIL",
		"users": []any{
			person(bossName, map[string]any{
				"realmRoles": []any{bossRole}, "groups": []any{"/" + groupTop + "/" + groupSub},
				"clientRoles": map[string]any{"realm-management": []any{"realm-admin"}},
			}),
		},
	})
	if err != nil {
		return err
	}
	// Not imported, so that the user has the roles that every user has.
	_, err = r.server.must(ctx, http.MethodPost, r.admin("users"), person(janeName, nil))
	return err
}

// knowBoss logs the administrator in and looks up his roles and groups.
func (r *Realm) knowBoss(ctx context.Context) error {
	users, err := r.list(ctx, r.admin("users")+"?exact=true&username="+bossName)
	if err != nil || len(users) != 1 {
		return fmt.Errorf("find %s: %d users: %w", bossName, len(users), err)
	}
	management, err := r.ClientByID(ctx, "realm-management")
	if err != nil {
		return err
	}
	user := r.admin("users", fmt.Sprint(users[0]["id"]))
	r.Boss = Person{Name: bossName, ClientRoles: map[string][]string{}}
	if r.Boss.RealmRoles, err = r.names(ctx, user+"/role-mappings/realm/composite", "name"); err != nil {
		return err
	}
	clientRoles := user + "/role-mappings/clients/" + fmt.Sprint(management["id"]) + "/composite"
	if r.Boss.ClientRoles["realm-management"], err = r.names(ctx, clientRoles, "name"); err != nil {
		return err
	}
	if r.Boss.Groups, err = r.names(ctx, user+"/groups", "path"); err != nil {
		return err
	}
	r.Boss.Token, err = r.server.passwordToken(ctx, r.name, bossName, bossName)
	return err
}

func (r *Realm) names(ctx context.Context, path, member string) ([]string, error) {
	items, err := r.list(ctx, path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, i := range items {
		names = append(names, fmt.Sprint(i[member]))
	}
	return names, nil
}

func (r *Realm) initialToken(ctx context.Context) error {
	a, err := r.server.must(ctx, http.MethodPost, r.admin("clients-initial-access"), map[string]any{
		"count": initialOf, "expiration": longLife,
	})
	r.initial = a.Text("token")
	return err
}
