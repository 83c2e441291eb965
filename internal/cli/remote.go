package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/sidegate/sidegate/internal/cli/contexts"
	"github.com/sidegate/sidegate/internal/config"
	"github.com/spf13/cobra"
)

// maxToken bounds a token file.
const maxToken = 8 << 10

// remote is where a command finds its server, and as whom it comes.
type remote struct {
	contexts.Context
	// token is the bearer token itself, which only the environment can give.
	token string
}

// serverFlags defines how to reach a server.
func (a *app) serverFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&a.context, "context", "", "named context to use (environment: "+config.EnvContext+"; default: the current one)")
	f.StringVar(&a.flags.Server, "server", "", "URL of the administration API (environment: "+config.EnvServer+"; default "+defaultServer+")")
	f.StringVar(&a.flags.TokenFile, "token-file", "", "file with the bearer token (environment: "+config.EnvTokenFile+", or "+config.EnvToken+" with the token itself)")
	f.StringVar(&a.flags.CAFile, "ca-file", "", "PEM file with the authorities to trust (environment: "+config.EnvCAFile+")")
	f.StringVar(&a.flags.ClientCert, "client-cert", "", "PEM file with a client certificate (environment: "+config.EnvClientCert+")")
	f.StringVar(&a.flags.ClientKey, "client-key", "", "PEM file with its private key (environment: "+config.EnvClientKey+")")
	a.suggest(c, "context", a.contextNames)
}

// realmFlag defines --realm.
func (a *app) realmFlag(c *cobra.Command) {
	c.Flags().StringVar(&a.flags.Realm, "realm", "", "name of the realm (environment: "+config.EnvRealm+"; default: that of the context)")
	a.suggest(c, "realm", a.realmNames)
}

// grpcFlag defines --grpc.
func (a *app) grpcFlag(c *cobra.Command, usage string) {
	c.Flags().StringVar(&a.flags.GRPC, "grpc", "", usage)
}

// remote says where the server is. Flags come first, then the context that
// --context names, then the environment, then the context in use. A server from
// elsewhere never sees the credentials of a context that was not asked for.
func (a *app) remote() (remote, error) {
	r := remote{Context: a.flags}
	if a.context != "" {
		c, err := a.namedContext(a.context)
		if err != nil {
			return remote{}, err
		}
		r.Context = r.Or(c)
	}
	if r.TokenFile == "" {
		r.token = a.env(config.EnvToken)
	}
	env := a.environment()
	if r.token != "" {
		env.TokenFile = ""
	}
	r.Context = r.Or(env)
	if r.Server != "" && a.context == "" {
		return r, a.oneServer()
	}
	c, err := a.usualContext()
	if err != nil {
		return remote{}, err
	}
	if r.token != "" {
		c.TokenFile = ""
	}
	r.Context = r.Or(c)
	return r, nil
}

// environment is what the environment says.
func (a *app) environment() contexts.Context {
	return contexts.Context{
		Server: a.env(config.EnvServer), TokenFile: a.env(config.EnvTokenFile), Realm: a.env(config.EnvRealm),
		CAFile: a.env(config.EnvCAFile), ClientCert: a.env(config.EnvClientCert), ClientKey: a.env(config.EnvClientKey),
	}
}

// oneServer refuses an environment that names two servers.
func (a *app) oneServer() error {
	if a.flags.Server == "" && a.env(config.EnvContext) != "" {
		return usage("%s and %s are both set and can name two servers; unset one", config.EnvServer, config.EnvContext)
	}
	return nil
}

// usualContext is the context in use, empty when there is none or another was named.
func (a *app) usualContext() (contexts.Context, error) {
	if a.context != "" {
		return contexts.Context{}, nil
	}
	if name := a.env(config.EnvContext); name != "" {
		return a.namedContext(name)
	}
	path := a.contextsPath()
	if path == "" {
		return contexts.Context{}, nil
	}
	f, err := contexts.Read(path)
	if err != nil {
		return contexts.Context{}, usage("contexts: %w", err)
	}
	if f.Current == "" {
		return contexts.Context{}, nil
	}
	return f.Get(f.Current)
}

func (a *app) namedContext(name string) (contexts.Context, error) {
	f, err := a.contexts()
	if err != nil {
		return contexts.Context{}, err
	}
	c, err := f.Get(name)
	if err != nil {
		return c, usage("%w", err)
	}
	return c, nil
}

// contexts reads the file of contexts.
func (a *app) contexts() (*contexts.File, error) {
	path := a.contextsPath()
	if path == "" {
		return nil, usage("contexts: there is no home directory to keep them in; set %s", config.EnvConfigHome)
	}
	f, err := contexts.Read(path)
	if err != nil {
		return nil, usage("contexts: %w", err)
	}
	return f, nil
}

// contextsPath is where the contexts are kept: the XDG Base Directory
// Specification says that a relative path in its variables is ignored.
func (a *app) contextsPath() string {
	const file = "contexts.yaml"
	if dir := a.env(config.EnvConfigHome); dir != "" {
		return filepath.Join(dir, file)
	}
	if dir := a.env("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "sidegate", file)
	}
	if dir := a.env("AppData"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "sidegate", file)
	}
	if dir := a.env("HOME"); dir != "" {
		return filepath.Join(dir, ".config", "sidegate", file)
	}
	return ""
}

// realm is the realm that a command is about.
func (a *app) realm(verb string) (string, error) {
	r, err := a.remote()
	if err != nil {
		return "", err
	}
	if r.Realm == "" {
		return "", usage("%s: --realm is required", verb)
	}
	return r.Realm, nil
}

// bearer reads the bearer token; "" when there is none.
func (r *remote) bearer() (string, error) {
	if r.token != "" {
		return checkToken(config.EnvToken, r.token)
	}
	if r.TokenFile == "" {
		return "", nil
	}
	data, err := readBounded(r.TokenFile, maxToken)
	if err != nil {
		return "", usage("token file: %w", err)
	}
	return checkToken("token file "+r.TokenFile, strings.TrimSpace(string(data)))
}

// readBounded reads a file that must not be larger than a limit.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s: expected at most %d bytes", path, limit)
	}
	return data, err
}

// checkToken refuses what cannot stand in a header (RFC 6750 section 2.1).
func checkToken(place, token string) (string, error) {
	bad := func(r rune) bool { return r <= ' ' || r > '~' }
	if token == "" || len(token) > maxToken || strings.ContainsFunc(token, bad) {
		return "", usage("%s: expected one token of printable characters", place)
	}
	return token, nil
}

// base is the URL of the server.
func (r *remote) base() string { return cmp.Or(r.Server, defaultServer) }
