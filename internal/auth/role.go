package auth

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what a principal may do; a greater one includes those below it. The
// zero value may do nothing.
type Role uint8

// The roles, from least to greatest.
const (
	// NoRole may do nothing.
	NoRole Role = iota
	// Evaluator may ask for decisions.
	Evaluator
	// Viewer may read realms, profiles and policies.
	Viewer
	// Editor may write profiles and policies.
	Editor
	// Admin may create, change and delete realms.
	Admin
)

var roleNames = []string{Evaluator: "evaluator", Viewer: "viewer", Editor: "editor", Admin: "admin"}

// String names the role.
func (r Role) String() string {
	if r == NoRole || int(r) >= len(roleNames) {
		return "none"
	}
	return roleNames[r]
}

// ParseRole reads the name of a role.
func ParseRole(name string) (Role, error) {
	if i := slices.Index(roleNames, name); i > 0 {
		return Role(i), nil
	}
	return NoRole, fmt.Errorf("unknown role %q; known are %s", name, strings.Join(roleNames[1:], ", "))
}

// CheckRoles refuses roles by realm that are none, or that are for what cannot be
// a realm.
func CheckRoles(roles map[string]Role) error {
	if n := len(roles); n < 1 || n > maxRealms {
		return fmt.Errorf("roles are for %d realms, expected 1 to %d, or * for all", n, maxRealms)
	}
	for realm, role := range roles {
		if err := CheckRealm(realm); err != nil {
			return err
		}
		if role < Evaluator || role > Admin {
			return fmt.Errorf("realm %q: there is no role; known are %s", realm, strings.Join(roleNames[1:], ", "))
		}
	}
	return nil
}

// CheckRealm refuses what can be neither the name of a realm nor AllRealms.
func CheckRealm(name string) error {
	if problem := checkText(name); problem != "" {
		return fmt.Errorf("name of a realm %s", problem)
	}
	if strings.ContainsAny(name, "/:") {
		return fmt.Errorf("name of a realm %q contains a slash or a colon", name)
	}
	return nil
}
