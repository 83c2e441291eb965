package gateway_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/gateway"
)

func TestHeadersIn(t *testing.T) {
	o := options()
	o.Annotate = func(r *http.Request) metadata.MD {
		return metadata.Pairs("x-sidegate-peer", r.Header.Get("X-Forwarded-For")+"peer")
	}
	f, r := serve(t, o)
	accepted(t, r.do(t, "GET", "/v1/server", "",
		"If-Match", `"a", W/"b"`, "X-Sidegate-Revision", "7", "Authorization", "Bearer x", "X-Change-Comment", "grün 日本",
		"X-Sidegate-Surface", "keycloak", "Grpc-Metadata-X-Sidegate-Surface", "keycloak", "Grpc-Metadata-If-Match", "*", "Grpc-Metadata-Authorization", "Bearer y",
		"X-Change-Comment-Bin", "eA==", "Grpc-Metadata-X-Change-Comment-Bin", "eA==", "Grpc-Metadata-X-Sidegate-Peer", "y", "X-Sidegate-Peer", "y",
		"Cookie", "a=b", "X-Forwarded-For", "10.0.0.1", "X-Forwarded-Host", "evil", "X-Other", "z", "Te", "trailers", "Origin", "https://evil"))
	md := f.only(t).md
	for key, want := range map[string][]string{
		"if-match": {`"a", W/"b"`}, "x-sidegate-revision": {"7"}, "authorization": {"Bearer x"}, "x-change-comment-bin": {"grün 日本"},
		"x-sidegate-surface": {"rest"}, "x-sidegate-peer": {"peer"}, "x-forwarded-for": {"127.0.0.1"},
		"x-other": nil, "cookie": nil, "grpcgateway-cookie": nil, "grpcgateway-authorization": nil, "grpcgateway-origin": nil, "x-change-comment": nil,
	} {
		if got := md.Get(key); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
	if host := md.Get("x-forwarded-host"); len(host) != 1 || host[0] == "evil" {
		t.Errorf("x-forwarded-host: got %q", host)
	}
	accepted(t, r.do(t, "GET", "/v1/server", ""))
	if md := f.only(t).md; md.Get("x-change-comment-bin") != nil || md.Get("if-match") != nil || md.Get("authorization") != nil {
		t.Errorf("got metadata that nobody sent: %v", md)
	}
}

// A trace is passed on to calls and streams; one that is not well-formed is none.
func TestTrace(t *testing.T) {
	o := options()
	var admitted string
	o.Admit = func(r *http.Request) error {
		admitted = r.Header.Get("Traceparent")
		return nil
	}
	f, r := serve(t, o)
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, tc := range []struct{ sent, want string }{{trace, trace}, {"", ""}, {"\xff", ""}} {
		for _, path := range []string{"/v1/server", "/v1/realms/r/decisions:follow"} {
			if a := r.do(t, "GET", path, "", "Traceparent", tc.sent, "Grpc-Metadata-Traceparent", "other"); a.status != 200 {
				t.Fatalf("%s: got %d %s", path, a.status, a.body)
			}
			if got := f.only(t).md.Get("traceparent"); strings.Join(got, " ") != tc.want || admitted != tc.want {
				t.Errorf("%s: %q: got %q, admitted %q", path, tc.sent, got, admitted)
			}
		}
	}
}

func TestHeadersRefused(t *testing.T) {
	f, conn := connect(t)
	h, err := gateway.New(conn, options())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		values []string
		want   int
	}{
		{"If-Match", []string{"\"ü\""}, 400},
		{"If-Match", []string{`"a"`, `"b"`}, 200},
		{"If-Match", []string{"\"a\tb\""}, 400},
		{"X-Sidegate-Revision", []string{"1", "2"}, 400},
		{"X-Sidegate-Revision", []string{"ü"}, 400},
		{"Authorization", []string{"Bearer a", "Bearer b"}, 400},
		{"Authorization", []string{"Bearer ü"}, 400},
		{"X-Change-Comment", []string{"gr\xfcn"}, 400},
		{"X-Change-Comment", []string{"a", "b"}, 400},
		{"Grpc-Timeout", []string{"nonsense"}, 200},
		{"Grpc-Timeout", []string{"1n"}, 200},
		{"Grpc-Metadata-X-Bin", []string{"%%%"}, 200},
	} {
		req := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/server", nil)
		req.Header[tc.name] = tc.values
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != tc.want {
			t.Errorf("%s %q: got %d %s, want %d", tc.name, tc.values, w.Code, w.Body, tc.want)
		}
		calls := f.all()
		if len(calls) != map[int]int{200: 1, 400: 0}[tc.want] {
			t.Errorf("%s %q: %d calls", tc.name, tc.values, len(calls))
		}
		if tc.name == "If-Match" && tc.want == 200 && !slices.Equal(calls[0].md.Get("if-match"), []string{`"a", "b"`}) {
			t.Errorf("got %q", calls[0].md.Get("if-match"))
		}
		if strings.Contains(w.Body.String(), "Bearer") {
			t.Errorf("credentials in the answer: %s", w.Body)
		}
	}
}

func TestNoDeadlineFromOutside(t *testing.T) {
	f, r := serve(t, options())
	f.answers(func(ctx context.Context, _ call) (proto.Message, error) {
		if _, ok := ctx.Deadline(); ok {
			t.Error("the caller set a deadline")
		}
		return &pb.GetServerResponse{}, nil
	})
	accepted(t, r.do(t, "GET", "/v1/server", "", "Grpc-Timeout", "10S"))
}

func TestCallerGone(t *testing.T) {
	f, r := serve(t, options())
	began, ended := make(chan struct{}), make(chan struct{})
	f.answers(func(ctx context.Context, _ call) (proto.Message, error) {
		close(began)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		req, _ := http.NewRequestWithContext(ctx, "GET", r.url+"/v1/server", nil)
		if res, err := r.client.Do(req); err == nil {
			_ = res.Body.Close()
		}
	}()
	<-began
	cancel()
	<-ended
}

func TestHeadersOut(t *testing.T) {
	f, r := serve(t, options())
	f.answers(func(ctx context.Context, _ call) (proto.Message, error) {
		_ = grpc.SetHeader(ctx, metadata.Pairs("etag", `"7"`, "x-internal", "secret", "set-cookie", "a=b"))
		_ = grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "secret"))
		return &pb.GetRealmResponse{Document: &pb.Realm{Name: "r"}}, nil
	})
	for _, method := range []string{"GET", "HEAD"} {
		a := r.do(t, method, "/v1/realms/r", "", "Te", "trailers")
		if a.header.Get("Etag") != `"7"` {
			t.Errorf("%s: got ETag %q", method, a.header.Get("Etag"))
		}
		for name := range a.header {
			if !slices.Contains([]string{"Etag", "Content-Type", "Content-Length", "Date", "Cache-Control", "X-Content-Type-Options"}, name) {
				t.Errorf("%s: header %s came out", method, name)
			}
		}
	}
}
