package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/internal/config"
	"github.com/sidegate/sidegate/pdp"
)

// issuer, mapped and user are entries that are right.
const (
	issuer = "{issuer: 'https://login.example/realms/x', audience: sidegate, keycloak-roles: true}"
	mapped = "{subject: 'CN=idp', roles: {'*': evaluator}}"
	user   = "{username: ada, password-file: $PASSWORD, roles: {main: editor}}"
)

func TestEverythingInTheFile(t *testing.T) {
	files := someFiles(t)
	path := file(t, "c.yaml", files.Replace(`
data: d
decision-addr: 127.0.0.1:9000
decision-auth: mtls
decision-tls-cert: $PEM
decision-tls-key: $PEM
decision-client-ca: $CA
socket-uids: [1001, 0, 4294967295]
decision-log:
  mode: block
  sample: 0.25
  samples:
    - {event: TOKEN_REQUEST, share: 0}
    - {realm: main, event: EVENT_USERINFO_REQUEST, share: 1}
    - {realm: other, event: '*', share: 0.5}
  mask: [/request/parameters/login_hint, "/actor/groups/*"]
auth:
  oidc:
    - issuer: https://login.example/realms/main
      audience: sidegate
      jwks-url: http://127.0.0.1:8080/keys
      ca-file: $CA
      algorithms: [ES256]
      roles: [{claim: groups, value: ops, realm: '*', role: admin}]
    - `+issuer+`
  certificates:
    - {san: "DNS:idp.example", name: idp, roles: {'*': evaluator, main: viewer}}
    - `+mapped+`
  principals:
    - `+user+`
`))
	got, err := load(t, []string{"--config", path}, []string{"SIDEGATE_BOOTSTRAP_ADMIN_USERNAME=root", "SIDEGATE_BOOTSTRAP_ADMIN_PASSWORD=x"})
	if err != nil {
		t.Fatal(err)
	}
	ca, password := files.Replace("$CA"), files.Replace("$PASSWORD")
	want := config.Auth{
		OIDC: []config.Issuer{{
			Issuer: "https://login.example/realms/main", Audience: "sidegate", JWKSURL: "http://127.0.0.1:8080/keys", CAFile: ca,
			Algorithms: []string{"ES256"}, Roles: []config.ClaimRole{{Claim: "groups", Value: "ops", Realm: "*", Role: "admin"}},
		}, {
			Issuer: "https://login.example/realms/x", Audience: "sidegate", KeycloakRoles: true, Algorithms: []string{"RS256", "PS256", "ES256", "EdDSA"},
		}},
		Certificates: []config.Certificate{
			{SAN: "DNS:idp.example", Name: "idp", Roles: map[string]string{"*": "evaluator", "main": "viewer"}},
			{Subject: "CN=idp", Name: "CN=idp", Roles: map[string]string{"*": "evaluator"}},
		},
		Principals: []config.Principal{{Username: "ada", PasswordFile: password, Roles: map[string]string{"main": "editor"}}},
	}
	if diff := cmp.Diff(want, got.Auth); diff != "" {
		t.Errorf("auth, -want +got:\n%s", diff)
	}
	if got.BootstrapUsername != "root" || got.BootstrapPassword.Reveal() != "x" {
		t.Errorf("bootstrap: got %q and a password of %d bytes", got.BootstrapUsername, len(got.BootstrapPassword.Reveal()))
	}
	if diff := cmp.Diff([]uint32{0, 1001, 4294967295}, got.SocketUIDs); diff != "" {
		t.Errorf("socket-uids, -want +got:\n%s", diff)
	}
	log := got.DecisionLog
	samples := []config.Sample{{Event: pdp.TokenRequest}, {Realm: "main", Event: pdp.UserinfoRequest, Share: 1}, {Realm: "other", Share: 0.5}}
	if diff := cmp.Diff(samples, log.Samples); diff != "" {
		t.Errorf("samples, -want +got:\n%s", diff)
	}
	if log.Mode != config.LogBlock || log.Sample != 0.25 || !cmp.Equal(log.Mask, []string{"/request/parameters/login_hint", "/actor/groups/*"}) {
		t.Errorf("decision log: got %+v", log)
	}
}

