package config

import (
	"regexp"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/pdp"
)

const envPrefix = "SIDEGATE_"

// Environment variables of the command line that are no keys of the server.
const (
	// EnvConfig names the configuration file.
	EnvConfig = envPrefix + "CONFIG"
	// EnvServer names the server that commands talk to.
	EnvServer = envPrefix + "SERVER"
	// EnvToken holds the bearer token of commands.
	EnvToken = envPrefix + "TOKEN"
	// EnvTokenFile names a file with the bearer token of commands.
	EnvTokenFile = envPrefix + "TOKEN_FILE"
	// EnvContext names the context of commands.
	EnvContext = envPrefix + "CONTEXT"
	// EnvConfigHome names the directory of the file of contexts.
	EnvConfigHome = envPrefix + "CONFIG_HOME"
	// EnvRealm names the realm of commands.
	EnvRealm = envPrefix + "REALM"
	// EnvCAFile names a file with the authorities that commands trust.
	EnvCAFile = envPrefix + "CA_FILE"
	// EnvClientCert names a file with the client certificate of commands.
	EnvClientCert = envPrefix + "CLIENT_CERT"
	// EnvClientKey names a file with its private key.
	EnvClientKey = envPrefix + "CLIENT_KEY"
)

// Environment variables of the server that are no keys, so that a password stands
// neither in a file nor among the arguments of a process.
const (
	// EnvBootstrapUsername names the principal with the role admin in every realm.
	EnvBootstrapUsername = envPrefix + "BOOTSTRAP_ADMIN_USERNAME"
	// EnvBootstrapPassword is that principal's password.
	EnvBootstrapPassword = envPrefix + "BOOTSTRAP_ADMIN_PASSWORD"
)

// otherVariables are known, and no keys.
var otherVariables = []string{
	EnvConfig, EnvServer, EnvToken, EnvTokenFile, EnvContext, EnvConfigHome, EnvRealm, EnvCAFile, EnvClientCert, EnvClientKey,
	EnvBootstrapUsername, EnvBootstrapPassword,
}

// serviceLinks are the variables that Kubernetes makes for a service named sidegate.
var serviceLinks = regexp.MustCompile(`^SIDEGATE_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// fromEnvironment takes the variables of the server and refuses unknown ones.
func (l *loader) fromEnvironment(environ []string) {
	known := map[string]*key{}
	names := slices.Clone(otherVariables)
	for i := range keys {
		known[keys[i].env()] = &keys[i]
		names = append(names, keys[i].env())
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || serviceLinks.MatchString(name) {
			continue
		}
		switch k := known[name]; {
		case k != nil:
			l.set(k, value, name)
		case name == EnvBootstrapUsername:
			l.username, l.origin[name] = value, name
		case name == EnvBootstrapPassword:
			l.password, l.origin[name] = NewSecret(value), name
		case !slices.Contains(names, name):
			l.fail(name, "unknown environment variable%s", pdp.Suggest(name, names))
		}
	}
}
