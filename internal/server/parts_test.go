package server_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/config"
	"github.com/sidegate/sidegate/internal/server"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"
)

func TestPanicsAreAnsweredAndLoggedWithoutTheirValue(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	log := zap.New(core)
	secret := "facts of a request"
	unary := func(p func()) error {
		_, err := server.Unary(log)(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: "/s/m"}, func(context.Context, any) (any, error) { p(); return nil, nil })
		return err
	}
	stream := func(p func()) error {
		return server.Stream(log)(nil, nil, &grpc.StreamServerInfo{FullMethod: "/s/m"}, func(any, grpc.ServerStream) error { p(); return nil })
	}
	for name, call := range map[string]func(func()) error{"unary": unary, "stream": stream} {
		for what, p := range map[string]func(){
			"string": func() { panic(secret) },
			"error":  func() { panic(status.Error(codes.OK, secret)) },
			"index":  func() { _ = []int{}[len(secret)] },
		} {
			err := call(p)
			if status.Code(err) != codes.Internal || strings.Contains(err.Error(), secret) {
				t.Errorf("%s, %s: got %v", name, what, err)
			}
		}
	}
	panics := logs.FilterMessage("panic in a call").All()
	if len(panics) != 6 {
		t.Fatalf("got %d log lines", len(panics))
	}
	for _, entry := range panics {
		fields := entry.ContextMap()
		if strings.Contains(fields["panic"].(string), secret) || !strings.Contains(fields["stack"].(string), "parts_test.go") {
			t.Errorf("got %v", fields)
		}
	}
}

func TestPanicsInFrontOfTheServicesAreLoggedWithoutTheirValue(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	for _, value := range []any{"facts of a request", http.ErrAbortHandler} {
		h := server.Admin(zap.New(core), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(value) }))
		front := httptest.NewServer(h)
		resp, err := front.Client().Get(front.URL)
		if aborted := value == any(http.ErrAbortHandler); aborted != (err != nil) {
			t.Errorf("%v: error %v", value, err)
		}
		if err == nil {
			if resp.StatusCode != http.StatusInternalServerError {
				t.Errorf("got %d", resp.StatusCode)
			}
			_ = resp.Body.Close()
		}
		front.Close()
	}
	if logs.Len() != 1 || strings.Contains(fmt.Sprint(logs.All()[0].ContextMap()), "facts of") {
		t.Errorf("got %v", logs.All())
	}
}

func TestAccessLogIsForDebuggingAlone(t *testing.T) {
	for level, want := range map[string]int{"debug": 1, "info": 0} {
		var out bytes.Buffer
		log, err := server.NewLogger(config.Config{LogLevel: level, LogFormat: config.FormatJSON}, &out)
		if err != nil {
			t.Fatal(err)
		}
		_, err = server.Unary(log)(t.Context(), "what was asked", &grpc.UnaryServerInfo{FullMethod: "/s/m"},
			func(context.Context, any) (any, error) {
				return "what was answered", status.Error(codes.NotFound, "why not")
			})
		if status.Code(err) != codes.NotFound {
			t.Error(err)
		}
		line := out.String()
		if strings.Count(line, "\n") != want || strings.Contains(line, "what was") || strings.Contains(line, "why not") {
			t.Errorf("%s: got %q", level, line)
		}
		if want == 1 && (!strings.Contains(line, "/s/m") || !strings.Contains(line, "NotFound")) {
			t.Errorf("%s: got %q", level, line)
		}
	}
}

func TestLoggerRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, c := range []config.Config{{LogLevel: "loud", LogFormat: "json"}, {LogLevel: "info", LogFormat: "xml"}, {}} {
		if _, err := server.NewLogger(c, &bytes.Buffer{}); err == nil {
			t.Errorf("%+v accepted", c)
		}
	}
}

func TestCodecAgreesWithProtobuf(t *testing.T) {
	claims, err := structpb.NewStruct(map[string]any{"a": []any{1.0, "x", nil, map[string]any{"b": true}}})
	if err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("x", 8<<10)
	for name, m := range map[string]proto.Message{
		"empty":     &clientpolicyv1.EvaluateRequest{},
		"request":   &clientpolicyv1.EvaluateRequest{Realm: "r", Client: &clientpolicyv1.Client{ClientId: proto.String("")}, ExternalFacts: claims},
		"pooled":    &clientpolicyv1.EvaluateRequest{Realm: large},
		"generated": &clientpolicyv1.EvaluateResponse{AppliedPolicies: []string{"p"}},
		"other":     &grpc_health_v1.HealthCheckRequest{Service: "s"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, pair := range [][2]encoding.CodecV2{
				{server.NewCodec(), encoding.GetCodecV2("proto")}, {encoding.GetCodecV2("proto"), server.NewCodec()},
			} {
				data, err := pair[0].Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				got := m.ProtoReflect().New().Interface()
				if err := pair[1].Unmarshal(data, got); err != nil {
					t.Fatal(err)
				}
				data.Free()
				if diff := cmp.Diff(m, got, protocmp.Transform()); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
		})
	}
	if server.NewCodec().Name() != "proto" {
		t.Error("wrong name")
	}
}

func TestListenersStayOnLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0"} {
		l, err := server.ListenTCP(t.Context(), addr, false)
		if err == nil {
			_ = l.Close()
			t.Errorf("%s accepted", addr)
			continue
		}
		if !strings.Contains(err.Error(), "some-addr: "+addr+" is reachable from other machines") {
			t.Errorf("got %v", err)
		}
	}
	l, err := server.ListenTCP(t.Context(), "0.0.0.0:0", true)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}

func TestProbes(t *testing.T) {
	h, set := server.Probes(zap.NewNop())
	ask := func(method, path, accept string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for _, tc := range []struct {
		state string
		code  int
	}{{"starting", 503}, {"ready", 200}, {"stopping", 503}} {
		set(tc.state)
		if w := ask("GET", "/readyz", ""); w.Code != tc.code || w.Body.String() != tc.state+"\n" {
			t.Errorf("%s: got %d %q", tc.state, w.Code, w.Body)
		}
		if w := ask("GET", "/readyz", "application/json"); w.Code != tc.code || w.Body.String() != `{"status":"`+tc.state+"\"}\n" {
			t.Errorf("%s: got %d %q", tc.state, w.Code, w.Body)
		}
		if w := ask("GET", "/livez", ""); w.Code != http.StatusOK {
			t.Errorf("%s: live: got %d", tc.state, w.Code)
		}
	}
	if w := ask("GET", "/metrics", ""); w.Code != http.StatusNotFound {
		t.Errorf("got %d", w.Code)
	}
	if w := ask("POST", "/readyz", ""); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("got %d", w.Code)
	}
}
