package config

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
)

// maxSocketPath is what fits into a sockaddr_un on Linux, the final NUL excepted.
const maxSocketPath = 107

// privateSocket is how much longer than its directory the path is at which the
// server makes the socket before it gives it its name.
const privateSocket = len("/.s1234567890/s")

// rule is something that the values of some keys must fulfil together.
type rule struct {
	keys  []string
	check func(c *Config)
}

func (l *loader) rules() []rule {
	return []rule{
		{[]string{"data", "policies"}, l.data},
		{[]string{"data", "decision-socket"}, l.socket},
		{[]string{"decision-addr", "admin-addr", "ops-addr"}, l.addresses},
		{[]string{"decision-tls-cert", "decision-tls-key"}, func(c *Config) { l.pair("decision", c.DecisionTLSCert, c.DecisionTLSKey) }},
		{[]string{"admin-tls-cert", "admin-tls-key"}, func(c *Config) { l.pair("admin", c.AdminTLSCert, c.AdminTLSKey) }},
		{[]string{"decision-addr", "decision-tls-cert", "decision-auth"}, l.decisionExposure},
		{[]string{"admin-addr", "admin-tls-cert"}, l.adminExposure},
		{[]string{"ops-addr"}, l.opsExposure},
		{[]string{"decision-addr", "decision-auth", "decision-tls-cert", "decision-client-ca"}, l.mutual},
		{[]string{"admin-client-ca", "admin-tls-cert"}, l.adminClients},
		{[]string{"security-profile"}, l.securityProfile},
		{[]string{"limits.string-bytes", "limits.document-bytes"}, l.stringBytes},
		{[]string{"admin-addr"}, l.bootstrap},
		{nil, l.issuers},
		{[]string{"admin-client-ca", "decision-client-ca", "decision-auth"}, l.certificateUse},
		{nil, l.certificates},
		{nil, l.principals},
		{[]string{"data", "decision-log.pseudonyms", "decision-log.pseudonym-key-file"}, l.pseudonyms},
		{[]string{"decision-log.ndjson"}, l.ndjson},
		{[]string{"data", "decision-log.file", "decision-log.pseudonym-key-file", "decision-log.ndjson", "bootstrap-token-file", "decision-socket"}, l.distinct},
	}
}

// check finds what is wrong with the values as a whole, as far as each could be
// read.
func (l *loader) check(c *Config) {
	if l.unread {
		return
	}
	unreadable := maps.Clone(l.doubtful)
	for _, r := range l.rules() {
		if !slices.ContainsFunc(r.keys, func(name string) bool { return unreadable[name] }) {
			r.check(c)
		}
	}
}

// data asks for a place of the store, or for policies instead.
func (l *loader) data(c *Config) {
	if c.Data == "" && c.Policies == "" {
		l.bad("data", "required and not set; give the directory of the store by --data, %s or the key data of the file", find("data").env())
	}
	if c.Policies == "" {
		return
	}
	if info, err := os.Stat(c.Policies); err != nil {
		l.bad("policies", "policies: expected a directory that can be read: %v", err)
	} else if !info.IsDir() {
		l.bad("policies", "policies: expected a directory, %s is none", c.Policies)
	}
}

func (l *loader) socket(c *Config) {
	if n := max(len(c.DecisionSocket), len(filepath.Dir(c.DecisionSocket))+privateSocket); n > maxSocketPath {
		l.bad("decision-socket", "the path of the socket is too long by %d bytes: %s; set decision-socket to a shorter one", n-maxSocketPath, c.DecisionSocket)
	}
}

func (l *loader) stringBytes(c *Config) {
	if c.Limits.StringBytes > c.Limits.DocumentBytes {
		l.bad("limits.string-bytes", "limits.string-bytes is %d, expected at most limits.document-bytes, %d", c.Limits.StringBytes, c.Limits.DocumentBytes)
	}
}

// place is where a value comes from, or the key when it is a default.
func (l *loader) place(name string) string {
	if place := l.origin[name]; place != "" {
		return place
	}
	return name
}

func (l *loader) addresses(c *Config) {
	used := map[string]string{}
	for _, a := range []struct{ name, addr string }{
		{"decision-addr", c.DecisionAddr}, {"admin-addr", c.AdminAddr}, {"ops-addr", c.OpsAddr},
	} {
		if a.addr == "" {
			continue
		}
		port, err := portOf(a.addr)
		if err != nil {
			l.bad(a.name, "%s: expected host:port, such as 127.0.0.1:8980, got %q: %v", a.name, clip(a.addr), err)
			continue
		}
		if other := used[a.addr]; other != "" && port != 0 {
			l.bad(a.name, "%s is the same address as %s, %s; every listener needs its own", a.name, other, a.addr)
		}
		used[a.addr] = a.name
	}
}

func portOf(addr string) (uint64, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, fmt.Errorf("no host and port")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("the port must be a number from 0 to 65535")
	}
	return n, nil
}

