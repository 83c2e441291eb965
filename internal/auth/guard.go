package auth

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Guard lets those calls through whose principal may make them, and puts the
// principal into their context.
type Guard struct {
	tokens       Authenticator
	certificates *Certificates
	log          *zap.Logger
	reporter     *Reporter
	wrong        *Throttle
	// inside believes what the gateway of this process says of its peer.
	inside bool
	// certificatesOnly takes no tokens.
	certificatesOnly bool
}

// Option is something that a guard can do besides judging tokens.
type Option func(*Guard)

// WithCertificates lets callers in by their client certificate.
func WithCertificates(c *Certificates) Option { return func(g *Guard) { g.certificates = c } }

// WithReporter tells of refusals by a reporter that others share; whoever made it
// closes it. Without one, each refusal is logged and nothing is audited.
func WithReporter(r *Reporter) Option { return func(g *Guard) { g.reporter = r } }

// WithClock replaces the clock by which wrong tokens are counted.
func WithClock(now func() time.Time) Option {
	return func(g *Guard) { g.wrong = NewThrottle(TokenPace, now) }
}

// NewGuard makes a guard.
func NewGuard(tokens Authenticator, log *zap.Logger, options ...Option) *Guard {
	g := &Guard{tokens: tokens, log: log, wrong: NewThrottle(TokenPace, nil)}
	for _, o := range options {
		o(g)
	}
	return g
}

// Inside returns the same guard for the connection by which the REST gateway of
// this process calls: it believes what [Guard.Annotate] says of the gateway's
// peer. It must stand before that connection alone.
func (g *Guard) Inside() *Guard {
	inside := *g
	inside.inside = true
	return &inside
}

// CertificatesOnly returns the same guard for a listener whose callers are known
// by their client certificates alone (`decision-auth: mtls`). A token that is sent
// there is refused, whatever it is: nobody should believe that it counted.
func (g *Guard) CertificatesOnly() *Guard {
	only := *g
	only.certificatesOnly = true
	return &only
}

// Unary is a grpc.UnaryServerInterceptor.
func (g *Guard) Unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if open[info.FullMethod] {
		return handler(ctx, request)
	}
	p, err := g.authenticate(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	if err := g.authorize(ctx, info.FullMethod, p, request); err != nil {
		return nil, err
	}
	return handler(NewContext(ctx, p), request)
}

// Stream is a grpc.StreamServerInterceptor: the first message says what the
// stream is about, and nothing is sent before it has been judged. Who loses the
// credentials or the role while it goes on gets nothing more within seconds.
func (g *Guard) Stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if open[info.FullMethod] {
		return handler(server, stream)
	}
	p, err := g.authenticate(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	return handler(server, &guardedStream{
		ServerStream: stream, ctx: NewContext(stream.Context(), p),
		now: g.wrong.now,
		judge: func(request any) error {
			p, err := g.authenticate(stream.Context(), info.FullMethod)
			if err != nil {
				return err
			}
			return g.authorize(stream.Context(), info.FullMethod, p, request)
		},
	})
}

// trusted is how long a stream goes on without being judged again.
const trusted = 5 * time.Second

type guardedStream struct {
	grpc.ServerStream
	ctx   context.Context
	now   func() time.Time
	judge func(request any) error
	// request was judged at that time, and may be answered; nil when none may.
	request any
	judged  time.Time
}

// Context knows the principal.
func (s *guardedStream) Context() context.Context { return s.ctx }

// RecvMsg judges every message.
func (s *guardedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return s.allow(m)
}

func (s *guardedStream) allow(request any) error {
	s.request, s.judged = nil, s.now()
	if err := s.judge(request); err != nil {
		return err
	}
	s.request = request
	return nil
}

// SendMsg refuses to answer what has not been judged, or not for a while.
func (s *guardedStream) SendMsg(m any) error {
	if s.request == nil {
		return refusal(codes.PermissionDenied, "PERMISSION_DENIED", "the request has not been read")
	}
	if s.now().Sub(s.judged) > trusted {
		if err := s.allow(s.request); err != nil {
			return err
		}
	}
	return s.ServerStream.SendMsg(m)
}

// credentials are what a call carries to show who makes it.
type credentials struct {
	// authorization are the values of the header, as sent.
	authorization []string
	// leaf is the verified certificate of the peer, if any.
	leaf *x509.Certificate
	// from is the address of the peer.
	from string
	// method is the full name of the RPC, as far as it is known.
	method, trace string
}

func (g *Guard) authenticate(ctx context.Context, method string) (*Principal, error) {
	return g.recognise(ctx, g.credentials(ctx, method))
}

// Admit judges the credentials of an HTTP request, before its body is read. What
// the principal may do is judged behind the gateway. Its error is a gRPC status.
func (g *Guard) Admit(r *http.Request) error {
	_, err := g.recognise(r.Context(), &credentials{
		authorization: r.Header.Values("Authorization"), leaf: verifiedLeaf(r.TLS),
		from: r.RemoteAddr, trace: TraceID(r.Header.Values("traceparent")),
	})
	return err
}