func TestModeOff(t *testing.T) {
	got, err := load(t, []string{"--config", file(t, "c.yaml", "data: d\ndecision-log: {mode: off}\n")}, nil)
	if err != nil || got.DecisionLog.Mode != config.LogOff {
		t.Errorf("got %q, %v", got.DecisionLog.Mode, err)
	}
}

func TestListsOutsideOfTheFile(t *testing.T) {
	got, err := load(t, []string{"--data=d", "--socket-uids=7,3", "--decision-log.sample=0"}, []string{"SIDEGATE_DECISION_LOG_MASK=/source,/tls/clientCertificate"})
	if err == nil {
		t.Fatalf("a member that is none was accepted: %v", got.DecisionLog.Mask)
	}
	got, err = load(t, []string{"--data=d", "--socket-uids=7,3", "--decision-log.sample=0"}, []string{"SIDEGATE_DECISION_LOG_MASK=/source,/proposedClient/clientId"})
	if err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(got.SocketUIDs, []uint32{3, 7}) || !cmp.Equal(got.DecisionLog.Mask, []string{"/source", "/proposedClient/clientId"}) || got.DecisionLog.Sample != 0 {
		t.Errorf("got %v, %v, %v", got.SocketUIDs, got.DecisionLog.Mask, got.DecisionLog.Sample)
	}
}

// authFile is a file whose second line is a member of auth.
func authFile(member string) string {
	return "data: d\nadmin-tls-cert: $PEM\nadmin-tls-key: $PEM\nadmin-client-ca: $CA\nauth:\n  " + member + "\n"
}

func oidc(entry string) string { return authFile("oidc:\n    - " + entry) }

func certificate(entry string) string { return authFile("certificates:\n    - " + entry) }

func principal(entry string) string { return authFile("principals:\n    - " + entry) }

