package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// DefaultTimeout is how long a decision may take, its retry included.
const DefaultTimeout = 200 * time.Millisecond

// ErrClosed is returned when a closed client is waited for.
var ErrClosed = errors.New("client is closed")

// Client asks one decision point. It is safe for concurrent use.
type Client struct {
	conn      *grpc.ClientConn
	decisions clientpolicyv1.PolicyDecisionServiceClient
	target    string
	timeout   time.Duration
}

// Dial prepares a client of the decision point at target, which is
// `unix:///path/to/socket` or `host:port`. It does not connect; the first
// question does, or [Client.WaitReady].
func Dial(target string, opts ...Option) (*Client, error) {
	s := settings{timeout: DefaultTimeout}
	for _, o := range opts {
		o(&s)
	}
	if err := s.check(target); err != nil {
		return nil, fmt.Errorf("dial %q: %w", target, err)
	}
	conn, err := grpc.NewClient(s.resolve(target), s.dialOptions()...)
	if err != nil {
		return nil, fmt.Errorf("dial %q: %w", target, err)
	}
	return &Client{
		conn:      conn,
		decisions: clientpolicyv1.NewPolicyDecisionServiceClient(conn),
		target:    target,
		timeout:   s.timeout,
	}, nil
}

// Close ends the connection. Questions under way fail.
func (c *Client) Close() error {
	if err := c.conn.Close(); err != nil {
		return fmt.Errorf("close connection to %q: %w", c.target, err)
	}
	return nil
}

// WaitReady connects and returns when the connection stands or ctx ends. A
// provider should not report itself ready before.
func (c *Client) WaitReady(ctx context.Context) error {
	c.conn.Connect()
	for state := c.conn.GetState(); state != connectivity.Ready; state = c.conn.GetState() {
		if state == connectivity.Shutdown {
			return fmt.Errorf("wait for %q: %w", c.target, ErrClosed)
		}
		if state == connectivity.Idle {
			c.conn.Connect()
		}
		if !c.conn.WaitForStateChange(ctx, state) {
			return fmt.Errorf("wait for %q: %w", c.target, ctx.Err())
		}
	}
	return nil
}

// Evaluate asks one question. An error is never permission; most callers want
// [Client.Decide], which turns it into a refusal.
func (c *Client) Evaluate(ctx context.Context, req *clientpolicyv1.EvaluateRequest) (*clientpolicyv1.EvaluateResponse, error) {
	return ask(ctx, c, req, c.decisions.Evaluate)
}

// BatchEvaluate asks up to 100 questions against one revision; the answers come
// in the order of the questions, each with a response or an error.
func (c *Client) BatchEvaluate(ctx context.Context, req *clientpolicyv1.BatchEvaluateRequest) (*clientpolicyv1.BatchEvaluateResponse, error) {
	return ask(ctx, c, req, c.decisions.BatchEvaluate)
}

// call is a unary method of the generated client.
type call[Req, Resp any] func(context.Context, Req, ...grpc.CallOption) (Resp, error)

// ask calls within the timeout and retries once, on UNAVAILABLE alone.
// Evaluation has no side effects, so the retry is safe.
func ask[Req, Resp any](ctx context.Context, c *Client, req Req, do call[Req, Resp]) (Resp, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	resp, err := do(ctx, req)
	if status.Code(err) == codes.Unavailable {
		resp, err = retry(ctx, c, req, do, err)
	}
	if err != nil {
		var none Resp
		return none, fmt.Errorf("ask %q: %w", c.target, err)
	}
	return resp, nil
}

// retry waits for the connection, and reports the first error when the wait
// itself runs out of time: that one says what is wrong.
func retry[Req, Resp any](ctx context.Context, c *Client, req Req, do call[Req, Resp], first error) (Resp, error) {
	c.conn.ResetConnectBackoff()
	resp, err := do(ctx, req, grpc.WaitForReady(true))
	if status.Code(err) == codes.DeadlineExceeded {
		err = first
	}
	return resp, err
}