// recognise returns who calls, or the status to answer with.
func (g *Guard) recognise(ctx context.Context, c *credentials) (*Principal, error) {
	p, err := g.principal(ctx, c)
	switch {
	case err == nil:
		return p, nil
	case errors.Is(err, errNoCredentials), errors.Is(err, ErrTokenExpired):
		return nil, g.stranger(c, err)
	case errors.Is(err, ErrUnknownToken), errors.Is(err, ErrUnknownCertificate):
		if wait := g.wrong.Fail(Source(c.from)); wait > 0 {
			g.refused(c, codes.ResourceExhausted, err)
			return nil, TooMany(wait)
		}
		return nil, g.stranger(c, err)
	case errors.Is(err, ErrUnavailable):
		g.refused(c, codes.Unavailable, err)
		return nil, refusal(codes.Unavailable, "ISSUER_UNAVAILABLE", err.Error()+"; try again, or use an API token")
	default:
		g.refused(c, codes.Unavailable, err)
		return nil, refusal(codes.Unavailable, "STORAGE", "credentials cannot be checked now; the server's log says why")
	}
}

func (g *Guard) stranger(c *credentials, err error) error {
	g.refused(c, codes.Unauthenticated, err)
	advice := "send the header `authorization: Bearer TOKEN` with a token made by `sidegate token create`"
	if g.certificatesOnly {
		advice = "connect with a client certificate that the configuration names, and send no token"
	}
	return refusal(codes.Unauthenticated, "UNAUTHENTICATED", err.Error()+"; "+advice)
}

func (g *Guard) refused(c *credentials, code codes.Code, err error) {
	g.report(Event{
		Kind: pb.AuditRecord_KIND_AUTHENTICATION_FAILED, From: c.from, Method: c.method, Code: code, Detail: err.Error(), TraceID: c.trace,
	})
}

func (g *Guard) report(e Event) {
	if g.reporter != nil {
		g.reporter.Refused(e)
		return
	}
	NewReporter(g.log, nil).tell(e)
}

// principal returns who calls. A token that is sent must be good, whatever
// certificate comes with it: who sends one means to be its holder.
func (g *Guard) principal(ctx context.Context, c *credentials) (*Principal, error) {
	switch {
	case g.certificatesOnly && len(c.authorization) > 0:
		return nil, fmt.Errorf("%w: a token is sent where certificates alone are taken", errNoCredentials)
	case len(c.authorization) > 0:
		token, err := bearer(c.authorization)
		if err != nil {
			return nil, err
		}
		if c.leaf != nil {
			ctx = WithCertificate(ctx, c.leaf)
		}
		return g.tokens.Authenticate(ctx, token)
	case c.leaf != nil:
		return g.certificates.Principal(c.leaf)
	}
	return nil, errNoCredentials
}

// errNoCredentials means that the call carries no credentials, or unclear ones.
var errNoCredentials = errors.New("no credentials")

// bearer returns the token of a call (RFC 6750 section 2.1).
func bearer(values []string) (string, error) {
	if len(values) != 1 {
		return "", fmt.Errorf("%w that are clear: authorization is sent %d times", errNoCredentials, len(values))
	}
	// RFC 9110 section 11.1: the scheme is case-insensitive.
	scheme, token, _ := strings.Cut(values[0], " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", fmt.Errorf("%w of the bearer scheme", errNoCredentials)
	}
	return token, nil
}

func (g *Guard) authorize(ctx context.Context, method string, p *Principal, request any) error {
	need, realm, ok := permits(method, p, request)
	if ok {
		return nil
	}
	realm = shorten(realm)
	where := "in any realm"
	if realm != "" {
		where = fmt.Sprintf("in realm %q", realm)
	}
	text := fmt.Sprintf("%s needs the role %s %s, which %s lacks", method, need, where, p.Author())
	if need == NoRole {
		text = "nobody may call " + method
	}
	c := g.credentials(ctx, method)
	g.report(Event{
		Kind: pb.AuditRecord_KIND_PERMISSION_DENIED, Caller: p.Author(), From: c.from, Realm: realm, Method: method,
		Code: codes.PermissionDenied, Detail: text, TraceID: c.trace,
	})
	if need != NoRole {
		text += "; ask an administrator for it"
	}
	return refusal(codes.PermissionDenied, "PERMISSION_DENIED", text)
}

// credentials reads what a gRPC call carries.
func (g *Guard) credentials(ctx context.Context, method string) *credentials {
	c := &credentials{
		authorization: metadata.ValueFromIncomingContext(ctx, "authorization"), method: method, from: from(ctx),
		leaf: peerLeaf(ctx), trace: TraceID(metadata.ValueFromIncomingContext(ctx, "traceparent")),
	}
	if g.inside {
		c.from, c.leaf = g.annotated(ctx)
	}
	return c
}