func TestAuthRefusals(t *testing.T) {
	files := someFiles(t)
	long := strings.Repeat("n", 256)
	for _, tc := range []refusal{
		{name: "auth is a text", file: "data: d\nauth: none\n", want: []string{`c.yaml:2:7: auth: expected a mapping of keys to values, got the text "none"`}},
		{name: "auth is an alias", file: "data: &a d\nauth: *a\n", want: []string{"aliases are not supported"}},
		{name: "unknown member", file: authFile("odic: []"), want: []string{`c.yaml:6:3: unknown key "auth.odic"; did you mean "oidc"`}},
		{name: "member twice", file: authFile("oidc: []\n  oidc: []"), want: []string{`c.yaml:7:3: key "auth.oidc" is given twice`}},
		{name: "list as mapping", file: authFile("oidc: {}"), want: []string{"c.yaml:6:9: auth.oidc: expected a list, got a mapping"}},
		{name: "issuer as text", file: oidc("https://login.example"), want: []string{"c.yaml:7:7: auth.oidc[0]: expected a mapping"}},
		{name: "unknown member of an issuer", file: oidc("{isuer: x}"), want: []string{`c.yaml:7:8: unknown key "auth.oidc[0].isuer"; did you mean "issuer"`}},
		{name: "number as key", file: oidc("{7: x}"), want: []string{"expected a text as key"}},
		{name: "issuer is an alias", file: oidc("{issuer: &i 'https://a.example', audience: *i}"), want: []string{"auth.oidc[0].audience: aliases are not supported"}},
		{name: "number as text", file: oidc("{issuer: 7}"), want: []string{"c.yaml:7:16: auth.oidc[0].issuer: expected a text that is not empty, got 7"}, lacks: "issuer is required"},
		{name: "null as text", file: oidc("{audience: }"), want: []string{"auth.oidc[0].audience: expected a text that is not empty, got nothing"}},
		{name: "text as truth", file: oidc("{keycloak-roles: 'yes'}"), want: []string{`auth.oidc[0].keycloak-roles: expected true or false, got the text "yes"`}},
		{name: "nothing of an issuer", file: oidc("{}"), want: []string{"c.yaml:7:7: auth.oidc[0].issuer is required", "auth.oidc[0].audience is required", "gives nobody a role"}},
		{name: "issuer in the clear", file: oidc("{issuer: 'http://login.example', audience: a, keycloak-roles: true}"), want: []string{"expected https, or http on loopback"}},
		{name: "issuer with a query", file: oidc("{issuer: 'https://login.example?x', audience: a, keycloak-roles: true}"), want: []string{"expected a URL such as"}},
		{name: "issuer with a user", file: oidc("{issuer: 'https://u:p@login.example', audience: a, keycloak-roles: true}"), want: []string{"expected a URL such as"}},
		{name: "issuer without a host", file: oidc("{issuer: login.example, audience: a, keycloak-roles: true}"), want: []string{"expected a URL such as"}},
		{name: "keys in the clear", file: oidc("{issuer: 'https://a.example', jwks-url: 'http://a.example/k', audience: a, keycloak-roles: true}"), want: []string{"auth.oidc[0].jwks-url: expected https"}},
		{name: "issuer twice", file: oidc(issuer + "\n    - " + issuer), want: []string{"c.yaml:8:16: auth.oidc[1].issuer: \"https://login.example/realms/x\" stands in auth.oidc[0].issuer already"}},
		{name: "no CA in the file", file: oidc("{issuer: 'https://a.example', ca-file: $PEM, audience: a, keycloak-roles: true}"), want: []string{"auth.oidc[0].ca-file: expected certificates in $PEM"}},
		{name: "symmetric algorithm", file: oidc("{issuer: 'https://a.example', algorithms: [HS256], audience: a, keycloak-roles: true}"), want: []string{"auth.oidc[0].algorithms[0]: expected an asymmetric signature algorithm", `got "HS256"`}},
		{name: "no algorithm", file: oidc("{issuer: 'https://a.example', algorithms: [none], audience: a, keycloak-roles: true}"), want: []string{`got "none"`}},
		{name: "empty algorithms", file: oidc("{issuer: 'https://a.example', algorithms: [], audience: a, keycloak-roles: true}"), want: []string{"expected at least one of RS256", "leave it out for RS256, PS256"}},
		{name: "algorithm twice", file: oidc("{issuer: 'https://a.example', algorithms: [ES256, ES256], audience: a, keycloak-roles: true}"), want: []string{"algorithms[1]: \"ES256\" stands in auth.oidc[0].algorithms[0] already"}},
		{name: "empty claim role", file: oidc("{issuer: 'https://a.example', audience: a, roles: [{}]}"), want: []string{"auth.oidc[0].roles[0].claim is required", "roles[0].value is required", "roles[0].realm is required", "roles[0].role is required"}},
		{name: "unknown role", file: oidc("{issuer: 'https://a.example', audience: a, roles: [{claim: c, value: v, realm: r, role: editr}]}"), want: []string{`auth.oidc[0].roles[0].role: expected a role, got "editr"; did you mean "editor"`}},
		{name: "realm with a slash", file: oidc("{issuer: 'https://a.example', audience: a, roles: [{claim: c, value: v, realm: a/b, role: editor}]}"), want: []string{"roles[0].realm: name of a realm \"a/b\" contains a slash or a colon"}},
		{name: "realm of dots", file: certificate("{subject: CN=s, roles: {'..': viewer}}"), want: []string{`auth.certificates[0].roles...: name of a realm ".." is not one`}},

		{name: "certificates without a CA", file: "data: d\nauth:\n  certificates: [" + mapped + "]\n", want: []string{"c.yaml:3:17: auth.certificates has no effect: no listener asks for client certificates"}},
		{name: "neither subject nor san", file: certificate("{name: n, roles: {'*': viewer}}"), want: []string{"auth.certificates[0]: expected either subject or san"}},
		{name: "subject and san", file: certificate("{subject: CN=s, san: 'DNS:s', roles: {'*': viewer}}"), want: []string{"expected either subject or san"}},
		{name: "subject twice", file: certificate(mapped + "\n    - " + mapped), want: []string{`auth.certificates[1].subject: "CN=idp" stands in auth.certificates[0].subject already`}},
		{name: "one subject in two spellings", file: certificate(mapped + "\n    - {subject: 'cn=IDP', roles: {'*': viewer}}"), want: []string{"c.yaml:7:5: auth.certificates[1]: an earlier entry has the same subject or san"}},
		{name: "one name for two", file: certificate(mapped + "\n    - {subject: CN=x, name: CN=idp, roles: {'*': viewer}}"), want: []string{`an earlier entry has the name "CN=idp"`}},
		{name: "no distinguished name", file: certificate("{subject: idp, roles: {'*': viewer}}"), want: []string{"c.yaml:7:7: auth.certificates[0]: subject \"idp\": expected a distinguished name such as"}},
		{name: "both are told", file: certificate("{san: 'DNS:*', roles: {'*': owner}}"), want: []string{"expected DNS:host, URI:uri, email:address or IP:address", "roles.*: expected a role"}},
		{name: "san with a wildcard", file: certificate("{san: 'DNS:*.example', roles: {'*': viewer}}"), want: []string{"without wildcards"}},
		{name: "roles of another issuer than Keycloak", file: oidc("{issuer: 'https://a.example/realm/x', audience: a, keycloak-roles: true}"), want: []string{"auth.oidc[0].keycloak-roles: expected an issuer that ends in /realms/NAME"}},
		{name: "issuer too long", file: oidc("{issuer: 'https://a.example/" + strings.Repeat("x", 513-18) + "', audience: a, keycloak-roles: true}"), want: []string{"of at most 512 bytes"}},
		{name: "keys with a query", file: oidc("{issuer: 'https://a.example/realms/x', jwks-url: 'https://a.example/k?', audience: a, keycloak-roles: true}"), want: []string{"auth.oidc[0].jwks-url: expected a URL"}},
		{name: "claim with an empty name", file: oidc("{issuer: 'https://a.example', audience: a, roles: [{claim: a..b, value: v, realm: r, role: admin}]}"), want: []string{"auth.oidc[0].roles[0].claim: expected a claim such as"}},
		{name: "claim too long", file: oidc("{issuer: 'https://a.example', audience: a, roles: [{claim: " + strings.Repeat("c", 1025) + ", value: v, realm: r, role: admin}]}"), want: []string{"of at most 1024 bytes"}},
		{name: "value too long", file: oidc("{issuer: 'https://a.example', audience: a, roles: [{claim: c, value: " + strings.Repeat("v", 1025) + ", realm: r, role: admin}]}"), want: []string{"value: expected at most 1024 bytes, got 1025"}},
		{name: "certificate without roles", file: certificate("{subject: CN=s}"), want: []string{"auth.certificates[0].roles: no role is given"}},
		{name: "certificate of an unknown role", file: certificate("{subject: CN=s, roles: {main: owner}}"), want: []string{"c.yaml:7:37: auth.certificates[0].roles.main: expected a role, got \"owner\"; known are viewer"}},
		{name: "realm twice", file: certificate("{subject: CN=s, roles: {main: viewer, main: viewer}}"), want: []string{`key "auth.certificates[0].roles.main" is given twice`}},
		{name: "name with a line break", file: certificate(`{subject: CN=s, name: "a\nb", roles: {main: viewer}}`), want: []string{"c.yaml:7:7: auth.certificates[0]: name holds a character that cannot be printed"}},

		{name: "nothing of a principal", file: principal("{}"), want: []string{"auth.principals[0].username is required", "password-file is required", "roles: no role"}},
		{name: "username with a colon", file: principal("{username: 'a:b', password-file: $PASSWORD, roles: {main: editor}}"), want: []string{"expected the name of a user without any of :"}},
		{name: "username too long", file: principal("{username: " + long + ", password-file: $PASSWORD, roles: {main: editor}}"), want: []string{"1 to 255 characters, got 256"}},
		{name: "username twice", file: principal(user + "\n    - " + user), want: []string{`auth.principals[1].username: "ada" stands in auth.principals[0].username already`}},
		{name: "missing password", file: principal("{username: a, password-file: /nowhere/p, roles: {main: editor}}"), want: []string{"password-file: expected a file that can be read", "no such file"}},
		{name: "password that is a directory", file: principal("{username: a, password-file: $FOLDER, roles: {main: editor}}"), want: []string{"expected a file, $FOLDER is none"}},
		{name: "shared password", file: principal("{username: a, password-file: $SHARED, roles: {main: editor}}"), want: []string{"$SHARED has mode -rw-r-----, so that others can read it; make it 0600"}},
		{name: "empty password", file: principal("{username: a, password-file: $EMPTY, roles: {main: editor}}"), want: []string{"$EMPTY is empty"}},
		{name: "password too long", file: principal("{username: a, password-file: $LONG, roles: {main: editor}}"), want: []string{"expected 1 to 1024 bytes"}},
		{name: "password of a line break", file: principal("{username: a, password-file: $BREAK, roles: {main: editor}}"), want: []string{"expected 1 to 1024 bytes"}},
		{name: "too many principals", file: principal(strings.Repeat(user+"\n    - ", 100) + user), want: []string{"auth.principals: expected at most 100 with that of the environment, got 101"}},
		{name: "username of the environment", file: principal(user), environ: []string{"SIDEGATE_BOOTSTRAP_ADMIN_USERNAME=ada", "SIDEGATE_BOOTSTRAP_ADMIN_PASSWORD=secret"},
			want: []string{`auth.principals[0].username: "ada" stands in SIDEGATE_BOOTSTRAP_ADMIN_USERNAME already`}, lacks: "secret"},
	} {
		t.Run(tc.name, func(t *testing.T) { refused(t, files, tc) })
	}
}

