package server_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// sized returns a request of exactly that many bytes, no text longer than 60 kB.
func sized(t *testing.T, size int) *clientpolicyv1.EvaluateRequest {
	t.Helper()
	const part = 20 << 10
	facts := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	req := &clientpolicyv1.EvaluateRequest{Realm: "r", Event: event, Client: &clientpolicyv1.Client{}, ExternalFacts: facts}
	for i := 0; proto.Size(req)+3*part < size; i++ {
		facts.Fields[fmt.Sprint(i)] = structpb.NewStringValue(strings.Repeat("x", part))
	}
	rest := size - proto.Size(req)
	for n := rest; n > 0 && proto.Size(req) != size; n-- {
		req.Issuer = strings.Repeat("x", n)
	}
	if proto.Size(req) != size {
		t.Fatalf("no request of %d bytes", size)
	}
	return req
}

func TestDecisionMessageLimit(t *testing.T) {
	const limit = 1 << 20
	i := start(t, configure(t, t.TempDir(), "--decision-addr=127.0.0.1:0"), zap.NewNop())
	i.must(t, http.MethodPost, "/v1/realms", `{"name":"r"}`)
	for name, target := range map[string]string{"socket": "unix:" + i.Socket, "tcp": i.Decision.String(), "admin": i.Admin.String()} {
		decisions := clientpolicyv1.NewPolicyDecisionServiceClient(dial(t, target))
		if _, err := decisions.Evaluate(i.authorized(t.Context()), sized(t, limit)); err != nil {
			t.Errorf("%s: at the limit: %v", name, err)
		}
		if _, err := decisions.Evaluate(i.authorized(t.Context()), sized(t, limit+1)); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("%s: one past the limit: %v", name, err)
		}
	}
}

func TestDecisionLimitOfTheConfigurationHolds(t *testing.T) {
	i := start(t, configure(t, t.TempDir(), "--limits.decision-message-bytes=131072", "--limits.batch-items=2"), zap.NewNop())
	i.must(t, http.MethodPost, "/v1/realms", `{"name":"r"}`)
	decisions := clientpolicyv1.NewPolicyDecisionServiceClient(dial(t, "unix:"+i.Socket))
	if _, err := decisions.Evaluate(t.Context(), sized(t, 131073)); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("message: %v", err)
	}
	batch := &clientpolicyv1.BatchEvaluateRequest{Realm: "r", Requests: make([]*clientpolicyv1.EvaluateRequest, 3)}
	for n := range batch.Requests {
		batch.Requests[n] = &clientpolicyv1.EvaluateRequest{Event: event, Client: &clientpolicyv1.Client{}}
	}
	if _, err := decisions.BatchEvaluate(t.Context(), batch); err == nil {
		t.Error("a batch of three was taken")
	}
}

// wide returns a policy set of about that many bytes.
func wide(size int) []byte {
	description := strings.Repeat("d", 60<<10)
	var b bytes.Buffer
	b.WriteString(`{"profiles":[`)
	for n := 0; b.Len()+len(description)+200 < size; n++ {
		if n > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"name":"p%d","description":%q,"executors":[]}`, n, description)
	}
	b.WriteString(`],"policies":[]}`)
	return append(b.Bytes(), bytes.Repeat([]byte(" "), size-b.Len())...)
}

func TestDocumentLimit(t *testing.T) {
	i := start(t, configure(t, t.TempDir()), zap.NewNop())
	i.must(t, http.MethodPost, "/v1/realms", `{"name":"r"}`)
	put := func(body []byte) error {
		_, err := i.rest(t.Context(), http.MethodPut, "/v1/realms/r/policySet?force=true", body)
		return err
	}
	if err := put(wide(16 << 20)); err != nil {
		t.Errorf("at the limit: %.300v", err)
	}
	if err := put(wide(16<<20 + 1)); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("one past the limit: %.300v", err)
	}
	if set := i.must(t, http.MethodGet, "/v1/realms/r/policySet", ""); len(set) < 15<<20 {
		t.Errorf("got back %d bytes", len(set))
	}
}

// TestDocumentsThatGrowReachTheService sends JSON whose message is five times as large.
func TestDocumentsThatGrowReachTheService(t *testing.T) {
	const limit = 256 << 10
	i := start(t, configure(t, t.TempDir(), fmt.Sprintf("--limits.document-bytes=%d", limit)), zap.NewNop())
	i.must(t, http.MethodPost, "/v1/realms", `{"name":"r"}`)
	list := strings.Repeat("1,", limit/2-200) + "1"
	body := `{"profiles":[{"name":"p","executors":[{"executor":"reject-request","configuration":{"k":[` + list + `]}}]}],"policies":[]}`
	if len(body) > limit {
		t.Fatalf("body of %d bytes", len(body))
	}
	_, err := i.rest(t.Context(), http.MethodPut, "/v1/realms/r/policySet?force=true", []byte(body))
	if err == nil || !strings.Contains(err.Error(), "the policy set has") {
		t.Errorf("want the service to say what is too large, got %.300v", err)
	}
}

func TestDocumentLimitOverGRPC(t *testing.T) {
	i := start(t, configure(t, t.TempDir(), "--limits.document-bytes=262144"), zap.NewNop())
	profiles := clientpolicyv1.NewPolicyAdminServiceClient(dial(t, i.Admin.String(), grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(1<<20))))
	_, err := profiles.CreateProfile(i.authorized(t.Context()), &clientpolicyv1.CreateProfileRequest{
		Realm: "r", Document: &clientpolicyv1.Profile{Name: "p", Description: proto.String(strings.Repeat("d", 300<<10))},
	})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("got %v", err)
	}
}

// TestNothingOfARequestIsLogged decides and writes at level debug.
func TestNothingOfARequestIsLogged(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	i := start(t, configure(t, t.TempDir()), zap.New(core))
	const marker = "only-in-the-request"
	i.must(t, http.MethodPost, "/v1/realms", `{"name":"r"}`)
	i.must(t, http.MethodPost, "/v1/realms/r/profiles", `{"name":"p","description":"`+marker+`"}`)
	decisions := clientpolicyv1.NewPolicyDecisionServiceClient(dial(t, "unix:"+i.Socket))
	for _, ctx := range []context.Context{t.Context(), i.authorized(t.Context())} {
		_, _ = decisions.Evaluate(ctx, &clientpolicyv1.EvaluateRequest{Realm: "r", Event: event, Client: &clientpolicyv1.Client{ClientId: proto.String(marker)}})
	}
	_, _ = decisions.Evaluate(t.Context(), &clientpolicyv1.EvaluateRequest{Realm: "r", Client: &clientpolicyv1.Client{Secret: proto.String(marker)}})
	i.stop(t)
	if len(logs.FilterMessage("call").All()) == 0 {
		t.Error("no access log: the test sees nothing")
	}
	for _, entry := range logs.All() {
		if text := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(text, marker) || strings.Contains(text, i.token) {
			t.Errorf("logged: %s", text)
		}
	}
}
