package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/internal/config"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

func TestDecisionLogRefusals(t *testing.T) {
	files := someFiles(t)
	for _, tc := range []refusal{
		{name: "samples as mapping", file: "decision-log: {samples: {}}\n", want: []string{"c.yaml:1:25: decision-log.samples: expected a list, got a mapping"}},
		{name: "sample without a share", file: "decision-log: {samples: [{realm: r}]}\n", want: []string{"c.yaml:1:26: decision-log.samples[0]: share is missing"}},
		{name: "share above one", file: "decision-log: {samples: [{realm: r, share: 1.01}]}\n", want: []string{"decision-log.samples[0].share: expected a number from 0 to 1, got 1.01"}},
		{name: "share below zero", file: "decision-log: {samples: [{share: -0.01}]}\n", want: []string{"got -0.01"}},
		{name: "share that is no number", file: "decision-log: {samples: [{share: .nan}]}\n", want: []string{"got NaN"}},
		{name: "share as text", file: "decision-log: {samples: [{share: '1'}]}\n", want: []string{`expected a number from 0 to 1, got the text "1"`}, lacks: "is missing"},
		{name: "unknown event", file: "decision-log: {samples: [{event: TOKEN_REQUST, share: 1}]}\n", want: []string{`decision-log.samples[0].event: unknown event "TOKEN_REQUST"; did you mean "TOKEN_REQUEST"`}},
		{name: "unspecified event", file: "decision-log: {samples: [{event: EVENT_UNSPECIFIED, share: 1}]}\n", want: []string{"unknown event"}},
		{name: "realm with a colon", file: "decision-log: {samples: [{realm: 'a:b', share: 1}]}\n", want: []string{`name of a realm "a:b" contains`}},
		{name: "sample of everything", file: "decision-log: {samples: [{realm: '*', share: 1}]}\n", want: []string{"decision-log.samples[0] names neither realm nor event; set decision-log.sample instead"}},
		{name: "sample twice", file: "decision-log: {samples: [{realm: r, share: 1}, {realm: r, event: '*', share: 0}, {event: VIEW, share: 0}]}\n", want: []string{"decision-log.samples[1]: this realm and event have a share already"}},
		{name: "unknown member of a sample", file: "decision-log: {samples: [{sahre: 1}]}\n", want: []string{`unknown key "decision-log.samples[0].sahre"; did you mean "share"`}},
		{name: "sample above one", args: []string{"--data=d", "--decision-log.sample=1.000001"}, want: []string{"--decision-log.sample: decision-log.sample: expected a number from 0 to 1"}},
		{name: "sample that is no number", args: []string{"--data=d", "--decision-log.sample=NaN"}, want: []string{"expected a number from 0 to 1"}},
		{name: "sample in hexadecimal", args: []string{"--data=d", "--decision-log.sample=0x0p0"}, want: []string{"expected a number from 0 to 1"}},
		{name: "sample as list", file: "decision-log: {sample: [1]}\n", want: []string{"decision-log.sample: expected a number from 0 to 1, got a list"}},
		{name: "unknown member", file: "decision-log: {mod: off}\n", want: []string{`unknown key "decision-log.mod"; did you mean "decision-log.mode"`}},
		{name: "mode", environ: []string{"SIDEGATE_DECISION_LOG_MODE=blok"}, want: []string{`did you mean "block"`}},
		{name: "mask as text", file: "decision-log: {mask: /source}\n", want: []string{`decision-log.mask: expected a list of 1 to 100 JSON pointers`}},
		{name: "mask of numbers", file: "decision-log: {mask: [1]}\n", want: []string{"got 1 (put a text in quotes) among them"}},
		{name: "empty mask", file: "decision-log: {mask: []}\n", want: []string{"expected a list of 1 to 100 JSON pointers, such as /request/parameters/login_hint, got 0"}},
		{name: "mask of everything", environ: []string{"SIDEGATE_DECISION_LOG_MASK="}, want: []string{"expected a JSON pointer into the request"}},
		{name: "mask without slash", args: []string{"--data=d", "--decision-log.mask=source"}, want: []string{`got "source"`}},
		{name: "mask with a stray tilde", args: []string{"--data=d", "--decision-log.mask=/request/parameters/a~2"}, want: []string{"expected a JSON pointer"}},
		{name: "mask of an unknown member", args: []string{"--data=d", "--decision-log.mask=/request/parametres"}, want: []string{`no member "parametres" of a request; did you mean "parameters"`}},
		{name: "mask below a text", args: []string{"--data=d", "--decision-log.mask=/issuer/x"}, want: []string{`expected nothing below "issuer"`}},
		{name: "mask below a member of a map", args: []string{"--data=d", "--decision-log.mask=/request/parameters/a/b"}, want: []string{`expected nothing below "a"`}},
		{name: "mask of a list's element", args: []string{"--data=d", "--decision-log.mask=/actor/groups/0"}, want: []string{`expected * for all elements of groups, got "0"`}},
		{name: "mask of the realm", args: []string{"--data=d", "--decision-log.mask=/realm"}, want: []string{"without realm a decision says nothing"}},
		{name: "mask of every member", args: []string{"--data=d", "--decision-log.mask=/*"}, want: []string{`no member "*" of a request`}},
		{name: "mask twice", args: []string{"--data=d", "--decision-log.mask=/source,/source"}, want: []string{`"/source" is given twice`}},
		{name: "ndjson without a path", args: []string{"--data=d", "--decision-log.ndjson=stdot"}, want: []string{"expected none, stdout or the absolute path of a file"}},
		{name: "ndjson nowhere", args: []string{"--data=d", "--decision-log.ndjson=/nowhere/d"}, want: []string{"a directory that exists"}},
		{name: "ndjson that is a directory", args: []string{"--data=d", "--decision-log.ndjson=$FOLDER"}, want: []string{"expected a file, $FOLDER is none"}},
		{name: "file of the store", args: []string{"--data=d", "--decision-log.file=d/sidegate.db"}, want: []string{"--decision-log.file: decision-log.file is the same file as the store, d/sidegate.db; give it one of its own"}},
		{name: "file of the tokens", args: []string{"--data=d", "--decision-log.file=./d/../d/tokens.json"}, want: []string{"is the same file as the tokens"}},
		{name: "one file for two", args: []string{"--data=d", "--decision-log.file=$PEM", "--decision-log.ndjson=$PEM"}, want: []string{"decision-log.ndjson is the same file as decision-log.file"}},
		{name: "shared key", args: []string{"--data=d", "--decision-log.pseudonyms=hmac", "--decision-log.pseudonym-key-file=$SHARED"}, want: []string{"make it 0600"}},
		{name: "short key", args: []string{"--data=d", "--decision-log.pseudonyms=hmac", "--decision-log.pseudonym-key-file=$KEY"}, want: []string{"has 31 bytes, expected 32 or more"}},
		{name: "key that is lost", args: []string{"--policies=$FOLDER", "--decision-log.pseudonyms=hmac"}, want: []string{"needs a key that outlives the server; set data or decision-log.pseudonym-key-file"}},
		{name: "policies nowhere", args: []string{"--policies=/nowhere"}, want: []string{"--policies: policies: expected a directory that can be read", "no such file"}, lacks: "data: required"},
		{name: "policies in a file", args: []string{"--policies=$PEM"}, want: []string{"policies: expected a directory, $PEM is none"}},
		{name: "uids as text", file: "socket-uids: '0'\n", want: []string{"socket-uids: expected a list of 1 to 100 numbers from 0 to 4294967295"}},
		{name: "no uids", file: "socket-uids: []\n", want: []string{"socket-uids: expected a list of 1 to 100 numbers", "got 0"}},
		{name: "uid of a name", args: []string{"--data=d", "--socket-uids=0,idp"}, want: []string{`--socket-uids: socket-uids: expected a list of 1 to 100 numbers from 0 to 4294967295, got "idp"`}},
		{name: "uid too great", args: []string{"--data=d", "--socket-uids=4294967296"}, want: []string{"from 0 to 4294967295"}},
		{name: "uid below zero", args: []string{"--data=d", "--socket-uids=-1"}, want: []string{"from 0 to 4294967295"}},
		{name: "uid twice", args: []string{"--data=d", "--socket-uids=1,01"}, want: []string{"a number is given twice"}},
		{name: "mtls without a listener", args: []string{"--data=d", "--decision-auth=mtls"}, want: []string{"--decision-auth: decision-auth mtls needs a listener with TLS; set decision-addr"}},
		{name: "mtls without certificates", args: []string{"--data=d", "--decision-auth=mtls", "--decision-addr=127.0.0.1:1", "--decision-tls-cert=$PEM", "--decision-tls-key=$PEM", "--decision-client-ca=$CA"}, want: []string{"lets nobody in without auth.certificates"}},
		{name: "mtls without TLS", args: []string{"--data=d", "--decision-auth=mtls", "--decision-addr=127.0.0.1:1"}, want: []string{"decision-auth mtls needs TLS"}},
		{name: "mtls without a CA", args: []string{"--data=d", "--decision-auth=mtls", "--decision-addr=127.0.0.1:1", "--decision-tls-cert=$PEM", "--decision-tls-key=$PEM"}, want: []string{"set decision-client-ca"}},
		{name: "CA without mtls", args: []string{"--data=d", "--decision-client-ca=$CA"}, want: []string{"decision-client-ca has no effect with decision-auth none; set decision-auth to mtls"}},
		{name: "CA that is none", args: []string{"--data=d", "--decision-client-ca=$PEM"}, want: []string{"decision-client-ca: expected certificates in $PEM, in PEM, found none"}},
		{name: "CA of administration without TLS", args: []string{"--data=d", "--admin-client-ca=$CA"}, want: []string{"--admin-client-ca: admin-client-ca has no effect without TLS"}},
		{name: "missing CA", args: []string{"--data=d", "--admin-client-ca=/nowhere/ca"}, want: []string{"admin-client-ca: expected a PEM file that can be read"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.file != "" {
				tc.file = tc.file + "data: d\n"
			}
			refused(t, files, tc)
		})
	}
}