func TestBootstrapRefusals(t *testing.T) {
	const username, password = "SIDEGATE_BOOTSTRAP_ADMIN_USERNAME=", "SIDEGATE_BOOTSTRAP_ADMIN_PASSWORD="
	files := someFiles(t)
	reachable := []string{"--admin-addr=:8980", "--admin-tls-cert=$PEM", "--admin-tls-key=$PEM"}
	for _, tc := range []refusal{
		{name: "no password", environ: []string{username + "a"}, want: []string{"SIDEGATE_BOOTSTRAP_ADMIN_USERNAME: set without SIDEGATE_BOOTSTRAP_ADMIN_PASSWORD"}},
		{name: "no username", environ: []string{password + "hunter22"}, want: []string{"SIDEGATE_BOOTSTRAP_ADMIN_PASSWORD: set without"}, lacks: "hunter22"},
		{name: "empty username", environ: []string{username, password + "hunter22"}, want: []string{"1 to 255 characters, got 0"}, lacks: "hunter22"},
		{name: "empty password", environ: []string{username + "a", password}, want: []string{"expected a password of 1 to 1024 bytes, got 0"}},
		{name: "long password", environ: []string{username + "a", password + strings.Repeat("p", 1025)}, want: []string{"got 1025"}, lacks: "ppp"},
		{name: "colon", environ: []string{username + "a:b", password + "hunter22"}, want: []string{"without any of :"}, lacks: "hunter22"},
		{name: "short and reachable", args: reachable, environ: []string{username + "a", password + "hunter2"}, want: []string{"the password has 7 bytes; expected 8 or more"}, lacks: "hunter2"},
	} {
		t.Run(tc.name, func(t *testing.T) { refused(t, files, tc) })
	}
	for _, tc := range []struct {
		args     []string
		password string
	}{{nil, "p"}, {nil, strings.Repeat("p", 1024)}, {reachable, "hunter22"}} {
		args := []string{"--data=d"}
		for _, arg := range tc.args {
			args = append(args, files.Replace(arg))
		}
		if _, err := load(t, args, []string{username + "a", password + tc.password}); err != nil {
			t.Errorf("%d bytes: %v", len(tc.password), err)
		}
	}
}
