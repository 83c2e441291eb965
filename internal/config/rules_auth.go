package config

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/auth/login"
	"github.com/sidegate/sidegate/pdp"
)

// allRealms stands for every realm.
const allRealms = "*"

// Bounds on names, in characters, on passwords, in bytes, and on users.
const (
	maxName     = 255
	minPassword = 8
	maxPassword = 1024
	maxUsers    = 100
)

var roleNames = []string{"viewer", "editor", "admin", "evaluator"}

// bootstrap checks the principal of the environment.
func (l *loader) bootstrap(c *Config) {
	name, password := c.BootstrapUsername, c.BootstrapPassword
	_, named := l.origin[EnvBootstrapUsername]
	_, secured := l.origin[EnvBootstrapPassword]
	switch {
	case !named && !secured:
		return
	case named && !secured:
		l.bad(EnvBootstrapUsername, "set without %s; set both or none", EnvBootstrapPassword)
		return
	case secured && !named:
		l.bad(EnvBootstrapPassword, "set without %s; set both or none", EnvBootstrapUsername)
		return
	}
	l.checkUsername(EnvBootstrapUsername, EnvBootstrapUsername, name)
	switch n := len(password.Reveal()); {
	case n == 0 || n > maxPassword:
		l.bad(EnvBootstrapPassword, "expected a password of 1 to %d bytes, got %d", maxPassword, n)
	case n < minPassword && reachable(c.AdminAddr):
		l.bad(EnvBootstrapPassword, "the password has %d bytes; expected %d or more while admin-addr %s can be reached from other machines", n, minPassword, c.AdminAddr)
	}
}

// checkUsername checks one name of a user. HTTP Basic (RFC 7617 section 2) has no
// colon in it.
func (l *loader) checkUsername(at, what, name string) {
	if bad := nameProblem(name, ":"); bad != "" {
		l.bad(at, "%s: expected the name of a user %s", what, bad)
	}
}

// nameProblem says what is wrong with a name, or "".
func nameProblem(name, without string) string {
	switch n := utf8.RuneCountInString(name); {
	case n < 1 || n > maxName:
		return fmt.Sprintf("of 1 to %d characters, got %d", maxName, n)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Sprintf("of printable characters, got %q", clip(name))
	case strings.ContainsAny(name, without):
		return fmt.Sprintf("without any of %s, got %q", strings.Join(strings.Split(without, ""), " "), clip(name))
	}
	return ""
}

// realm checks the name of a realm, where * is every one.
func (l *loader) realm(at, name string) {
	if l.doubtful[at] {
		return
	}
	err := auth.CheckRealm(name)
	if name == "." || name == ".." { // the contract of administration, section 2, "Names"
		err = fmt.Errorf("name of a realm %q is not one", name)
	}
	if err != nil {
		l.bad(at, "%s: %v", at, err)
	}
}

func (l *loader) role(at, name string) {
	if _, err := auth.ParseRole(name); err != nil && !l.doubtful[at] {
		l.bad(at, "%s: expected a role, got %q%s", at, clip(name), pdp.Suggest(name, roleNames))
	}
}

// roles checks a mapping of realms to roles.
func (l *loader) roles(at string, roles map[string]string) {
	if len(roles) == 0 && !l.doubtful[at] {
		l.bad(at, "%s: no role is given; name at least one realm, or %s, with a role", at, allRealms)
	}
	for _, realm := range slices.Sorted(maps.Keys(roles)) {
		l.realm(at+"."+realm, realm)
		l.role(at+"."+realm, roles[realm])
	}
}

// need asks for a member that has no default.
func (l *loader) need(at, member, value string) bool {
	full := at + "." + member
	if value == "" && !l.doubtful[full] {
		l.fail(l.place(at), "%s is required", full)
		l.doubtful[full] = true
	}
	return value != "" && !l.doubtful[full]
}

// once refuses a value that another entry has.
func (l *loader) once(seen map[string]string, at, value string) {
	if other, twice := seen[value]; twice {
		l.bad(at, "%s: %q stands in %s already", at, clip(value), other)
		return
	}
	seen[value] = at
}

