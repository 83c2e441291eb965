package config

import (
	"fmt"
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

// check finds what is wrong with the values as a whole.
func (l *loader) check(c *Config) {
	if c.Data == "" {
		l.fail("data", "required and not set; give the directory of the store by --data, %s or the key data of the file", find("data").env())
	}
	if n := max(len(c.DecisionSocket), len(filepath.Dir(c.DecisionSocket))+privateSocket); n > maxSocketPath {
		l.fail(l.place("decision-socket"), "the path of the socket is too long by %d bytes: %s; set decision-socket to a shorter one", n-maxSocketPath, c.DecisionSocket)
	}
	l.addresses(c)
	l.pair("decision", c.DecisionTLSCert, c.DecisionTLSKey)
	l.pair("admin", c.AdminTLSCert, c.AdminTLSKey)
	l.exposure(c)
	l.securityProfile(c.SecurityProfile)
	if c.Limits.StringBytes > c.Limits.DocumentBytes {
		l.fail(l.place("limits.string-bytes"), "limits.string-bytes is %d, expected at most limits.document-bytes, %d", c.Limits.StringBytes, c.Limits.DocumentBytes)
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
			l.fail(l.place(a.name), "%s: expected host:port, such as 127.0.0.1:8980, got %q: %v", a.name, clip(a.addr), err)
			continue
		}
		if other := used[a.addr]; other != "" && port != 0 {
			l.fail(l.place(a.name), "%s is the same address as %s, %s; every listener needs its own", a.name, other, a.addr)
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
		l.fail(l.place(certKey), "%s is set and %s is not; TLS needs both", certKey, keyKey)
	case cert == "" && key != "":
		l.fail(l.place(keyKey), "%s is set and %s is not; TLS needs both", keyKey, certKey)
	}
	for _, f := range []struct{ name, path string }{{certKey, cert}, {keyKey, key}} {
		if f.path == "" {
			continue
		}
		if info, err := os.Stat(f.path); err != nil {
			l.fail(l.place(f.name), "%s: expected a PEM file that can be read: %v", f.name, err)
		} else if !info.Mode().IsRegular() {
			l.fail(l.place(f.name), "%s: expected a PEM file, %s is none", f.name, f.path)
		}
	}
}

// exposure keeps listeners on loopback unless they are protected (architecture,
// decision 10: no listener leaves loopback without TLS and authentication).
func (l *loader) exposure(c *Config) {
	if c.DecisionAddr == "" && c.DecisionTLSCert != "" {
		l.fail(l.place("decision-tls-cert"), "decision-tls-cert has no effect without decision-addr; set both or none")
	}
	if reachable(c.DecisionAddr) {
		if c.DecisionTLSCert == "" {
			l.exposed("decision-addr", c.DecisionAddr, "without TLS", "set decision-tls-cert and decision-tls-key")
		}
		if c.DecisionAuth != DecisionAuthToken {
			l.exposed("decision-addr", c.DecisionAddr, "without authentication", "set decision-auth to token")
		}
	}
	if reachable(c.AdminAddr) && c.AdminTLSCert == "" {
		l.exposed("admin-addr", c.AdminAddr, "without TLS", "set admin-tls-cert and admin-tls-key")
	}
	if reachable(c.OpsAddr) {
		l.exposed("ops-addr", c.OpsAddr, "at all: it has neither TLS nor authentication", "probe it from the same machine, as sidegate healthcheck does")
	}
}

// reachable reports whether other machines can reach an address that is well formed.
func reachable(addr string) bool {
	_, err := portOf(addr)
	return err == nil && !Loopback(addr)
}

func (l *loader) exposed(name, addr, lack, remedy string) {
	l.fail(l.place(name), "%s %s can be reached from other machines, which is not allowed %s; %s, or listen on 127.0.0.1", name, addr, lack, remedy)
}

func (l *loader) securityProfile(name string) {
	known := []string{profiles.None, profiles.Lax, profiles.Strict}
	if slices.Contains(known, name) {
		return
	}
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		l.fail(l.place("security-profile"), "security-profile: expected none, lax, strict or a file that exists, got %q%s", clip(name), pdp.Suggest(name, known))
	}
}
