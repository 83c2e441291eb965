package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// ErrPlainText is returned when a target beyond loopback is dialled without
// TLS: whoever sits between could turn a REJECT into an ALLOW.
var ErrPlainText = errors.New("target is neither a Unix socket nor loopback: pass WithTLS")

// ErrTarget is returned when a target is not of a known form.
var ErrTarget = errors.New("expected unix:///absolute/path or host:port")

// maxAnswer bounds an answer; traces make it larger than a question.
const maxAnswer = 4 << 20

// Option changes how a [Client] is made.
type Option func(*settings)

type settings struct {
	timeout time.Duration
	token   string
	tls     *tls.Config
	dial    func(context.Context, string) (net.Conn, error)
}

// WithTimeout sets how long a decision may take, its retry included, in place
// of [DefaultTimeout].
func WithTimeout(d time.Duration) Option {
	return func(s *settings) { s.timeout = d }
}

// WithToken sends a Sidegate API token or an access token as bearer token with
// every question.
func WithToken(token string) Option {
	return func(s *settings) { s.token = token }
}

// WithTLS speaks TLS with this configuration; one with a client certificate
// authenticates by it.
func WithTLS(config *tls.Config) Option {
	return func(s *settings) { s.tls = config.Clone() }
}

// WithDialer opens connections by the caller's own function, which is handed
// the target as given; its form is then not checked.
func WithDialer(dial func(context.Context, string) (net.Conn, error)) Option {
	return func(s *settings) { s.dial = dial }
}

func (s *settings) check(target string) error {
	if s.timeout <= 0 {
		return fmt.Errorf("timeout %v: expected more than zero", s.timeout)
	}
	if s.dial != nil {
		return nil
	}
	if path, ok := strings.CutPrefix(target, "unix:"); ok {
		if !strings.HasPrefix(path, "///") {
			return ErrTarget
		}
		return nil
	}
	host, port, err := net.SplitHostPort(target)
	if err != nil || host == "" || port == "" {
		return ErrTarget
	}
	if s.tls == nil && !isLoopback(host) {
		return ErrPlainText
	}
	return nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func (s *settings) resolve(target string) string {
	switch {
	case s.dial != nil:
		return "passthrough:///" + target
	case strings.HasPrefix(target, "unix://"):
		return target
	default:
		return "dns:///" + target
	}
}

func (s *settings) dialOptions() []grpc.DialOption {
	secure := insecure.NewCredentials()
	if s.tls != nil {
		secure = credentials.NewTLS(s.tls)
	}
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(secure),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: time.Second,
		}),
	}
	if s.token != "" {
		opts = append(opts, grpc.WithPerRPCCredentials(bearer{token: s.token, secure: s.tls != nil}))
	}
	if s.dial != nil {
		opts = append(opts, grpc.WithContextDialer(s.dial))
	}
	return opts
}

// bearer sends the token of RFC 6750 section 2.1 with every call.
type bearer struct {
	token  string
	secure bool
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.token}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials. Without
// TLS the target is local, which Dial has checked.
func (b bearer) RequireTransportSecurity() bool { return b.secure }

// String keeps the token out of printed values.
func (b bearer) String() string { return "bearer token" }

// GoString keeps the token out of printed values.
func (b bearer) GoString() string { return b.String() }
