package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
)

// kind is the type of a value.
type kind int

const (
	text kind = iota
	duration
	whole
)

// key is one thing that can be set.
type key struct {
	name string
	doc  string
	kind kind
	// preset is the default; nil for none, or one that depends on other keys.
	preset any
	// options are the values allowed; none means any.
	options []string
	// least and most bound numbers, and durations in nanoseconds.
	least, most int64
}

var keys = func() []key {
	l := pdp.DefaultLimits()
	return append([]key{
		{name: "data", doc: "directory of the store; required"},
		{name: "decision-addr", doc: "host:port for decisions over TCP (default none)"},
		{name: "decision-socket", doc: "path of the Unix socket for decisions (default DATA/" + socketFile + ")"},
		{name: "decision-auth", doc: "credentials asked of callers for decisions", preset: DecisionAuthNone, options: []string{DecisionAuthNone, DecisionAuthToken}},
		{name: "decision-tls-cert", doc: "PEM file with the certificate chain of decision-addr"},
		{name: "decision-tls-key", doc: "PEM file with the private key of decision-addr"},
		{name: "admin-addr", doc: "host:port for administration", preset: "127.0.0.1:8980"},
		{name: "admin-tls-cert", doc: "PEM file with the certificate chain of admin-addr"},
		{name: "admin-tls-key", doc: "PEM file with the private key of admin-addr"},
		{name: "ops-addr", doc: "host:port for health, loopback only", preset: "127.0.0.1:8981"},
		{name: "bootstrap-token-file", doc: "file with the first administrator's token, made when missing (default DATA/" + tokenFile + ")"},
		{name: "security-profile", doc: "none, lax, strict or a JSON file", preset: profiles.None},
		{name: "egress", doc: "deny: no executor may ask an endpoint; one that has to is a fault", preset: EgressAllow, options: []string{EgressAllow, EgressDeny}},
		{name: "shutdown-timeout", doc: "how long calls under way may take when the server stops", kind: duration, preset: 10 * time.Second, least: int64(time.Millisecond), most: int64(10 * time.Minute)},
		{name: "log-level", doc: "least level that is logged", preset: "info", options: []string{"debug", "info", "warn", "error"}},
		{name: "log-format", doc: "form of the log lines", preset: FormatJSON, options: []string{FormatJSON, FormatConsole}},
	},
		limit("decision-message-bytes", "greatest size of a decision message", l.DecisionMessageBytes, 1<<10, 4<<20),
		limit("document-bytes", "greatest size of a policy set or another document", l.DocumentBytes, 1<<10, 32<<20),
		limit("batch-items", "greatest number of requests in a batch", l.BatchItems, 1, 1000),
		limit("string-bytes", "greatest length of one string", l.StringBytes, 1<<10, 16<<20),
		limit("depth", "greatest nesting of JSON objects and arrays", l.Depth, 8, 1000),
		limit("redirect-uris", "greatest number of redirect URIs of a client", l.RedirectURIs, 1, 100_000),
	)
}()

func limit(name, doc string, preset int, least, most int64) key {
	return key{name: "limits." + name, doc: doc, kind: whole, preset: int64(preset), least: least, most: most}
}

// env is the name of the key's environment variable.
func (k *key) env() string {
	return envPrefix + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(k.name))
}

func (k *key) expected() string {
	switch {
	case k.kind == duration:
		return fmt.Sprintf("a duration from %v to %v, such as 10s", time.Duration(k.least), time.Duration(k.most))
	case k.kind == whole:
		return fmt.Sprintf("a whole number from %d to %d", k.least, k.most)
	case len(k.options) > 0:
		return "one of " + strings.Join(k.options, ", ")
	default:
		return "a text that is not empty"
	}
}

// parse reads a value from its text.
func (k *key) parse(s string) (any, error) {
	switch k.kind {
	case duration:
		d, err := time.ParseDuration(s)
		if err != nil || int64(d) < k.least || int64(d) > k.most {
			return nil, k.wrong(s)
		}
		return d, nil
	case whole:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < k.least || n > k.most {
			return nil, k.wrong(s)
		}
		return n, nil
	}
	if s == "" || strings.ContainsRune(s, 0) {
		return nil, k.wrong(s)
	}
	if len(k.options) > 0 && !slices.Contains(k.options, s) {
		return nil, fmt.Errorf("%w%s", k.wrong(s), pdp.Suggest(s, k.options))
	}
	return s, nil
}

func (k *key) wrong(s string) error { return fmt.Errorf("expected %s, got %q", k.expected(), clip(s)) }

// clip keeps messages short.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

func find(name string) *key {
	for i := range keys {
		if keys[i].name == name {
			return &keys[i]
		}
	}
	return nil
}

func keyNames() []string {
	names := make([]string, len(keys))
	for i := range keys {
		names[i] = keys[i].name
	}
	return names
}
