package config

import (
	"net"
	"path/filepath"
	"time"

	"github.com/sidegate/sidegate/pdp"
)

// Ways to authenticate callers of the decision listeners.
const (
	// DecisionAuthNone asks for no credentials: the socket's mode and loopback
	// keep others out.
	DecisionAuthNone = "none"
	// EgressAllow lets executors ask the endpoints that configurations name.
	EgressAllow = "allow"
	// EgressDeny makes a fault of an executor that would have to ask.
	EgressDeny = "deny"
	// DecisionAuthToken asks for a bearer token with the role evaluator.
	DecisionAuthToken = "token"
)

// Log formats.
const (
	FormatJSON    = "json"
	FormatConsole = "console"
)

// Config is the configuration of a server. Made by Load it is complete and
// checked; the zero value is invalid.
type Config struct {
	// Data is the directory of the store.
	Data string `koanf:"data"`
	// DecisionAddr is the address for decisions over TCP; empty means none.
	DecisionAddr string `koanf:"decision-addr"`
	// DecisionSocket is the path of the Unix socket for decisions.
	DecisionSocket string `koanf:"decision-socket"`
	// Egress is EgressAllow or EgressDeny.
	Egress string `koanf:"egress"`
	// DecisionAuth is DecisionAuthNone or DecisionAuthToken.
	DecisionAuth string `koanf:"decision-auth"`
	// DecisionTLSCert is the certificate chain of DecisionAddr, a PEM file.
	DecisionTLSCert string `koanf:"decision-tls-cert"`
	// DecisionTLSKey is the private key that belongs to it.
	DecisionTLSKey string `koanf:"decision-tls-key"`
	// AdminAddr is the address for administration.
	AdminAddr string `koanf:"admin-addr"`
	// AdminTLSCert is the certificate chain of AdminAddr, a PEM file.
	AdminTLSCert string `koanf:"admin-tls-cert"`
	// AdminTLSKey is the private key that belongs to it.
	AdminTLSKey string `koanf:"admin-tls-key"`
	// OpsAddr is the address for health.
	OpsAddr string `koanf:"ops-addr"`
	// BootstrapTokenFile holds the first administrator's token.
	BootstrapTokenFile string `koanf:"bootstrap-token-file"`
	// SecurityProfile is none, lax, strict, or the path of a file.
	SecurityProfile string `koanf:"security-profile"`
	// ShutdownTimeout is how long calls under way may take when the server stops.
	ShutdownTimeout time.Duration `koanf:"shutdown-timeout"`
	// LogLevel is debug, info, warn or error.
	LogLevel string `koanf:"log-level"`
	// LogFormat is FormatJSON or FormatConsole.
	LogFormat string `koanf:"log-format"`
	// Limits are the bounds on input.
	Limits Limits `koanf:"limits"`
}

// Limits are the bounds on input.
type Limits struct {
	// DecisionMessageBytes is the greatest size of a decision message.
	DecisionMessageBytes int `koanf:"decision-message-bytes"`
	// DocumentBytes is the greatest size of a policy set or another document.
	DocumentBytes int `koanf:"document-bytes"`
	// BatchItems is the greatest number of requests in a batch.
	BatchItems int `koanf:"batch-items"`
	// StringBytes is the greatest length of one string.
	StringBytes int `koanf:"string-bytes"`
	// Depth is the greatest nesting of JSON objects and arrays.
	Depth int `koanf:"depth"`
	// RedirectURIs is the greatest number of redirect URIs of a client.
	RedirectURIs int `koanf:"redirect-uris"`
}

// PDP returns the limits as the engine takes them.
func (l Limits) PDP() pdp.Limits { return pdp.Limits(l) }

// The files below the data directory that have no other place.
const (
	socketFile = "decision.sock"
	tokenFile  = "bootstrap.token"
)

// fill sets what depends on other keys.
func (c *Config) fill() {
	if c.DecisionSocket == "" {
		c.DecisionSocket = filepath.Join(c.Data, socketFile)
	}
	if c.BootstrapTokenFile == "" {
		c.BootstrapTokenFile = filepath.Join(c.Data, tokenFile)
	}
}

// Loopback reports whether only this machine can reach a listener at addr, which
// is host:port. No host means all interfaces; a name other than localhost can
// mean anything.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