// TestLimits sets every number to its bounds and one beyond.
func TestLimits(t *testing.T) {
	for _, tc := range []struct {
		key         string
		least, most []string // the bound, and one beyond
	}{
		{"shutdown-timeout", []string{"1ms", "999us"}, []string{"10m", "10m1ns"}},
		{"decision-log.queue", []string{"1", "0"}, []string{"1000000", "1000001"}},
		{"decision-log.sample", []string{"0", "-1e-9"}, []string{"1", "1.0000001"}},
		{"decision-log.max-age", []string{"1m", "59.9s"}, []string{"87600h", "87600h1ns"}},
		{"decision-log.max-bytes", []string{"1048576", "1048575"}, []string{"1099511627776", "1099511627777"}},
		{"decision-log.ndjson-max-bytes", []string{"1024", "1023"}, []string{"1099511627776", "1099511627777"}},
		{"decision-log.ndjson-files", []string{"1", "0"}, []string{"1000", "1001"}},
		{"limits.decision-message-bytes", []string{"1024", "1023"}, []string{"4194304", "4194305"}},
		{"limits.batch-items", []string{"1", "0"}, []string{"1000", "1001"}},
		{"limits.depth", []string{"8", "7"}, []string{"1000", "1001"}},
		{"limits.redirect-uris", []string{"1", "0"}, []string{"100000", "100001"}},
	} {
		for _, bound := range [][]string{tc.least, tc.most} {
			if _, err := load(t, []string{"--data=d", "--" + tc.key + "=" + bound[0]}, nil); err != nil {
				t.Errorf("%s at its bound: %v", tc.key, err)
			}
			if _, err := load(t, []string{"--data=d", "--" + tc.key + "=" + bound[1]}, nil); err == nil {
				t.Errorf("%s: %s was accepted", tc.key, bound[1])
			}
		}
	}
}

