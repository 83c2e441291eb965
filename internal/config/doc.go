// Package config reads the configuration of the server and refuses what it does
// not understand.
//
// It owns the keys, their defaults and bounds, the order of sources (flags, then
// environment variables, then the file, then defaults) and the rules that keep a
// listener from leaving loopback without TLS and authentication. Every key has
// one name: `admin-addr` in the file, `--admin-addr` on the command line and
// SIDEGATE_ADMIN_ADDR in the environment; a dot becomes an underscore there too.
// What has parts of its own (auth, decision-log.samples) stands in the file only,
// the principal of the environment there only. Explain tells where values come from.
//
// # Design
//
// Values are read one by one first, each with its place; then rules look at those
// that could be read together, so that one mistake is told once and all at once.
// What a client certificate, a password file or a realm's name may look like is
// asked of package auth, which will use them.
//
// # What it refuses
//
// Unknown keys and environment variables, keys given twice in the file, YAML
// aliases, values of the wrong type, empty and zero values, missing files, one half
// of a TLS pair, addresses that are not `host:port`, secrets that others can read,
// one file for two uses, settings that would have no effect. All problems are
// reported at once, each with the place it comes from, what was expected and how
// to mend it. It makes nothing: no file, no directory.
//
// # Caveats
//
// SIDEGATE_PORT, SIDEGATE_SERVICE_HOST and their like are ignored: Kubernetes
// sets them in every pod beside a service named sidegate. Files are looked at
// when the configuration is loaded, not watched.
package config