// certificateUse checks that certificates are mapped if and only if they are asked for.
func (l *loader) certificateUse(c *Config) {
	if len(c.Auth.Certificates) > 0 && c.AdminClientCA == "" && c.DecisionClientCA == "" {
		l.fail(l.place("auth.certificates"), "auth.certificates has no effect: no listener asks for client certificates; set admin-client-ca, or decision-client-ca with decision-auth mtls")
	}
	if c.DecisionAuth == DecisionAuthMTLS && len(c.Auth.Certificates) == 0 && !l.doubtful["auth.certificates"] && !l.doubtful["auth"] {
		l.bad("decision-auth", "decision-auth mtls lets nobody in without auth.certificates; map at least one subject or san to the role evaluator")
	}
}

func (l *loader) certificates(c *Config) {
	seen := map[string]string{}
	var rules []auth.CertificateRule
	for i := range c.Auth.Certificates {
		m, at := &c.Auth.Certificates[i], fmt.Sprintf("auth.certificates[%d]", i)
		if m.Name == "" {
			m.Name = m.Subject + m.SAN
		}
		l.roles(at+".roles", m.Roles)
		if !l.doubtful[at] && !l.doubtful[at+".subject"] && !l.doubtful[at+".san"] && !l.doubtful[at+".name"] {
			rules = append(rules, l.certificate(at, m, seen))
		}
	}
	if _, err := auth.NewCertificates(rules, nil); err != nil && !l.below("auth.certificates") {
		l.bad("auth.certificates", "auth.%v", err)
	}
}

// certificate checks one entry, whose parts have the right types.
func (l *loader) certificate(at string, m *Certificate, seen map[string]string) auth.CertificateRule {
	rule := auth.CertificateRule{Subject: m.Subject, SAN: m.SAN, Name: m.Name, Roles: map[string]auth.Role{}}
	for realm, name := range m.Roles {
		rule.Roles[realm], _ = auth.ParseRole(name) // judged by role
	}
	if l.below(at + ".roles") {
		rule.Roles = map[string]auth.Role{allRealms: auth.Viewer} // told already
	}
	if _, err := auth.NewCertificates([]auth.CertificateRule{rule}, nil); err != nil {
		l.bad(at, "%s: %s", at, strings.TrimPrefix(err.Error(), "certificates[0]: "))
		return rule
	}
	if m.Subject != "" {
		l.once(seen, at+".subject", m.Subject)
	} else {
		l.once(seen, at+".san", m.SAN)
	}
	return rule
}

// below reports whether something is wrong with a member or one of its parts.
func (l *loader) below(at string) bool {
	for name := range l.doubtful {
		if name == at || strings.HasPrefix(name, at+".") || strings.HasPrefix(name, at+"[") {
			return true
		}
	}
	return false
}

func (l *loader) principals(c *Config) {
	seen := map[string]string{}
	if c.BootstrapUsername != "" {
		seen[c.BootstrapUsername] = EnvBootstrapUsername
	}
	if n := len(c.Auth.Principals) + len(seen); n > maxUsers {
		l.bad("auth.principals", "auth.principals: expected at most %d with that of the environment, got %d", maxUsers, n)
	}
	for i, p := range c.Auth.Principals {
		at := fmt.Sprintf("auth.principals[%d]", i)
		if l.need(at, "username", p.Username) {
			l.checkUsername(at+".username", at+".username", p.Username)
			l.once(seen, at+".username", p.Username)
		}
		if l.need(at, "password-file", p.PasswordFile) {
			l.passwordFile(at+".password-file", p.PasswordFile)
		}
		l.roles(at+".roles", p.Roles)
	}
}

// passwordFile checks that a file holds a password. What it holds is forgotten.
func (l *loader) passwordFile(at, path string) {
	if !l.private(at, path) {
		return
	}
	if _, err := login.ReadPassword(path); err != nil {
		l.bad(at, "%s: %v", at, err)
	}
}

// private checks a file with a secret.
func (l *loader) private(at, path string) bool {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		l.bad(at, "%s: expected a file that can be read: %v", at, err)
	case !info.Mode().IsRegular():
		l.bad(at, "%s: expected a file, %s is none", at, path)
	case shared(info.Mode()):
		l.bad(at, "%s: %s has mode %v, so that others can read it; make it 0600", at, path, info.Mode().Perm())
	case info.Size() == 0:
		l.bad(at, "%s: %s is empty", at, path)
	default:
		return true
	}
	return false
}

// shared reports whether others may read or write a file; Windows does not tell.
func shared(mode fs.FileMode) bool { return runtime.GOOS != "windows" && mode.Perm()&0o077 != 0 }
