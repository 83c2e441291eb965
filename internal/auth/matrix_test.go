package auth_test

import (
	"context"
	"crypto/x509/pkix"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/auth/login"
)

// rpc is one method of the contract.
type rpc struct {
	name   string
	input  protoreflect.MessageType
	output protoreflect.MessageType
}

// allRPCs are those of every service of the package, by its descriptors.
func allRPCs(t *testing.T) []rpc {
	t.Helper()
	var list []rpc
	protoregistry.GlobalFiles.RangeFilesByPackage("clientpolicy.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				m := s.Methods().Get(j)
				list = append(list, rpc{fmt.Sprintf("/%s/%s", s.FullName(), m.Name()), message(t, m.Input()), message(t, m.Output())})
			}
		}
		return true
	})
	if len(list) < 40 {
		t.Fatalf("only %d methods found", len(list))
	}
	return list
}

func message(t *testing.T, d protoreflect.MessageDescriptor) protoreflect.MessageType {
	t.Helper()
	m, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// least is the role that a method needs, told by its name and not by the table.
func (r rpc) least() auth.Role {
	method := r.name[strings.LastIndex(r.name, "/")+1:]
	switch {
	case strings.Contains(method, "Evaluate"):
		return auth.Evaluator
	case strings.Contains(r.name, ".AuditLogService/"), strings.HasPrefix(method, "Erase"):
		return auth.Admin
	case reading.MatchString(method):
		return auth.Viewer
	case strings.Contains(r.name, ".RealmService/"):
		return auth.Admin
	}
	return auth.Editor
}

// reading tells methods that change nothing.
var reading = regexp.MustCompile("^(Get|List|Watch|Diff|Follow|Export|Replay)")

// request is one about a realm.
func (r rpc) request(realm string) proto.Message {
	m := r.input.New()
	if create, ok := m.Interface().(*pb.CreateRealmRequest); ok {
		create.Document = &pb.Realm{Name: realm}
	} else if f := r.input.Descriptor().Fields().ByName("realm"); f != nil {
		m.Set(f, protoreflect.ValueOfString(realm))
	}
	return m.Interface()
}

// global tells a method that is about no realm.
func (r rpc) global() bool {
	return strings.HasSuffix(r.name, "/ListRealms") || strings.HasSuffix(r.name, "/GetServer") ||
		strings.Contains(r.name, ".CatalogueService/") || strings.Contains(r.name, ".AuditLogService/")
}

var roles = []auth.Role{auth.Evaluator, auth.Viewer, auth.Editor, auth.Admin}

// realms are the one that is asked about, another one, and all.
var realms = []string{"a", "b", auth.AllRealms}

// means is a way to show who calls.
type means struct {
	name   string
	conn   *grpc.ClientConn
	tokens []string // values of authorization
}

// table is a guarded server with principals of every kind, role and realm.
type table struct {
	*guarded
	// by is the way of a principal of a kind, by "role@realm".
	by map[string]map[string]means
	// strangers are the ways by which nobody is recognised.
	strangers []means
	secrets   []string
}

// loggedIn are the principals that have a password: hashing one takes its time.
var loggedIn = map[string]bool{"evaluator@*": true, "viewer@a": true, "editor@a": true, "admin@b": true}

func newTable(t *testing.T) *table {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	clock := time.Now()
	now := func() time.Time { return clock }
	tokens, err := auth.OpenTokens(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	ca := newAuthority(t)
	tb := &table{by: map[string]map[string]means{"token": {}, "oidc": {}, "certificate": {}, "user": {}}}
	var rules []auth.CertificateRule
	var users []login.User
	each(func(name string, role auth.Role, realm string) {
		rules = append(rules, auth.CertificateRule{Subject: "CN=" + name, Name: name, Roles: map[string]auth.Role{realm: role}})
		if loggedIn[name] {
			users = append(users, login.User{Name: name, Password: []byte("pw " + name), Roles: map[string]auth.Role{realm: role}})
		}
	})
	certificates, err := auth.NewCertificates(rules, nil)
	if err != nil {
		t.Fatal(err)
	}
	reporter := auth.NewReporter(zap.New(core), nil)
	t.Cleanup(reporter.Close)
	idp, issuer := newIDP(t, reporter, realms...)
	users = append(users, login.User{Name: "short", Password: []byte("pw short"), Roles: map[string]auth.Role{auth.AllRealms: auth.Admin}})
	logins, err := login.New(login.Options{Users: users, Reporter: reporter, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	bearers, err := auth.NewBearers(tokens, issuer, logins)
	if err != nil {
		t.Fatal(err)
	}
	// Each wrong token comes a minute after the one before: none is too many.
	minute := time.Now()
	patient := func() time.Time { minute = minute.Add(time.Minute); return minute }
	g := auth.NewGuard(bearers, zap.New(core), auth.WithCertificates(certificates), auth.WithReporter(reporter), auth.WithClock(patient))
	tb.guarded = serve(t, ca, g, logs)

	expired := newToken(t, tokens, auth.Token{Name: "short", Role: auth.Admin, Realms: []string{auth.AllRealms}, Expires: now().Add(time.Minute)})
	ended := password(t, logins, "short", "pw short")
	clock = clock.Add(10 * time.Minute)
	plain := tb.dial(t, nil)
	each(func(name string, role auth.Role, realm string) {
		secret := newToken(t, tokens, auth.Token{Name: name, Role: role, Realms: []string{realm}})
		jwt := idp.token(t, name, time.Now().Add(time.Hour))
		cert := ca.issue(t, pkix.Name{CommonName: name}, nil)
		tb.by["token"][name] = means{name, plain, []string{"bearer " + secret}}
		tb.by["oidc"][name] = means{name, plain, []string{"Bearer " + jwt}}
		if loggedIn[name] {
			access := password(t, logins, name, "pw "+name)
			tb.by["user"][name] = means{name, plain, []string{"Bearer " + access}}
			tb.secrets = append(tb.secrets, access)
		}
		tb.by["certificate"][name] = means{name, tb.dial(t, &cert), nil}
		tb.secrets = append(tb.secrets, secret, jwt)
	})
	admin := tb.by["token"]["admin@*"].tokens[0]
	secret := strings.TrimPrefix(admin, "bearer ")
	known := tb.by["certificate"]["admin@*"].conn
	unknown := ca.issue(t, pkix.Name{CommonName: "somebody"}, nil)
	tb.strangers = []means{
		{"none", plain, nil}, {"empty", plain, []string{""}}, {"no scheme", plain, []string{secret}},
		{"another scheme", plain, []string{"Basic " + secret}}, {"no token", plain, []string{"Bearer "}},
		{"two", plain, []string{admin, admin}}, {"cut", plain, []string{admin[:len(admin)-1]}},
		{"garbage", plain, []string{"Bearer x.y.z"}}, {"unknown token", plain, []string{"Bearer sgt_" + strings.Repeat("A", 43)}},
		{"expired token", plain, []string{"Bearer " + expired}}, {"expired login", plain, []string{"Bearer " + ended}},
		{"expired JWT", plain, []string{"Bearer " + idp.token(t, "admin@*", time.Now().Add(-time.Hour))}},
		{"JWT of another key", plain, []string{"Bearer " + idp.signed(t, newKey(t), map[string]any{
			"iss": idp.url, "aud": audience, "sub": "x", "groups": "admin@*", "exp": time.Now().Add(time.Hour).Unix(),
		})}},
		{"JWT of another issuer", plain, []string{"Bearer " + idp.signed(t, idp.key, map[string]any{
			"iss": "https://other.example", "aud": audience, "sub": "x", "groups": "admin@*", "exp": time.Now().Add(time.Hour).Unix(),
		})}},
		{"unknown certificate", tb.dial(t, &unknown), nil},
		// A token that is sent must be good, whatever certificate comes with it.
		{"known certificate, bad token", known, []string{"Bearer sgt_" + strings.Repeat("A", 43)}},
		{"known certificate, no token", known, []string{"Bearer "}},
		{"known certificate, expired token", known, []string{"Bearer " + expired}},
	}
	tb.secrets = append(tb.secrets, expired, ended)
	return tb
}

func each(do func(name string, role auth.Role, realm string)) {
	for _, role := range roles {
		for _, realm := range realms {
			do(role.String()+"@"+realm, role, realm)
		}
	}
}

func newToken(t *testing.T, tokens *auth.Tokens, spec auth.Token) string {
	t.Helper()
	secret, _, err := tokens.Create(spec)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// password logs in and returns the access token.
func password(t *testing.T, server http.Handler, name, secret string) string {
	t.Helper()
	body := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {name}, "password": {secret}}.Encode()
	r := httptest.NewRequest(http.MethodPost, "/realms/master/protocol/openid-connect/token", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	_, rest, _ := strings.Cut(w.Body.String(), `"access_token":"`)
	token, _, found := strings.Cut(rest, `"`)
	if w.Code != http.StatusOK || !found {
		t.Fatal(w.Code, w.Body)
	}
	return token
}

// call makes a call about realm a.
func (m means) call(ctx context.Context, r rpc) error {
	return m.conn.Invoke(withAuthorization(ctx, m.tokens...), r.name, r.request("a"), r.output.New().Interface())
}

// Every RPC × every way to come without credentials, and every kind of principal
// with every role in the realm, in another one and in all.
func TestEveryRPC(t *testing.T) {
	tb := newTable(t)
	for _, r := range allRPCs(t) {
		for _, m := range tb.strangers {
			check(t, r.name+" "+m.name, m.call(t.Context(), r), codes.Unauthenticated, "UNAUTHENTICATED")
		}
		for kind, ways := range tb.by {
			each(func(name string, role auth.Role, realm string) {
				way, ok := ways[name]
				if !ok {
					return
				}
				code, reason := codes.PermissionDenied, "PERMISSION_DENIED"
				if role >= r.least() && (realm != "b" || r.global()) {
					code, reason = codes.Unimplemented, ""
				}
				check(t, fmt.Sprintf("%s as %s %s", r.name, kind, name), way.call(t.Context(), r), code, reason)
			})
		}
	}
	for _, entry := range tb.logs.All() {
		for _, secret := range tb.secrets {
			if strings.Contains(fmt.Sprint(entry.Message, entry.ContextMap()), secret[4:]) {
				t.Fatal("a token is in the log")
			}
		}
	}
	if tb.logs.FilterMessage("call without valid credentials").Len() == 0 || tb.logs.FilterMessage("call refused for lack of the role").Len() == 0 {
		t.Error("refused calls are not logged")
	}
}
