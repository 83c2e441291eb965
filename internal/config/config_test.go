package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/internal/config"
	"github.com/spf13/pflag"
)

// load parses flags and loads the configuration.
func load(t *testing.T, args, environ []string) (config.Config, error) {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		return config.Config{}, err
	}
	return config.Load(flags, environ)
}

// file writes a file of that content and returns its path.
func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// ownUIDs are the users who may connect to the socket by default.
func ownUIDs() []uint32 {
	if uid := os.Geteuid(); uid > 0 {
		return []uint32{0, uint32(uid)}
	}
	return []uint32{0}
}

func defaults() config.Config {
	return config.Config{
		Data: "d", DecisionSocket: "d/decision.sock", DecisionAuth: config.DecisionAuthNone, Egress: "allow", SocketUIDs: ownUIDs(),
		AdminAddr: "127.0.0.1:8980", OpsAddr: "127.0.0.1:8981", BootstrapTokenFile: "d/bootstrap.token",
		SecurityProfile: "none", ShutdownTimeout: 10 * time.Second, LogLevel: "info", LogFormat: config.FormatJSON,
		DecisionLog: config.DecisionLog{
			Mode: config.LogBestEffort, File: "d/decisions.db", Queue: 8192, Sample: 1, MaxAge: 720 * time.Hour, MaxBytes: 1 << 30,
			Requests: config.RequestsKeep, Pseudonyms: config.PseudonymsNone, PseudonymKeyFile: "d/pseudonym.key",
			NDJSON: config.NDJSONNone, NDJSONMaxBytes: 100 << 20, NDJSONFiles: 5,
		},
		Limits: config.Limits{
			DecisionMessageBytes: 1 << 20, DocumentBytes: 16 << 20, BatchItems: 100,
			StringBytes: 64 << 10, Depth: 64, RedirectURIs: 1000,
		},
	}
}

