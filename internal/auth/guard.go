package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.uber.org/zap"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// Authenticator recognises principals by a bearer token.
type Authenticator interface {
	// Authenticate returns who holds the token. It answers ErrUnknownToken or
	// ErrTokenExpired when nobody does; any other error means that it could not
	// find out. No error may hold the token. It must be safe for concurrent use.
	Authenticate(ctx context.Context, token string) (*Principal, error)
}

// errNoCredentials means that the call carries no token, or not exactly one.
var errNoCredentials = errors.New("no credentials")

// Guard lets those calls through whose principal may make them, and puts the
// principal into their context.
type Guard struct {
	tokens Authenticator
	log    *zap.Logger
}

// NewGuard makes a guard.
func NewGuard(tokens Authenticator, log *zap.Logger) *Guard {
	return &Guard{tokens: tokens, log: log}
}

// Unary is a grpc.UnaryServerInterceptor.
func (g *Guard) Unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
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
// stream is about, and nothing is sent before it has been judged.
func (g *Guard) Stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	p, err := g.authenticate(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	return handler(server, &guardedStream{
		ServerStream: stream, ctx: NewContext(stream.Context(), p),
		authorize: func(request any) error { return g.authorize(stream.Context(), info.FullMethod, p, request) },
	})
}

type guardedStream struct {
	grpc.ServerStream
	ctx       context.Context
	authorize func(request any) error
	allowed   bool
}

// Context knows the principal.
func (s *guardedStream) Context() context.Context { return s.ctx }

// RecvMsg judges every message.
func (s *guardedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	if err := s.authorize(m); err != nil {
		s.allowed = false
		return err
	}
	s.allowed = true
	return nil
}

// SendMsg refuses to answer what has not been judged.
func (s *guardedStream) SendMsg(m any) error {
	if !s.allowed {
		return refusal(codes.PermissionDenied, "PERMISSION_DENIED", "the request has not been read")
	}
	return s.ServerStream.SendMsg(m)
}

func (g *Guard) authenticate(ctx context.Context, method string) (*Principal, error) {
	p, err := g.principal(ctx)
	switch {
	case err == nil:
		return p, nil
	case errors.Is(err, errNoCredentials), errors.Is(err, ErrUnknownToken), errors.Is(err, ErrTokenExpired):
		g.log.Warn("call without valid credentials", zap.String("method", method), zap.String("from", from(ctx)), zap.Error(err))
		return nil, refusal(codes.Unauthenticated, "UNAUTHENTICATED",
			err.Error()+"; send the header `authorization: Bearer TOKEN` with a token made by `sidegate token create`")
	default:
		g.log.Error("credentials could not be checked", zap.String("method", method), zap.String("from", from(ctx)), zap.Error(err))
		return nil, refusal(codes.Unavailable, "STORAGE", "credentials cannot be checked now; the server's log says why")
	}
}

func (g *Guard) principal(ctx context.Context) (*Principal, error) {
	token, err := bearer(ctx)
	if err != nil {
		return nil, err
	}
	return g.tokens.Authenticate(ctx, token)
}

// bearer returns the token of a call (RFC 6750 section 2.1).
func bearer(ctx context.Context) (string, error) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) != 1 {
		if len(values) > 1 {
			return "", fmt.Errorf("%w that are clear: authorization is sent %d times", errNoCredentials, len(values))
		}
		return "", errNoCredentials
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
	g.log.Warn("call refused for lack of the role", zap.String("method", method), zap.String("from", from(ctx)),
		zap.String("principal", p.Author()), zap.String("realm", realm), zap.Stringer("needs", need))
	if need == NoRole {
		return refusal(codes.PermissionDenied, "PERMISSION_DENIED", "nobody may call "+method)
	}
	where := "in any realm"
	if realm != "" {
		where = fmt.Sprintf("in realm %q", realm)
	}
	return refusal(codes.PermissionDenied, "PERMISSION_DENIED",
		fmt.Sprintf("%s needs the role %s %s, which %s lacks; ask an administrator for a token with it", method, need, where, p.Author()))
}

// maxShown is the greatest number of bytes of a realm's name, as sent, in a log
// or an error.
const maxShown = 255

func shorten(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > maxShown {
		return strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return s
}

// from tells where a call came from: the peer, or, for a call that the REST
// gateway passes on in this process, the peer of the gateway.
func from(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil {
		return "unknown"
	}
	forwarded := metadata.ValueFromIncomingContext(ctx, "x-forwarded-for")
	if p.Addr.Network() != "bufconn" || len(forwarded) == 0 {
		return p.Addr.String()
	}
	// The gateway appends the address of its own peer.
	hops := strings.Split(forwarded[len(forwarded)-1], ",")
	return shorten(strings.TrimSpace(hops[len(hops)-1]))
}

// errorDomain is the domain of ErrorInfo.
const errorDomain = "sidegate.dev"

// refusal is a status with its reason.
func refusal(code codes.Code, reason, message string) error {
	s, err := status.New(code, message).WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: errorDomain})
	if err != nil {
		return status.Error(code, message)
	}
	return s.Err()
}
