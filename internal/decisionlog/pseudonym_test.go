package decisionlog_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

// personal is a decision with a client and a user in every place that names them.
func personal(t *testing.T, n int, client, user string) *decisionlog.Entry {
	t.Helper()
	e := rejected("master", n)
	e.Request = &pb.EvaluateRequest{
		Realm: "master", Event: pb.Event_EVENT_TOKEN_EXCHANGE_REQUEST, Issuer: "https://idp.example/realms/master",
		Client: &pb.Client{
			Id: proto.String("uuid-of-" + client), ClientId: &client, RedirectUris: []string{"https://" + client + ".example/cb", "https://host.example/" + client},
			Attributes: map[string]string{"logoUri": "https://host.example/" + client + ".png"},
		},
		ProposedClient: &pb.Client{ClientId: &client},
		Request: &pb.OAuthRequest{
			Parameters:       map[string]string{"client_id": client, "username": user, "audience": client, "scope": "read:" + client},
			PushedParameters: map[string]string{"client_id": client},
			RequestObject:    &pb.RequestObject{Claims: object(t, "iss", client, "client_id", client, "aud", "https://idp.example/realms/master")},
		},
		ClientAuthentication: &pb.ClientAuthentication{Assertion: &pb.JwtFacts{Claims: object(t, "iss", client, "sub", client)}},
		Token:                &pb.TokenFacts{Claims: object(t, "sub", user, "azp", client, "aud", []any{client, "account"}, "preferred_username", user+"-name")},
		SubjectToken:         &pb.TokenFacts{Claims: object(t, "sub", user)},
		Actor:                &pb.Actor{Username: user, ClientRoles: map[string]*pb.RoleList{client: {Roles: []string{"manage-" + client}}}},
	}
	e.Response.Findings[0].Actual = "client " + client + ", user '" + user + "'"
	e.Response.Error.Description = client
	e.Response.Mutations = []*pb.Mutation{{Op: pb.Mutation_OP_SET, Path: "/redirectUris"}}
	return e
}

// pseudonymous are options with pseudonyms.
func pseudonymous(t *testing.T) decisionlog.Options {
	t.Helper()
	o := options(t)
	o.PseudonymKeyFile = filepath.Join(t.TempDir(), "keys", "pseudonyms.key")
	o.Random = bytes.NewReader(bytes.Repeat([]byte{7}, 32))
	return o
}

// TestPseudonyms finds the plain ids nowhere in the file, nor in the lines of JSON,
// and the decisions by the plain ids.
func TestPseudonyms(t *testing.T) {
	const client, user = "planted-client", "planted-user"
	o := pseudonymous(t)
	var lines bytes.Buffer
	o.NDJSON.Writer = &lines
	l := open(t, o)
	record(t, l, personal(t, 1, client, user), personal(t, 2, "other-client", "other-user"))
	d := get(t, l, "master", decisionID(1))
	alias := l.Pseudonym(false, "master", client)
	if d.GetClientId() != alias || d.GetUser() != l.Pseudonym(true, "master", user) || len(alias) != 33 || alias[0] != '~' {
		t.Errorf("client %q, user %q", d.GetClientId(), d.GetUser())
	}
	if got := d.GetRequest().GetRequest().GetRequestObject().GetClaims().GetFields()["aud"].GetStringValue(); got != "https://idp.example/realms/master" {
		t.Errorf("the issuer became %q", got)
	}
	if got := d.GetAppliedPolicies(); !slices.Equal(got, []string{"fapi"}) {
		t.Errorf("policies became %v", got)
	}
	for _, filter := range []string{"clientId=" + client, "clientId=" + alias, "user=" + user, "user=" + d.GetUser()} {
		if got := ids(t, l, "master", filter); !slices.Equal(got, []string{"000001"}) {
			t.Errorf("%s finds %v", filter, got)
		}
	}
	if l.Pseudonym(false, "master", client) == l.Pseudonym(true, "master", client) || l.Pseudonym(false, "other", client) == alias {
		t.Error("pseudonyms are the same for other kinds or realms")
	}
	closeLog(t, l)
	file, err := os.ReadFile(o.File)
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range []string{client, user, "other-client", "other-user"} {
		if bytes.Contains(file, []byte(plain)) || bytes.Contains(lines.Bytes(), []byte(plain)) {
			t.Errorf("%q is in the file or in the lines", plain)
		}
	}
	if !bytes.Contains(file, []byte(alias)) {
		t.Error("the pseudonym is not in the file: the test shows nothing")
	}
}

// TestPseudonymImpostor gives an id that looks like a pseudonym one of its own.
func TestPseudonymImpostor(t *testing.T) {
	l := open(t, pseudonymous(t))
	alias := l.Pseudonym(false, "master", "victim")
	if got := l.Pseudonym(false, "master", alias); got == alias {
		t.Errorf("a client called %q passes for another", alias)
	}
}

// TestPseudonymKey makes the key, keeps it, and refuses another one.
func TestPseudonymKey(t *testing.T) {
	o := pseudonymous(t)
	l := open(t, o)
	alias := l.Pseudonym(false, "master", "app")
	closeLog(t, l)
	info, err := os.Stat(o.PseudonymKeyFile)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 32 {
		t.Errorf("key file: %v, %v", info, err)
	}
	l = open(t, o)
	if got := l.Pseudonym(false, "master", "app"); got != alias {
		t.Errorf("opened again, the pseudonym is %q, was %q", got, alias)
	}
	closeLog(t, l)

	refused := func(want string) {
		t.Helper()
		l, err := decisionlog.Open(o)
		if err == nil {
			closeLog(t, l)
			t.Errorf("opened, want an error with %q", want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("open = %v, want %q", err, want)
		}
	}
	if err := os.Remove(o.PseudonymKeyFile); err != nil {
		t.Fatal(err)
	}
	refused("no such file")
	write := func(size int, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(o.PseudonymKeyFile, bytes.Repeat([]byte{9}, size), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(o.PseudonymKeyFile, mode); err != nil {
			t.Fatal(err)
		}
	}
	write(32, 0o600)
	refused("is not the one that the pseudonyms in the file were made with")
	write(31, 0o600)
	refused("has 31 bytes, expected 32 to 4096")
	write(4097, 0o600)
	refused("has 4097 bytes")
	write(32, 0o640)
	refused("set mode 0600")
	if err := os.Remove(o.PseudonymKeyFile); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(o.PseudonymKeyFile, 0o700); err != nil {
		t.Fatal(err)
	}
	refused("is no file")
}