func TestDefaults(t *testing.T) {
	got, err := load(t, []string{"--data", "d"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(defaults(), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFlagsBeatEnvironmentBeatsFile(t *testing.T) {
	path := file(t, "c.yaml", `
data: from-file
admin-addr: "127.0.0.1:1"
ops-addr: "127.0.0.1:2"
shutdown-timeout: 3s
limits:
  batch-items: 7
  depth: 20
`)
	got, err := load(t, []string{"--config", path, "--admin-addr", "127.0.0.1:11", "--limits.depth=30"},
		[]string{"SIDEGATE_ADMIN_ADDR=127.0.0.1:12", "SIDEGATE_OPS_ADDR=127.0.0.1:13", "SIDEGATE_LIMITS_BATCH_ITEMS=8", "HOME=/"})
	if err != nil {
		t.Fatal(err)
	}
	want := defaults()
	want.Data, want.DecisionSocket, want.BootstrapTokenFile = "from-file", "from-file/decision.sock", "from-file/bootstrap.token"
	want.DecisionLog.File, want.DecisionLog.PseudonymKeyFile = "from-file/decisions.db", "from-file/pseudonym.key"
	want.AdminAddr, want.OpsAddr, want.ShutdownTimeout = "127.0.0.1:11", "127.0.0.1:13", 3*time.Second
	want.Limits.BatchItems, want.Limits.Depth = 8, 30
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestConfigFileFromEnvironment(t *testing.T) {
	path := file(t, "c.yaml", "data: d\n")
	if _, err := load(t, nil, []string{"SIDEGATE_CONFIG=" + path}); err != nil {
		t.Error(err)
	}
}

func TestVariablesOfOthersAreIgnored(t *testing.T) {
	environ := []string{
		"SIDEGATE_PORT=tcp://10.0.0.1:8980", "SIDEGATE_SERVICE_HOST=10.0.0.1", "SIDEGATE_SERVICE_PORT=8980",
		"SIDEGATE_SERVICE_PORT_ADMIN=8980", "SIDEGATE_PORT_8980_TCP=tcp://10.0.0.1:8980", "SIDEGATE_PORT_8980_TCP_ADDR=10.0.0.1",
		"SIDEGATE_SERVER=http://127.0.0.1:8980", "SIDEGATE_TOKEN=x", "SIDEGATE_TOKEN_FILE=x",
		"SIDEGATE_CONTEXT=x", "SIDEGATE_CONFIG_HOME=x", "SIDEGATE_REALM=x", "SIDEGATE_CA_FILE=x", "SIDEGATE_CLIENT_CERT=x", "SIDEGATE_CLIENT_KEY=x",
	}
	if _, err := load(t, []string{"--data", "d"}, environ); err != nil {
		t.Error(err)
	}
}

func TestProtectedListenersMayLeaveLoopback(t *testing.T) {
	cert, key := file(t, "cert.pem", "c"), file(t, "key.pem", "k")
	got, err := load(t, []string{
		"--data=d", "--decision-addr=0.0.0.0:9000", "--decision-auth=token", "--decision-tls-cert=" + cert, "--decision-tls-key=" + key,
		"--admin-addr=:9001", "--admin-tls-cert=" + cert, "--admin-tls-key=" + key, "--ops-addr=[::1]:0", "--security-profile=" + cert,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.DecisionAddr != "0.0.0.0:9000" || got.AdminAddr != ":9001" || got.SecurityProfile != cert {
		t.Errorf("got %+v", got)
	}
}

// refusal is a configuration that stops the start.
type refusal struct {
	name    string
	args    []string
	environ []string
	// file is the content of the configuration file. In it and in the arguments the
	// names of someFiles, such as $PEM, stand for files.
	file string
	// want is what the message says, lacks what it does not.
	want  []string
	lacks string
}

var refusals = []refusal{
	{name: "no data", args: []string{}, want: []string{"data: required", "--data", "SIDEGATE_DATA"}},
	{name: "empty data", args: []string{"--data="}, want: []string{"--data", "not empty"}},
	{name: "unknown flag", args: []string{"--admin-adr=x"}, want: []string{"--admin-adr"}},
	{name: "unknown variable", environ: []string{"SIDEGATE_ADMIN_ADR=x"}, want: []string{"SIDEGATE_ADMIN_ADR: unknown environment variable", `did you mean "SIDEGATE_ADMIN_ADDR"`}},
	{name: "unknown key", file: "data: d\nadmin-adr: x\n", want: []string{"c.yaml:2:1: unknown key \"admin-adr\"", `did you mean "admin-addr"`}},
	{name: "unknown limit", file: "limits:\n  dept: 1\n", want: []string{"c.yaml:2:3: unknown key \"limits.dept\"", `did you mean "limits.depth"`}},
	{name: "key twice", file: "data: d\ndata: e\n", want: []string{`c.yaml:2:1: key "data" is given twice`}},
	{name: "limits as text", file: "limits: many\n", want: []string{"c.yaml:1:9: expected a mapping"}},
	{name: "text as list", file: "data: [d]\n", want: []string{"c.yaml:1:1: data: expected a text that is not empty, got a list"}},
	{name: "text as number", file: "data: 7\n", want: []string{"c.yaml:1:1: data: expected a text", "7 (put a text in quotes)"}},
	{name: "null", file: "data:\n", want: []string{"c.yaml:1:1: data: expected a text that is not empty, got nothing"}},
	{name: "number as text", file: "limits: {depth: \"64\"}\n", want: []string{"limits.depth: expected a whole number from 8 to 1000, got the text \"64\""}},
	{name: "number as fraction", file: "limits: {depth: 9.5}\n", want: []string{"limits.depth: expected a whole number"}},
	{name: "number as hexadecimal", file: "limits: {depth: 0x10}\n", want: []string{"limits.depth: expected a whole number"}},
	{name: "duration as number", file: "shutdown-timeout: 10\n", want: []string{"shutdown-timeout: expected a duration"}},
	{name: "alias", file: "data: &d x\nadmin-addr: *d\n", want: []string{"aliases are not supported"}},
	{name: "no mapping", file: "- data\n", want: []string{"c.yaml:1:1: expected a mapping"}},
	{name: "several documents", file: "data: d\n---\ndata: e\n", want: []string{"expected one document"}},
	{name: "no YAML", file: "data: [\n", want: []string{"expected YAML"}},
	{name: "missing file", args: []string{"--data=d", "--config=/nowhere/c.yaml"}, want: []string{"/nowhere/c.yaml", "no such file"}},
	{name: "empty file name", args: []string{"--data=d", "--config="}, want: []string{"--config: expected the path of a file"}},
	{name: "empty file name in the environment", environ: []string{"SIDEGATE_CONFIG="}, want: []string{"SIDEGATE_CONFIG: expected the path of a file"}},
	{name: "zero duration", args: []string{"--data=d", "--shutdown-timeout=0s"}, want: []string{"--shutdown-timeout", "from 1ms to 10m0s"}},
	{name: "negative duration", environ: []string{"SIDEGATE_SHUTDOWN_TIMEOUT=-1s"}, want: []string{"SIDEGATE_SHUTDOWN_TIMEOUT", "expected a duration"}},
	{name: "no duration", environ: []string{"SIDEGATE_SHUTDOWN_TIMEOUT=soon"}, want: []string{"expected a duration"}},
	{name: "zero limit", args: []string{"--limits.batch-items=0"}, want: []string{"from 1 to 1000"}},
	{name: "limit above its cap", environ: []string{"SIDEGATE_LIMITS_DOCUMENT_BYTES=99999999999"}, want: []string{"SIDEGATE_LIMITS_DOCUMENT_BYTES: limits.document-bytes", "33554432"}},
	{name: "string above document", args: []string{"--data=d", "--limits.document-bytes=2048", "--limits.string-bytes=4096"}, want: []string{"--limits.string-bytes", "limits.document-bytes, 2048"}},
	{name: "empty variable", environ: []string{"SIDEGATE_ADMIN_ADDR="}, want: []string{"SIDEGATE_ADMIN_ADDR: admin-addr: expected a text that is not empty"}},
	{name: "log level", args: []string{"--log-level=warning"}, want: []string{"one of debug, info, warn, error", `did you mean "warn"`}},
	{name: "log format", environ: []string{"SIDEGATE_LOG_FORMAT=jso"}, want: []string{`did you mean "json"`}},
	{name: "decision auth", environ: []string{"SIDEGATE_DECISION_AUTH=tokens"}, want: []string{`did you mean "token"`}},
	{name: "security profile", args: []string{"--data=d", "--security-profile=strickt"}, want: []string{"--security-profile: security-profile: expected none, lax, strict or a file", `did you mean "strict"`}},
	{name: "security profile that is a directory", args: []string{"--data=d", "--security-profile=/"}, want: []string{"expected none, lax, strict or a file"}},
	{name: "address without port", args: []string{"--data=d", "--admin-addr=127.0.0.1"}, want: []string{"--admin-addr: admin-addr: expected host:port"}},
	{name: "address with a word as port", args: []string{"--data=d", "--ops-addr=127.0.0.1:http"}, want: []string{"the port must be a number"}},
	{name: "address with a port too high", args: []string{"--data=d", "--ops-addr=127.0.0.1:65536"}, want: []string{"from 0 to 65535"}},
	{name: "same address", args: []string{"--data=d", "--admin-addr=127.0.0.1:9", "--ops-addr=127.0.0.1:9"}, want: []string{"ops-addr is the same address as admin-addr"}},
	{name: "socket too long", args: []string{"--data=" + strings.Repeat("d", 120)}, want: []string{"too long by", "set decision-socket to a shorter one"}},
	{name: "half a pair", args: []string{"--data=d", "--admin-tls-cert=$PEM"}, want: []string{"--admin-tls-cert: admin-tls-cert is set and admin-tls-key is not"}},
	{name: "the other half", args: []string{"--data=d", "--decision-addr=127.0.0.1:1", "--decision-tls-key=$PEM"}, want: []string{"decision-tls-key is set and decision-tls-cert is not"}},
	{name: "missing certificate", args: []string{"--data=d", "--admin-tls-cert=/nowhere/c", "--admin-tls-key=$PEM"}, want: []string{"admin-tls-cert: expected a PEM file", "no such file"}},
	{name: "certificate that is a directory", args: []string{"--data=d", "--admin-tls-cert=/", "--admin-tls-key=$PEM"}, want: []string{"expected a PEM file, / is none"}},
	{name: "TLS without a listener", args: []string{"--data=d", "--decision-tls-cert=$PEM", "--decision-tls-key=$PEM"}, want: []string{"no effect without decision-addr"}},
	{name: "decisions off loopback", args: []string{"--data=d", "--decision-addr=0.0.0.0:1"}, want: []string{
		"--decision-addr: decision-addr 0.0.0.0:1 can be reached from other machines, which is not allowed without TLS; set decision-tls-cert",
		"not allowed without authentication; set decision-auth to token"}},
	{name: "decisions off loopback without authentication", args: []string{"--data=d", "--decision-addr=10.0.0.1:1", "--decision-tls-cert=$PEM", "--decision-tls-key=$PEM"}, want: []string{"without authentication"}},
	{name: "decisions off loopback without TLS", args: []string{"--data=d", "--decision-addr=[::]:1", "--decision-auth=token"}, want: []string{"without TLS"}},
	{name: "administration off loopback", args: []string{"--data=d", "--admin-addr=:8980"}, want: []string{"admin-addr :8980 can be reached", "set admin-tls-cert"}},
	{name: "administration by a name", args: []string{"--data=d", "--admin-addr=sidegate.example:8980"}, want: []string{"without TLS"}},
	{name: "operations off loopback", args: []string{"--data=d", "--ops-addr=0.0.0.0:8981"}, want: []string{"neither TLS nor authentication", "sidegate healthcheck"}},
	{name: "unreadable file hides nothing else", args: []string{"--log-level=loud"}, file: "data: [\n", want: []string{"expected YAML", "--log-level"}, lacks: "required"},
	{name: "values and rules at once", args: []string{"--admin-addr=:8980", "--log-level=loud"}, want: []string{"data: required", "without TLS", "--log-level"}},
	{name: "a wrong value is told once", args: []string{"--data=d", "--security-profile="}, want: []string{"--security-profile: security-profile: expected a text"}, lacks: "a file that exists"},
	{name: "second document that is none", file: "data: d\n---\n[\n", want: []string{"expected one document"}},
	{name: "several at once", environ: []string{"SIDEGATE_FOO=1", "SIDEGATE_LIMITS_DEPTH=1"}, file: "bar: 1\n", want: []string{"SIDEGATE_FOO", "limits.depth", `"bar"`}},
}

func TestRefusals(t *testing.T) {
	files := someFiles(t)
	for _, tc := range refusals {
		t.Run(tc.name, func(t *testing.T) {
			refused(t, files, tc)
		})
	}
}

// refused checks that a configuration is refused, and with which words.
func refused(t *testing.T, files *strings.Replacer, tc refusal) {
	t.Helper()
	args := tc.args
	if tc.file != "" {
		args = append(args, "--config", file(t, "c.yaml", files.Replace(tc.file)))
	}
	if tc.environ != nil {
		args = append(args, "--data=d")
	}
	for i := range args {
		args[i] = files.Replace(args[i])
	}
	_, err := load(t, args, tc.environ)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range tc.want {
		if want = files.Replace(want); !strings.Contains(err.Error(), want) {
			t.Errorf("message lacks %q:\n%v", want, err)
		}
	}
	if tc.lacks != "" && strings.Contains(err.Error(), tc.lacks) {
		t.Errorf("message has %q:\n%v", tc.lacks, err)
	}
}

// someFiles replaces names such as $PEM by the paths of files that exist.
func someFiles(t *testing.T) *strings.Replacer {
	t.Helper()
	shared := file(t, "shared", "password")
	if err := os.Chmod(shared, 0o640); err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("$PEM", file(t, "some.pem", "pem"), "$CA", file(t, "ca.pem", authority(t)), "$PASSWORD", file(t, "password", "correct horse"),
		"$SHARED", shared, "$EMPTY", file(t, "empty", ""),
		"$LONG", file(t, "long", strings.Repeat("p", 1025)), "$BREAK", file(t, "break", "\n"), "$KEY", file(t, "key", strings.Repeat("k", 31)),
		"$FOLDER", t.TempDir())
}

// authority is a certificate of a CA, in PEM.
func authority(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotAfter: time.Now().Add(time.Hour), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestErrorsTellTheirPlace(t *testing.T) {
	_, err := load(t, nil, []string{"SIDEGATE_FOO=1"})
	var problem *config.Problem
	if !errors.Is(err, config.ErrInvalid) || !errors.As(err, &problem) || problem.Place != "SIDEGATE_FOO" {
		t.Errorf("got %#v", err)
	}
}

func TestLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true,
		"[::ffff:127.0.0.1]:1": true,
		":1":                   false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "example.org:1": false, "127.0.0.1": false, "": false,
	} {
		if got := config.Loopback(addr); got != want {
			t.Errorf("%q: got %v, want %v", addr, got, want)
		}
	}
}
