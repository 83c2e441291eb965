package server_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
)

// operation is a method of a path of the OpenAPI document.
type operation struct {
	method, path, rpc string
	body              string
}

var pathVariable = regexp.MustCompile(`\{(\w+)\}`)

// operations are all that the server says it has. Those that need no credentials say
// so themselves, by an empty security.
func (m *matrix) operations(t *testing.T) (guarded, open []operation) {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string              `json:"operationId"`
			Body        *json.RawMessage    `json:"requestBody"`
			Security    *[]map[string][]any `json:"security"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(m.must(t, http.MethodGet, "/openapi.json", ""), &document); err != nil {
		t.Fatal(err)
	}
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		for method, op := range document.Paths[path] {
			o := operation{method: strings.ToUpper(method), rpc: "/clientpolicy.v1." + strings.Replace(op.OperationID, "_", "/", 1)}
			o.path = pathVariable.ReplaceAllStringFunc(path, func(v string) string {
				return map[string]string{"{realm}": asked, "{revision}": "1"}[v] + map[bool]string{true: "x"}[v != "{realm}" && v != "{revision}"]
			})
			if op.Body != nil {
				o.body = "{}"
			}
			if o.rpc == clientpolicyv1.RealmService_CreateRealm_FullMethodName {
				o.path, o.body = o.path+"?validateOnly=true", `{"name":"`+asked+`"}`
			}
			if op.Security != nil && len(*op.Security) == 0 {
				open = append(open, o)
				continue
			}
			guarded = append(guarded, o)
		}
	}
	return guarded, open
}

// answered is what a call came to.
type answered struct {
	status int
	reason string
}

func (o operation) call(t *testing.T, client *http.Client, base string, w way, change func(http.Header)) answered {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel() // ends streams
	var body io.Reader = http.NoBody
	if o.body != "" {
		body = strings.NewReader(o.body)
	}
	r, err := http.NewRequestWithContext(ctx, o.method, base+o.path, body)
	if err != nil {
		t.Fatal(err)
	}
	if o.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, value := range w.authorization() {
		r.Header.Add("Authorization", value)
	}
	if change != nil {
		change(r.Header)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(o.method, o.path, w.kind, w.name, err)
	}
	defer func() { _ = resp.Body.Close() }()
	var problem struct {
		Reason string `json:"reason"`
	}
	if resp.Header.Get("Content-Type") == "application/problem+json" {
		if err := json.NewDecoder(resp.Body).Decode(&problem); err != nil {
			t.Fatal(err)
		}
	}
	if resp.StatusCode == http.StatusUnauthorized && resp.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("%s %s: 401 without a challenge", o.method, o.path)
	}
	return answered{resp.StatusCode, problem.Reason}
}

// rules is the table of who may call what.
func rules(t *testing.T) map[string]auth.Rule {
	t.Helper()
	table := map[string]auth.Rule{}
	for _, r := range auth.Rules() {
		table[r.Method] = r
	}
	return table
}

// allows reports whether a role in a realm is enough.
func allows(r auth.Rule, role auth.Role, realm string) bool {
	return role >= r.Role && (r.Where == auth.InAnyRealm || realm == asked || realm == auth.AllRealms)
}

// Every route × every way to come without credentials, and every kind of principal
// with every role in the realm, in another one and in all.
func TestEveryRoute(t *testing.T) {
	m := newMatrix(t)
	table := rules(t)
	guarded, open := m.operations(t)
	reached := map[string]bool{}
	clients := map[*tls.Certificate]*http.Client{}
	for i, o := range guarded {
		rule, listed := table[o.rpc]
		if !listed {
			t.Errorf("%s %s calls %s, which is not in the table", o.method, o.path, o.rpc)
			continue
		}
		reached[o.rpc] = true
		for j, w := range m.strangers {
			client := m.client(t, fmt.Sprintf("127.1.%d.%d", i, j+1), w.cert)
			if got := o.call(t, client, m.base, w, nil); got != (answered{http.StatusUnauthorized, "UNAUTHENTICATED"}) {
				t.Errorf("%s %s with %s: %v", o.method, o.path, w.kind, got)
			}
			client.CloseIdleConnections()
		}
		for _, k := range m.known {
			if clients[k.cert] == nil {
				clients[k.cert] = m.client(t, "127.0.0.1", k.cert)
			}
			got := o.call(t, clients[k.cert], m.base, k.way, nil)
			switch denied := (answered{http.StatusForbidden, "PERMISSION_DENIED"}); {
			case allows(rule, k.role, k.realm) == (got == denied), got.status == http.StatusUnauthorized, got.status == http.StatusTooManyRequests:
				t.Errorf("%s %s as %s %s: %v", o.method, o.path, k.kind, k.name, got)
			}
		}
	}
	for method, rule := range table {
		if rule.Where != auth.Nowhere && !reached[method] {
			t.Errorf("%s has no route", method)
		}
	}
	// What says that it is open lets nobody change anything: only logins are.
	for _, o := range open {
		if !strings.HasPrefix(o.path, "/realms/") {
			t.Errorf("%s %s is open", o.method, o.path)
		}
	}
}

// Every RPC of the administration listener, called by gRPC, as TestEveryRoute does.
func TestEveryRPCOfTheServer(t *testing.T) {
	m := newMatrix(t)
	table := rules(t)
	plain := m.conn(t, nil)
	conns := map[*tls.Certificate]*grpc.ClientConn{nil: plain}
	for i, r := range everyRPC(t) {
		rule, listed := table[r.name]
		if !listed {
			t.Errorf("%s is not in the table", r.name)
			continue
		}
		for j, w := range m.strangers {
			conn := m.connFrom(t, fmt.Sprintf("127.2.%d.%d", i, j+1), w.cert)
			if code, reason := r.call(t, conn, w, nil); code != codes.Unauthenticated || reason != "UNAUTHENTICATED" {
				t.Errorf("%s with %s: %v %s", r.name, w.kind, code, reason)
			}
			_ = conn.Close()
		}
		for _, k := range m.known {
			if conns[k.cert] == nil {
				conns[k.cert] = m.conn(t, k.cert)
			}
			code, reason := r.call(t, conns[k.cert], k.way, nil)
			denied := code == codes.PermissionDenied && reason == "PERMISSION_DENIED"
			if allows(rule, k.role, k.realm) == denied || code == codes.Unauthenticated || reason == "TOO_MANY_ATTEMPTS" {
				t.Errorf("%s as %s %s: %v %s", r.name, k.kind, k.name, code, reason)
			}
		}
	}
}

// What the gateway alone may say of its peer is not believed of anybody else: neither
// of a header nor of the metadata of a gRPC call.
func TestNobodyElseSpeaksForAPeer(t *testing.T) {
	m := newMatrix(t)
	var admin *tls.Certificate
	for _, k := range m.known {
		if k.kind == "certificate" && k.name == "admin-all" {
			admin = k.cert
		}
	}
	der := string(admin.Certificate[0])
	o := operation{method: http.MethodGet, path: "/v1/server"}
	for _, prefix := range []string{"", "Grpc-Metadata-"} {
		forge := func(h http.Header) {
			h.Set(prefix+"X-Sidegate-Peer-Certificate-Bin", der64(der))
			h.Set(prefix+"X-Sidegate-Peer-From", "192.0.2.1:1")
		}
		if got := o.call(t, m.http, m.base, way{}, forge); got.status != http.StatusUnauthorized {
			t.Errorf("%sX-Sidegate-Peer-Certificate-Bin: %v", prefix, got)
		}
	}
	if got := o.call(t, m.client(t, "127.0.0.1", admin), m.base, way{}, nil); got.status != http.StatusOK {
		t.Errorf("the certificate itself: %v", got)
	}
	md := metadata.Pairs("x-sidegate-peer-certificate-bin", der, "x-sidegate-peer-from", "192.0.2.1:1")
	for _, r := range everyRPC(t) {
		if code, _ := r.call(t, m.conn(t, nil), way{}, md); code != codes.Unauthenticated {
			t.Errorf("%s: %v", r.name, code)
		}
	}
}

// Too many wrong tokens from one address: 429 with the time to wait. A right one
// still gets in from there, and others do elsewhere.
func TestTooManyWrongTokens(t *testing.T) {
	m := newMatrix(t)
	o := operation{method: http.MethodGet, path: "/v1/server"}
	client := m.client(t, "127.3.0.1", nil)
	wrong := way{token: "sgt_" + strings.Repeat("A", 43)}
	var got answered
	for range auth.TokenPace.Free + 2 {
		got = o.call(t, client, m.base, wrong, nil)
	}
	if got != (answered{http.StatusTooManyRequests, "TOO_MANY_ATTEMPTS"}) {
		t.Error(got)
	}
	if got := o.call(t, client, m.base, m.bootstrap, nil); got.status != http.StatusOK {
		t.Error("a right token is refused:", got)
	}
	if got := o.call(t, m.client(t, "127.3.0.2", nil), m.base, wrong, nil); got.status != http.StatusUnauthorized {
		t.Error("another address is slowed:", got)
	}
}

func der64(der string) string {
	block := pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: []byte(der)})
	lines := strings.Split(strings.TrimSpace(string(block)), "\n")
	return strings.Join(lines[1:len(lines)-1], "")
}

// remote is an RPC of the contract.
type remote struct {
	name          string
	input, output protoreflect.MessageType
	streams       bool
}

func everyRPC(t *testing.T) (list []remote) {
	t.Helper()
	find := func(d protoreflect.MessageDescriptor) protoreflect.MessageType {
		m, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	protoregistry.GlobalFiles.RangeFilesByPackage("clientpolicy.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				d := s.Methods().Get(j)
				list = append(list, remote{fmt.Sprintf("/%s/%s", s.FullName(), d.Name()), find(d.Input()), find(d.Output()), d.IsStreamingServer()})
			}
		}
		return true
	})
	if len(list) < 40 {
		t.Fatalf("only %d RPCs found", len(list))
	}
	return list
}

// request is one about the realm that is asked about.
func (r remote) request() proto.Message {
	m := r.input.New()
	if create, ok := m.Interface().(*clientpolicyv1.CreateRealmRequest); ok {
		create.Document, create.ValidateOnly = &clientpolicyv1.Realm{Name: asked}, true
	} else if f := r.input.Descriptor().Fields().ByName("realm"); f != nil {
		m.Set(f, protoreflect.ValueOfString(asked))
	}
	// Whoever is let through to a stream learns that nothing can be followed by this.
	if f := r.input.Descriptor().Fields().ByName("filter"); f != nil && r.streams {
		m.Set(f, protoreflect.ValueOfString("!"))
	}
	return m.Interface()
}

// call makes a call and returns what it came to.
func (r remote) call(t *testing.T, conn *grpc.ClientConn, w way, md metadata.MD) (codes.Code, string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, value := range w.authorization() {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", value)
	}
	for key, values := range md {
		for _, value := range values {
			ctx = metadata.AppendToOutgoingContext(ctx, key, value)
		}
	}
	err := r.invoke(ctx, conn)
	s := status.Convert(err)
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return s.Code(), info.GetReason()
		}
	}
	return s.Code(), ""
}

func (r remote) invoke(ctx context.Context, conn *grpc.ClientConn) error {
	if !r.streams {
		return conn.Invoke(ctx, r.name, r.request(), r.output.New().Interface())
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, r.name)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(r.request()); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return stream.RecvMsg(r.output.New().Interface())
}

// Under `decision-auth: mtls` a certificate with the role evaluator asks for
// decisions, and nothing else does: no token, no plain socket.
func TestDecisionsByCertificate(t *testing.T) {
	m := newMatrix(t, "--decision-addr=127.0.0.1:0", "--decision-auth=mtls")
	decide := remoteOf(t, clientpolicyv1.PolicyDecisionService_Evaluate_FullMethodName)
	over := func(cert *tls.Certificate) *grpc.ClientConn {
		return dial(t, m.Decision.String(), grpc.WithTransportCredentials(credentials.NewTLS(m.tls(cert))))
	}
	for _, k := range m.known {
		if k.kind != "certificate" {
			continue
		}
		want := codes.NotFound // there is no such realm
		if k.realm == "b" {
			want = codes.PermissionDenied
		}
		if code, reason := decide.call(t, over(k.cert), k.way, nil); code != want {
			t.Errorf("as %s: %v %s", k.name, code, reason)
		}
		if code, _ := decide.call(t, over(k.cert), way{token: m.token}, nil); code != codes.Unauthenticated {
			t.Errorf("as %s with a token: %v", k.name, code)
		}
	}
	for _, w := range m.strangers {
		code, _ := decide.call(t, over(w.cert), w, nil)
		// Without a certificate there is no connection at all.
		if want := map[bool]codes.Code{true: codes.Unavailable, false: codes.Unauthenticated}[w.cert == nil]; code != want {
			t.Errorf("%s: %v, want %v", w.kind, code, want)
		}
	}
	socket := dial(t, "unix:"+m.Socket)
	for _, w := range []way{{}, m.bootstrap} {
		if code, _ := decide.call(t, socket, w, nil); code != codes.Unauthenticated {
			t.Errorf("on the socket: %v", code)
		}
	}
}

// On the socket, whose user is not on the list is cut off.
func TestUsersOfTheSocket(t *testing.T) {
	decide := remoteOf(t, clientpolicyv1.PolicyDecisionService_Evaluate_FullMethodName)
	for uid, want := range map[int]codes.Code{os.Geteuid(): codes.NotFound, os.Geteuid() + 1: codes.Unavailable} {
		i := start(t, configure(t, t.TempDir(), fmt.Sprintf("--socket-uids=%d", uid)), zap.NewNop())
		if code, reason := decide.call(t, dial(t, "unix:"+i.Socket), way{}, nil); code != want {
			t.Errorf("where %d may connect: %v %s, want %v", uid, code, reason, want)
		}
	}
}

func remoteOf(t *testing.T, name string) remote {
	t.Helper()
	for _, r := range everyRPC(t) {
		if r.name == name {
			return r
		}
	}
	t.Fatal(name)
	return remote{}
}