func repeat(n int, one func(i int) string) string {
	var list []string
	for i := range n {
		list = append(list, one(i))
	}
	return strings.Join(list, ",")
}

// TestListLimits fills every list to its bound and one beyond.
func TestListLimits(t *testing.T) {
	pointer := "/request/parameters/"
	for _, tc := range []struct {
		name string
		most int
		file func(n int) string
	}{
		{"socket-uids", 100, func(n int) string {
			return "socket-uids: [" + repeat(n, func(i int) string { return fmt.Sprint(i) }) + "]"
		}},
		{"mask", 100, func(n int) string {
			return "decision-log: {mask: [" + repeat(n, func(i int) string { return fmt.Sprintf("%s%d", pointer, i) }) + "]}"
		}},
		{"pointer", 1024 - len(pointer), func(n int) string { return "decision-log: {mask: [" + pointer + strings.Repeat("p", n) + "]}" }},
		{"samples", 1000, func(n int) string {
			return "decision-log: {samples: [" + repeat(n, func(i int) string { return fmt.Sprintf("{realm: r%d, share: 1}", i) }) + "]}"
		}},
		{"roles", 1000, func(n int) string {
			return "auth: {oidc: [{issuer: 'https://a.example', audience: a, roles: [" + repeat(n, func(int) string { return "{claim: c, value: v, realm: r, role: admin}" }) + "]}]}"
		}},
		{"entries of a mapping", 1000, func(n int) string {
			return "auth: {principals: [{username: u, password-file: $PASSWORD, roles: {" + repeat(n, func(i int) string { return fmt.Sprintf("r%d: admin", i) }) + "}}]}"
		}},
		{"file", 1 << 20, func(n int) string { return "#" + strings.Repeat(" ", n-len("#\ndata: d\n")) }},
	} {
		files := someFiles(t)
		for n, ok := range map[int]bool{tc.most: true, tc.most + 1: false} {
			path := file(t, "c.yaml", files.Replace(tc.file(n))+"\ndata: d\n")
			if _, err := load(t, []string{"--config", path}, nil); (err == nil) != ok {
				t.Errorf("%s of %d: got error %v, want none: %v", tc.name, n, err, ok)
			}
		}
	}
}

