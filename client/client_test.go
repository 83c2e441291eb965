package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/sidegate/sidegate/client"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// decider is a decision point that answers by function.
type decider struct {
	clientpolicyv1.UnimplementedPolicyDecisionServiceServer
	calls  atomic.Int32
	answer func(ctx context.Context, call int32) (*clientpolicyv1.EvaluateResponse, error)
}

func (d *decider) Evaluate(ctx context.Context, _ *clientpolicyv1.EvaluateRequest) (*clientpolicyv1.EvaluateResponse, error) {
	return d.answer(ctx, d.calls.Add(1))
}

func (d *decider) BatchEvaluate(ctx context.Context, req *clientpolicyv1.BatchEvaluateRequest) (*clientpolicyv1.BatchEvaluateResponse, error) {
	out := &clientpolicyv1.BatchEvaluateResponse{}
	for range req.GetRequests() {
		r, err := d.answer(ctx, d.calls.Add(1))
		if err != nil {
			return nil, err
		}
		out.Results = append(out.Results, &clientpolicyv1.BatchResult{Result: &clientpolicyv1.BatchResult_Response{Response: r}})
	}
	return out, nil
}

func serve(t *testing.T, d *decider, l net.Listener) {
	t.Helper()
	s := grpc.NewServer()
	clientpolicyv1.RegisterPolicyDecisionServiceServer(s, d)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); <-done })
}

func dialBuf(t *testing.T, d *decider, opts ...client.Option) *client.Client {
	t.Helper()
	l := bufconn.Listen(1 << 16)
	serve(t, d, l)
	opts = append([]client.Option{
		client.WithTimeout(10 * time.Second),
		client.WithDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }),
	}, opts...)
	c, err := client.Dial("bufconn", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

var allow = &clientpolicyv1.EvaluateResponse{
	Decision: clientpolicyv1.EvaluateResponse_DECISION_ALLOW,
	Reason:   clientpolicyv1.EvaluateResponse_REASON_POLICIES_PASSED,
}

func always(r *clientpolicyv1.EvaluateResponse, err error) *decider {
	return &decider{answer: func(context.Context, int32) (*clientpolicyv1.EvaluateResponse, error) { return r, err }}
}

func TestEvaluateOverUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, always(allow, nil), l)
	c, err := client.Dial("unix://"+path, client.WithTimeout(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := c.Evaluate(t.Context(), &clientpolicyv1.EvaluateRequest{Realm: "r"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(allow, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestBatchEvaluate(t *testing.T) {
	c := dialBuf(t, always(allow, nil))
	got, err := c.BatchEvaluate(t.Context(), &clientpolicyv1.BatchEvaluateRequest{Requests: []*clientpolicyv1.EvaluateRequest{{}, {}}})
	if err != nil || len(got.GetResults()) != 2 {
		t.Fatalf("got %v, %v; want two results", got, err)
	}
}

func TestRetries(t *testing.T) {
	for _, tc := range []struct {
		name      string
		errs      []error // of the first calls; then ALLOW
		wantCalls int32
		wantCode  codes.Code
	}{
		{"none needed", nil, 1, codes.OK},
		{"unavailable once", []error{status.Error(codes.Unavailable, "down")}, 2, codes.OK},
		{"unavailable twice", []error{status.Error(codes.Unavailable, "a"), status.Error(codes.Unavailable, "b")}, 2, codes.Unavailable},
		{"exhausted", []error{status.Error(codes.ResourceExhausted, "busy")}, 1, codes.ResourceExhausted},
		{"deadline", []error{status.Error(codes.DeadlineExceeded, "late")}, 1, codes.DeadlineExceeded},
		{"invalid", []error{status.Error(codes.InvalidArgument, "bad")}, 1, codes.InvalidArgument},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := &decider{answer: func(_ context.Context, call int32) (*clientpolicyv1.EvaluateResponse, error) {
				if int(call) <= len(tc.errs) {
					return nil, tc.errs[call-1]
				}
				return allow, nil
			}}
			_, err := dialBuf(t, d).Evaluate(t.Context(), &clientpolicyv1.EvaluateRequest{})
			if got := status.Code(err); got != tc.wantCode {
				t.Errorf("code %v, want %v", got, tc.wantCode)
			}
			if got := d.calls.Load(); got != tc.wantCalls {
				t.Errorf("%d calls, want %d", got, tc.wantCalls)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	d := &decider{answer: func(context.Context, int32) (*clientpolicyv1.EvaluateResponse, error) {
		<-release
		return allow, nil
	}}
	c := dialBuf(t, d, client.WithTimeout(20*time.Millisecond))
	_, err := c.Evaluate(t.Context(), &clientpolicyv1.EvaluateRequest{})
	close(release)
	if got := status.Code(err); got != codes.DeadlineExceeded {
		t.Errorf("code %v, want DeadlineExceeded", got)
	}
}

func TestNobodyListens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.sock")
	c, err := client.Dial("unix://"+path, client.WithTimeout(30*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Evaluate(t.Context(), &clientpolicyv1.EvaluateRequest{})
	if got := status.Code(err); got != codes.Unavailable {
		t.Errorf("code %v, want Unavailable: the wait of the retry must not hide it", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := c.WaitReady(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("WaitReady: %v, want the context's error", err)
	}
}

func TestWaitReadyAfterClose(t *testing.T) {
	c := dialBuf(t, always(allow, nil))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitReady(t.Context()); !errors.Is(err, client.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
}

func TestToken(t *testing.T) {
	var got []string
	d := &decider{answer: func(ctx context.Context, _ int32) (*clientpolicyv1.EvaluateResponse, error) {
		got = metadata.ValueFromIncomingContext(ctx, "authorization")
		return allow, nil
	}}
	c := dialBuf(t, d, client.WithToken("t0ps3cret"))
	if _, err := c.Evaluate(t.Context(), &clientpolicyv1.EvaluateRequest{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Bearer t0ps3cret"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestDialRefuses(t *testing.T) {
	for _, tc := range []struct {
		target string
		opts   []client.Option
		want   error
	}{
		{"unix:///run/sidegate.sock", nil, nil},
		{"localhost:7001", nil, nil},
		{"127.0.0.1:7001", nil, nil},
		{"[::1]:7001", nil, nil},
		{"pdp.example:7001", nil, client.ErrPlainText},
		{"10.0.0.1:7001", nil, client.ErrPlainText},
		{"pdp.example:7001", []client.Option{client.WithTLS(&tls.Config{MinVersion: tls.VersionTLS13})}, nil},
		{"unix:relative.sock", nil, client.ErrTarget},
		{"unix://relative.sock", nil, client.ErrTarget},
		{"localhost", nil, client.ErrTarget},
		{"", nil, client.ErrTarget},
		{":7001", nil, client.ErrTarget},
	} {
		c, err := client.Dial(tc.target, tc.opts...)
		if !errors.Is(err, tc.want) {
			t.Errorf("%q: %v, want %v", tc.target, err, tc.want)
		}
		if c != nil {
			_ = c.Close()
		}
	}
	if _, err := client.Dial("localhost:1", client.WithTimeout(0)); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("timeout 0: %v, want a refusal", err)
	}
}
