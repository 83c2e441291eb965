package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/gateway"
)

const (
	decisionBytes = 1 << 20
	documentBytes = 16 << 20
)

// call is what the service got.
type call struct {
	rpc string
	md  metadata.MD
	req proto.Message
}

// fake is a gRPC server that notes every call and answers by hand.
type fake struct {
	mu    sync.Mutex
	calls []call
	// answer, if set, answers instead of the echo.
	answer func(ctx context.Context, c call) (proto.Message, error)
	// stream, if set, answers streams instead of a header and nothing else.
	stream func(c call, s grpc.ServerStream) error
}

func (f *fake) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	c := call{rpc: strings.ReplaceAll(info.FullMethod[1:], "/", "."), md: md, req: req.(proto.Message)}
	f.mu.Lock()
	f.calls = append(f.calls, c)
	answer := f.answer
	f.mu.Unlock()
	if answer != nil {
		return answer(ctx, c)
	}
	return echo(c)
}

func (f *fake) interceptStream(_ any, s grpc.ServerStream, info *grpc.StreamServerInfo, _ grpc.StreamHandler) error {
	md, _ := metadata.FromIncomingContext(s.Context())
	c := call{rpc: strings.ReplaceAll(info.FullMethod[1:], "/", "."), md: md}
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(c.rpc))
	if err != nil {
		return err
	}
	in, err := protoregistry.GlobalTypes.FindMessageByName(d.(protoreflect.MethodDescriptor).Input().FullName())
	if err != nil {
		return err
	}
	c.req = in.New().Interface()
	if err := s.RecvMsg(c.req); err != nil {
		return err
	}
	f.mu.Lock()
	f.calls = append(f.calls, c)
	stream := f.stream
	f.mu.Unlock()
	if stream != nil {
		return stream(c, s)
	}
	return s.SendHeader(nil)
}

// echo answers with the document of the request, or an empty one.
func echo(c call) (proto.Message, error) {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(c.rpc))
	if err != nil {
		return nil, err
	}
	t, err := protoregistry.GlobalTypes.FindMessageByName(d.(protoreflect.MethodDescriptor).Output().FullName())
	if err != nil {
		return nil, err
	}
	m := t.New()
	if out := m.Descriptor().Fields().ByName("document"); out != nil {
		m.Set(out, m.NewField(out))
		if in := c.req.ProtoReflect().Descriptor().Fields().ByName("document"); in != nil {
			m.Set(out, c.req.ProtoReflect().Get(in))
		}
	}
	return m.Interface(), nil
}

func (f *fake) streams(stream func(call, grpc.ServerStream) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stream = stream
}

// only returns the one call that came, and forgets it.
func (f *fake) only(t *testing.T) call {
	t.Helper()
	calls := f.all()
	if len(calls) != 1 {
		t.Fatalf("got %d calls, want one", len(calls))
	}
	return calls[0]
}

func (f *fake) all() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func (f *fake) answers(answer func(context.Context, call) (proto.Message, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func options() gateway.Options {
	return gateway.Options{Limits: &pb.Limits{DecisionMessageBytes: decisionBytes, DocumentBytes: documentBytes, Depth: 64}}
}

// connect starts the fake and returns a connection to it.
func connect(t *testing.T, o ...grpc.ServerOption) (*fake, *grpc.ClientConn) {
	t.Helper()
	f := &fake{}
	s := grpc.NewServer(append([]grpc.ServerOption{grpc.UnaryInterceptor(f.intercept), grpc.StreamInterceptor(f.interceptStream), grpc.MaxRecvMsgSize(256 << 20)}, o...)...)
	pb.RegisterPolicyDecisionServiceServer(s, pb.UnimplementedPolicyDecisionServiceServer{})
	pb.RegisterRealmServiceServer(s, pb.UnimplementedRealmServiceServer{})
	pb.RegisterPolicyAdminServiceServer(s, pb.UnimplementedPolicyAdminServiceServer{})
	pb.RegisterRevisionServiceServer(s, pb.UnimplementedRevisionServiceServer{})
	pb.RegisterCatalogueServiceServer(s, pb.UnimplementedCatalogueServiceServer{})
	pb.RegisterDecisionLogServiceServer(s, pb.UnimplementedDecisionLogServiceServer{})
	pb.RegisterAuditLogServiceServer(s, pb.UnimplementedAuditLogServiceServer{})
	pb.RegisterServerServiceServer(s, pb.UnimplementedServerServiceServer{})
	l := bufconn.Listen(1 << 20)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	conn, err := grpc.NewClient("passthrough:///bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return f, conn
}

// rest is the REST surface over HTTP.
type rest struct {
	url    string
	client *http.Client
}

func serve(t *testing.T, o gateway.Options, so ...grpc.ServerOption) (*fake, rest) {
	t.Helper()
	f, conn := connect(t, so...)
	h, err := gateway.New(conn, o)
	if err != nil {
		t.Fatal(err)
	}
	return f, listen(t, h)
}

func listen(t *testing.T, h http.Handler) rest {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return rest{url: s.URL, client: s.Client()}
}

// listen2 is listen with HTTP/2.
func listen2(t *testing.T, h http.Handler) rest {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return rest{url: s.URL, client: s.Client()}
}

// answer is an HTTP answer with its body read.
type answer struct {
	status int
	header http.Header
	body   string
}

// do asks; headers are pairs. A body without a Content-Type gets JSON's.
func (r rest) do(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	return r.stream(t, method, path, bodyReader(body), headers...)
}

func bodyReader(body string) io.Reader {
	if body == "" {
		return nil
	}
	return strings.NewReader(body)
}

func (r rest) stream(t *testing.T, method, path string, body io.Reader, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(got)}
}

// problem is the body of an error.
type problem struct {
	Type, Title, Detail, Reason string
	Status, Line, Column        int
	Violations                  []violation
}

type violation struct {
	Field, Description string
	Line, Column       int
}

// refused checks that an answer is a problem with this status.
func refused(t *testing.T, a answer, status int) problem {
	t.Helper()
	var p problem
	if a.status != status || a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("got %d %s, want problem %d: %s", a.status, a.header.Get("Content-Type"), status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != status || p.Title == "" || p.Type == "" {
		t.Errorf("incomplete problem: %s", a.body)
	}
	return p
}

func accepted(t *testing.T, a answer) {
	t.Helper()
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %s, want an answer: %s", a.status, a.header.Get("Content-Type"), a.body)
	}
}