// pair checks that both halves of a TLS pair are there.
func (l *loader) pair(listener, cert, key string) {
	certKey, keyKey := listener+"-tls-cert", listener+"-tls-key"
	switch {
	case cert != "" && key == "":
		l.bad(certKey, "%s is set and %s is not; TLS needs both", certKey, keyKey)
	case cert == "" && key != "":
		l.bad(keyKey, "%s is set and %s is not; TLS needs both", keyKey, certKey)
	}
	l.pem(certKey, cert)
	l.pem(keyKey, key)
}

// pem checks that a file is there, if one is named.
func (l *loader) pem(name, path string) bool {
	if path == "" {
		return false
	}
	if info, err := os.Stat(path); err != nil {
		l.bad(name, "%s: expected a PEM file that can be read: %v", name, err)
	} else if !info.Mode().IsRegular() {
		l.bad(name, "%s: expected a PEM file, %s is none", name, path)
	} else {
		return true
	}
	return false
}

// authorities checks a file of CAs: one without any would let nobody in.
func (l *loader) authorities(name, path string) {
	if !l.pem(name, path) {
		return
	}
	if data, err := readBounded(path); err != nil {
		l.bad(name, "%s: %v", name, err)
	} else if !x509.NewCertPool().AppendCertsFromPEM(data) {
		l.bad(name, "%s: expected certificates in %s, in PEM, found none", name, path)
	}
}

// decisionExposure keeps the listener on loopback unless it is protected
// (architecture, decision 10: no listener leaves loopback without TLS and
// authentication). The same holds for the others.
func (l *loader) decisionExposure(c *Config) {
	if c.DecisionAddr == "" && c.DecisionTLSCert != "" {
		l.bad("decision-tls-cert", "decision-tls-cert has no effect without decision-addr; set both or none")
	}
	if !reachable(c.DecisionAddr) {
		return
	}
	if c.DecisionTLSCert == "" {
		l.exposed("decision-addr", c.DecisionAddr, "without TLS", "set decision-tls-cert and decision-tls-key")
	}
	if c.DecisionAuth != DecisionAuthToken && c.DecisionAuth != DecisionAuthMTLS {
		l.exposed("decision-addr", c.DecisionAddr, "without authentication", "set decision-auth to token or mtls")
	}
}

func (l *loader) adminExposure(c *Config) {
	if reachable(c.AdminAddr) && c.AdminTLSCert == "" {
		l.exposed("admin-addr", c.AdminAddr, "without TLS", "set admin-tls-cert and admin-tls-key")
	}
}

func (l *loader) opsExposure(c *Config) {
	if reachable(c.OpsAddr) {
		l.exposed("ops-addr", c.OpsAddr, "at all: it has neither TLS nor authentication", "probe it from the same machine, as sidegate healthcheck does")
	}
}

// mutual checks that client certificates are asked for exactly where they count.
func (l *loader) mutual(c *Config) {
	l.authorities("decision-client-ca", c.DecisionClientCA)
	switch mtls := c.DecisionAuth == DecisionAuthMTLS; {
	case !mtls && c.DecisionClientCA != "":
		l.bad("decision-client-ca", "decision-client-ca has no effect with decision-auth %s; set decision-auth to mtls", c.DecisionAuth)
	case !mtls:
	case c.DecisionAddr == "":
		l.bad("decision-auth", "decision-auth mtls needs a listener with TLS; set decision-addr, decision-tls-cert and decision-tls-key")
	case c.DecisionTLSCert == "":
		l.bad("decision-auth", "decision-auth mtls needs TLS; set decision-tls-cert and decision-tls-key")
	case c.DecisionClientCA == "":
		l.bad("decision-auth", "decision-auth mtls needs to know whose certificates to take; set decision-client-ca")
	}
}

func (l *loader) adminClients(c *Config) {
	l.authorities("admin-client-ca", c.AdminClientCA)
	if c.AdminClientCA != "" && c.AdminTLSCert == "" {
		l.bad("admin-client-ca", "admin-client-ca has no effect without TLS; set admin-tls-cert and admin-tls-key")
	}
}

// reachable reports whether other machines can reach an address that is well formed.
func reachable(addr string) bool {
	_, err := portOf(addr)
	return err == nil && !Loopback(addr)
}

func (l *loader) exposed(name, addr, lack, remedy string) {
	l.bad(name, "%s %s can be reached from other machines, which is not allowed %s; %s, or listen on 127.0.0.1", name, addr, lack, remedy)
}

func (l *loader) securityProfile(c *Config) {
	name, known := c.SecurityProfile, []string{profiles.None, profiles.Lax, profiles.Strict}
	if slices.Contains(known, name) {
		return
	}
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		l.bad("security-profile", "security-profile: expected none, lax, strict or a file that exists, got %q%s", clip(name), pdp.Suggest(name, known))
	}
}