func TestPoliciesWithoutData(t *testing.T) {
	folder, dir := t.TempDir(), t.TempDir()
	got, err := load(t, []string{"--policies", folder, "--bootstrap-token-file=/t"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !got.EphemeralData || got.Data != "" || got.Policies != folder || got.DecisionSocket != "" {
		t.Errorf("got %+v", got)
	}
	in := got.In(dir)
	want := []string{dir, filepath.Join(dir, "decision.sock"), "/t", filepath.Join(dir, "decisions.db"), filepath.Join(dir, "pseudonym.key")}
	if diff := cmp.Diff(want, []string{in.Data, in.DecisionSocket, in.BootstrapTokenFile, in.DecisionLog.File, in.DecisionLog.PseudonymKeyFile}); diff != "" || in.EphemeralData {
		t.Errorf("ephemeral %v, -want +got:\n%s", in.EphemeralData, diff)
	}
	both, err := load(t, []string{"--policies", folder, "--data=d"}, nil)
	if err != nil || both.EphemeralData || both.Data != "d" {
		t.Errorf("with data: got %+v, %v", both, err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 0 {
		t.Errorf("something was made in %s: %v, %v", folder, entries, err)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	c := config.Config{BootstrapPassword: config.NewSecret("hunter22")}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(c.BootstrapPassword)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "password", c.BootstrapPassword)
	all := []string{string(data), string(text), log.String(), cmp.Diff(c, config.Config{})}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%X", "%T"} {
		all = append(all, fmt.Sprintf(verb, c), fmt.Sprintf(verb, c.BootstrapPassword), fmt.Sprintf(verb, &c.BootstrapPassword))
	}
	for _, s := range all {
		if strings.Contains(s, "hunter22") || strings.Contains(s, fmt.Sprintf("%x", "hunter22")) {
			t.Errorf("printed: %s", s)
		}
	}
	if !strings.Contains(string(data), "[redacted]") || c.BootstrapPassword.Reveal() != "hunter22" || !c.BootstrapPassword.Set() || (config.Secret{}).Set() {
		t.Errorf("got %s", data)
	}
	if c.BootstrapPassword.Equal(config.NewSecret("hunter2")) || !c.BootstrapPassword.Equal(config.NewSecret("hunter22")) {
		t.Error("secrets do not compare")
	}
}

// explain returns the values in effect.
func explain(t *testing.T, args, environ []string) map[string]config.Value {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	values, err := config.Explain(flags, environ)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]config.Value{}
	for _, v := range values {
		m[v.Key] = v
	}
	return m
}

func TestExplain(t *testing.T) {
	path := file(t, "c.yaml", "data: d\ndecision-log:\n  samples: [{share: 0, event: VIEW}]\n  mask: [/source]\n")
	values := explain(t, []string{"--config", path, "--admin-addr=127.0.0.1:1"}, []string{
		"SIDEGATE_OPS_ADDR=127.0.0.1:2", "SIDEGATE_BOOTSTRAP_ADMIN_USERNAME=root", "SIDEGATE_BOOTSTRAP_ADMIN_PASSWORD=hunter22"})
	for key, want := range map[string][2]string{
		"data":                              {"d", path + ":1:1"},
		"admin-addr":                        {"127.0.0.1:1", "--admin-addr"},
		"ops-addr":                          {"127.0.0.1:2", "SIDEGATE_OPS_ADDR"},
		"egress":                            {"allow", "default"},
		"decision-addr":                     {"", "default"},
		"decision-socket":                   {"d/decision.sock", "default"},
		"shutdown-timeout":                  {"10s", "default"},
		"limits.depth":                      {"64", "default"},
		"decision-log.sample":               {"1", "default"},
		"decision-log.mask":                 {"- /source", path + ":4:3"},
		"decision-log.samples":              {"- event: VIEW\n  share: 0", path + ":3:12"},
		"auth.oidc":                         {"", "default"},
		"SIDEGATE_BOOTSTRAP_ADMIN_USERNAME": {"root", "SIDEGATE_BOOTSTRAP_ADMIN_USERNAME"},
		"SIDEGATE_BOOTSTRAP_ADMIN_PASSWORD": {"[redacted]", "SIDEGATE_BOOTSTRAP_ADMIN_PASSWORD"},
	} {
		v := values[key]
		got := [2]string{"", v.Origin}
		if v.Node != nil {
			data, err := yaml.Marshal(v.Node)
			if err != nil {
				t.Fatal(err)
			}
			got[0] = strings.Trim(strings.TrimSpace(string(data)), `'`)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

func TestProblems(t *testing.T) {
	if got := config.Problems(nil); got != nil {
		t.Errorf("got %v", got)
	}
	_, err := load(t, nil, []string{"SIDEGATE_FOO=1"})
	got := config.Problems(err)
	if len(got) != 2 || got[0].Place != "SIDEGATE_FOO" || got[1].Place != "data" {
		t.Errorf("got %v", got)
	}
	if got := config.Problems(os.ErrClosed); len(got) != 1 || got[0].Text != os.ErrClosed.Error() {
		t.Errorf("got %v", got)
	}
}
