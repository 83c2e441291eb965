package oidc

import (
	"slices"
	"strings"

	"github.com/sidegate/sidegate/internal/auth"
)

// roles are what the claims of a token give to its holder.
func (i *Issuer) roles(c claims) map[string]auth.Role {
	roles := map[string]auth.Role{}
	grant := func(realm string, r auth.Role) { roles[realm] = max(roles[realm], r) }
	for _, m := range i.options.Roles {
		if slices.Contains(c.values(m.Claim), m.Value) {
			grant(m.Realm, m.Role)
		}
	}
	if i.realm == "" {
		return roles
	}
	// The client by whose roles Keycloak guards a realm. Roles of other clients mean
	// what their owners wish.
	guardian := "realm-management"
	if i.realm == "master" {
		guardian = "master-realm"
	}
	for _, path := range [][]string{{"realm_access", "roles"}, {"resource_access", guardian, "roles"}} {
		for _, name := range c.at(path) {
			if r, ok := keycloakRoles[name]; ok {
				grant(i.realm, r)
			}
		}
	}
	return roles
}

// keycloakRoles are the roles of Keycloak that mean something here.
var keycloakRoles = map[string]auth.Role{
	"view-realm": auth.Viewer, "view-clients": auth.Viewer,
	"manage-realm": auth.Editor, "manage-clients": auth.Editor,
}

// pathOf splits the name of a claim.
func pathOf(name string) []string {
	if !strings.HasPrefix(name, "/") {
		return strings.Split(name, ".")
	}
	parts := strings.Split(name[1:], "/")
	for i, p := range parts {
		// RFC 6901 section 4: ~1 first.
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(p, "~1", "/"), "~0", "~")
	}
	return parts
}

// values are the texts that a claim holds.
func (c claims) values(name string) []string {
	if name == "scope" {
		// RFC 8693 section 4.2: a list with blanks between.
		return strings.Split(c.text(name), " ")
	}
	return c.at(pathOf(name))
}

func (c claims) at(path []string) []string {
	var value any = map[string]any(c)
	for _, name := range path {
		members, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = members[name]
	}
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		var texts []string
		for _, element := range value {
			if text, ok := element.(string); ok {
				texts = append(texts, text)
			}
		}
		return texts
	}
	return nil
}
