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
)

// serviceLinks are the variables that Kubernetes makes for a service named sidegate.
var serviceLinks = regexp.MustCompile(`^SIDEGATE_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// fromEnvironment takes the variables of the server and refuses unknown ones.
func (l *loader) fromEnvironment(environ []string) {
	known := map[string]*key{}
	names := []string{EnvConfig, EnvServer, EnvToken, EnvTokenFile}
	for i := range keys {
		known[keys[i].env()] = &keys[i]
		names = append(names, keys[i].env())
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || serviceLinks.MatchString(name) {
			continue
		}
		if k := known[name]; k != nil {
			l.set(k, value, name)
		} else if !slices.Contains(names, name) {
			l.fail(name, "unknown environment variable%s", pdp.Suggest(name, names))
		}
	}
}
