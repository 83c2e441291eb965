package config

import (
	"fmt"
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
	fraction
	// texts and numbers are lists: in the file a sequence, elsewhere joined by commas.
	texts
	numbers
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
	// least and most bound numbers, durations in nanoseconds, and lengths of lists.
	least, most int64
	// derived says what the default is when it depends on other keys.
	derived string
}

var keys = func() []key {
	l := pdp.DefaultLimits()
	return append([]key{
		{name: "data", doc: "directory of the store, the tokens, the decision log and the socket; required without policies"},
		{name: "policies", doc: "directory that realms and policies are read from, read-only, instead of the store"},
		{name: "decision-addr", doc: "host:port for decisions over TCP (default none)"},
		{name: "decision-socket", doc: "path of the Unix socket for decisions (default DATA/" + socketFile + ")", derived: "DATA/" + socketFile},
		{name: "socket-uids", doc: "users, by number, who may connect to decision-socket (default 0 and the server's own)", kind: numbers, least: 1, most: 100, derived: "0 and the server's own"},
		{name: "decision-auth", doc: "credentials asked of callers for decisions", preset: DecisionAuthNone, options: []string{DecisionAuthNone, DecisionAuthToken, DecisionAuthMTLS}},
		{name: "decision-tls-cert", doc: "PEM file with the certificate chain of decision-addr"},
		{name: "decision-tls-key", doc: "PEM file with the private key of decision-addr"},
		{name: "decision-client-ca", doc: "PEM file with the CAs of the client certificates that decision-auth mtls asks for"},
		{name: "admin-addr", doc: "host:port for administration", preset: "127.0.0.1:8980"},
		{name: "admin-tls-cert", doc: "PEM file with the certificate chain of admin-addr"},
		{name: "admin-tls-key", doc: "PEM file with the private key of admin-addr"},
		{name: "admin-client-ca", doc: "PEM file with the CAs of the client certificates that admin-addr takes beside tokens"},
		{name: "ops-addr", doc: "host:port for health, loopback only", preset: "127.0.0.1:8981"},
		{name: "bootstrap-token-file", doc: "file with the first administrator's token, made when missing (default DATA/" + tokenFile + ")", derived: "DATA/" + tokenFile},
		{name: "security-profile", doc: "none, lax, strict or a JSON file", preset: profiles.None},
		{name: "egress", doc: "deny: no executor may ask an endpoint; one that has to is a fault", preset: EgressAllow, options: []string{EgressAllow, EgressDeny}},
		{name: "shutdown-timeout", doc: "how long calls under way may take when the server stops", kind: duration, preset: 10 * time.Second, least: int64(time.Millisecond), most: int64(10 * time.Minute)},
		{name: "log-level", doc: "least level that is logged", preset: "info", options: []string{"debug", "info", "warn", "error"}},
		{name: "log-format", doc: "form of the log lines", preset: FormatJSON, options: []string{FormatJSON, FormatConsole}},
		{name: "decision-log.mode", doc: "what happens when decisions come faster than they can be kept", preset: LogBestEffort, options: []string{LogOff, LogBestEffort, LogBlock}},
		{name: "decision-log.file", doc: "file that decisions are kept in (default DATA/" + decisionsFile + ")", derived: "DATA/" + decisionsFile},
		{name: "decision-log.queue", doc: "how many decisions may wait to be kept", kind: whole, preset: int64(8192), least: 1, most: 1_000_000},
		{name: "decision-log.sample", doc: "share that is kept of decisions that allow without findings and mutations", kind: fraction, preset: 1.0, most: 1},
		{name: "decision-log.max-age", doc: "how long decisions are kept", kind: duration, preset: 30 * 24 * time.Hour, least: int64(time.Minute), most: int64(10 * 365 * 24 * time.Hour)},
		{name: "decision-log.max-bytes", doc: "how many bytes of decisions are kept", kind: whole, preset: int64(1 << 30), least: 1 << 20, most: 1 << 40},
		{name: "decision-log.requests", doc: "drop: keep nothing of requests but who and what they were about", preset: RequestsKeep, options: []string{RequestsKeep, RequestsDrop}},
		{name: "decision-log.mask", doc: "JSON pointers into requests that are masked, besides what always is; * stands for every member or element", kind: texts, least: 1, most: 100},
		{name: "decision-log.pseudonyms", doc: "hmac: keep a keyed hash of the names of clients and users", preset: PseudonymsNone, options: []string{PseudonymsNone, PseudonymsHMAC}},
		{name: "decision-log.pseudonym-key-file", doc: "file with the key of the pseudonyms, made when missing (default DATA/" + pseudonymFile + ")", derived: "DATA/" + pseudonymFile},
		{name: "decision-log.ndjson", doc: "none, stdout or the absolute path of a file: where decisions are written to besides, a line each", preset: NDJSONNone},
		{name: "decision-log.ndjson-max-bytes", doc: "size at which that file is rotated", kind: whole, preset: int64(100 << 20), least: 1 << 10, most: 1 << 40},
		{name: "decision-log.ndjson-files", doc: "how many rotated files are kept", kind: whole, preset: int64(5), least: 1, most: 1000},
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
