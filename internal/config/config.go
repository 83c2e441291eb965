package config

import (
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/sidegate/sidegate/pdp"
)

// Ways to authenticate callers of the decision listeners.
const (
	// DecisionAuthNone asks for no credentials: the socket's mode and loopback
	// keep others out.
	DecisionAuthNone = "none"
	// DecisionAuthToken asks for a bearer token with the role evaluator.
	DecisionAuthToken = "token"
	// DecisionAuthMTLS asks for a client certificate that Auth.Certificates maps
	// to the role evaluator.
	DecisionAuthMTLS = "mtls"
)

// What executors may ask.
const (
	// EgressAllow lets executors ask the endpoints that configurations name.
	EgressAllow = "allow"
	// EgressDeny makes a fault of an executor that would have to ask.
	EgressDeny = "deny"
)

// Log formats.
const (
	FormatJSON    = "json"
	FormatConsole = "console"
)

// Config is the configuration of a server. Made by Load it is complete and
// checked; the zero value is invalid.
type Config struct {
	// Data is the directory of the store, the tokens, the decision log and the
	// socket; empty when EphemeralData.
	Data string `koanf:"data"`
	// Policies is the directory that realms and policies are read from instead of
	// the store, which is then not opened; empty means none.
	Policies string `koanf:"policies"`
	// EphemeralData tells that Policies is set and Data is not: whoever starts the
	// server makes a private temporary directory, goes on with Config.In of it, and
	// removes it at the end.
	EphemeralData bool `koanf:"-"`
	// DecisionAddr is the address for decisions over TCP; empty means none.
	DecisionAddr string `koanf:"decision-addr"`
	// DecisionSocket is the path of the Unix socket for decisions.
	DecisionSocket string `koanf:"decision-socket"`
	// SocketUIDs are the users who may connect to DecisionSocket, sorted.
	SocketUIDs []uint32 `koanf:"socket-uids"`
	// Egress is EgressAllow or EgressDeny.
	Egress string `koanf:"egress"`
	// DecisionAuth is DecisionAuthNone, DecisionAuthToken or DecisionAuthMTLS.
	DecisionAuth string `koanf:"decision-auth"`
	// DecisionClientCA is a PEM file of the CAs whose client certificates
	// DecisionAddr asks for; set if and only if DecisionAuth is DecisionAuthMTLS.
	DecisionClientCA string `koanf:"decision-client-ca"`
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
	// AdminClientCA is a PEM file of the CAs whose client certificates AdminAddr
	// takes beside tokens; empty means none.
	AdminClientCA string `koanf:"admin-client-ca"`
	// OpsAddr is the address for health.
	OpsAddr string `koanf:"ops-addr"`
	// BootstrapTokenFile holds the first administrator's token.
	BootstrapTokenFile string `koanf:"bootstrap-token-file"`
	// BootstrapUsername names the principal of the environment, who has the role
	// admin in every realm; empty means none.
	BootstrapUsername string `koanf:"-"`
	// BootstrapPassword is that principal's password; zero without one.
	BootstrapPassword Secret `koanf:"-"`
	// Auth says who else is known, besides the holders of API tokens.
	Auth Auth `koanf:"-"`
	// SecurityProfile is none, lax, strict, or the path of a file.
	SecurityProfile string `koanf:"security-profile"`
	// ShutdownTimeout is how long calls under way may take when the server stops.
	ShutdownTimeout time.Duration `koanf:"shutdown-timeout"`
	// LogLevel is debug, info, warn or error.
	LogLevel string `koanf:"log-level"`
	// LogFormat is FormatJSON or FormatConsole.
	LogFormat string `koanf:"log-format"`
	// DecisionLog says what is kept of decisions, and where.
	DecisionLog DecisionLog `koanf:"decision-log"`
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

// The files below the data directory besides the store. All but the last can be
// elsewhere.
const (
	socketFile    = "decision.sock"
	tokenFile     = "bootstrap.token"
	decisionsFile = "decisions.db"
	pseudonymFile = "pseudonym.key"
	tokensFile    = "tokens.json"
)

// In returns the configuration with dir as its data directory, and with the
// places below it of what has no other. For EphemeralData, after which it is unset.
func (c Config) In(dir string) Config {
	c.Data, c.EphemeralData = dir, false
	for _, f := range c.files() {
		if *f.path == "" {
			*f.path = filepath.Join(dir, f.name)
		}
	}
	return c
}

// file is a path that lies below the data directory unless it is set.
type file struct {
	key, name string
	path      *string
}

func (c *Config) files() []file {
	return []file{
		{"decision-socket", socketFile, &c.DecisionSocket},
		{"bootstrap-token-file", tokenFile, &c.BootstrapTokenFile},
		{"decision-log.file", decisionsFile, &c.DecisionLog.File},
		{"decision-log.pseudonym-key-file", pseudonymFile, &c.DecisionLog.PseudonymKeyFile},
	}
}

// fill sets what depends on other keys.
func (c *Config) fill() {
	c.EphemeralData = c.Data == "" && c.Policies != ""
	if c.Data != "" {
		*c = c.In(c.Data)
	}
	if len(c.SocketUIDs) == 0 {
		c.SocketUIDs = ownUIDs()
	}
}

// ownUIDs are the users whom the socket's mode lets in anyway.
func ownUIDs() []uint32 {
	if uid := os.Geteuid(); uid > 0 {
		return []uint32{0, uint32(uid)}
	}
	return []uint32{0}
}

// Loopback reports whether only this machine can reach a listener at addr, which
// is host:port. No host means all interfaces; a name other than localhost can
// mean anything.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	return loopbackHost(host)
}

func loopbackHost(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }
