package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/config"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
)

const (
	// maxStreams bounds the calls under way on one connection.
	maxStreams = 1000
	// maxHeader bounds the metadata of a call, in bytes; a comment of 4,096
	// characters must fit.
	maxHeader = 64 << 10
	// handshake bounds how long a new connection may take to get ready.
	handshake = 10 * time.Second
	// abandon is how long calls that were cut off may take to notice.
	abandon = time.Second
	// growth bounds how much larger a document is as a message than as JSON: a
	// list of one-digit numbers grows 5.5-fold.
	growth = 6
)

// guarded are the options of a server whose callers must be known.
func guarded(g *auth.Guard) []grpc.ServerOption {
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(g.Unary), grpc.ChainStreamInterceptor(g.Stream)}
}

func (s *server) interceptors() interceptors {
	return interceptors{log: s.log, stopping: s.stopping}
}

// newGRPC makes a server with what all of them have in common.
func (s *server) newGRPC(maxMessage int, more ...grpc.ServerOption) *grpc.Server {
	i := s.interceptors()
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeader),
		grpc.ConnectionTimeout(handshake),
		grpc.ChainUnaryInterceptor(i.unary),
		grpc.ChainStreamInterceptor(i.stream),
	}
	return grpc.NewServer(append(options, more...)...)
}

// decisionServer makes a server for decisions; secure is nil on a listener
// without TLS.
func (s *server) decisionServer(secure *tls.Config) *grpc.Server {
	options := []grpc.ServerOption{grpc.ForceServerCodecV2(newCodec())}
	if secure != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(secure)))
	}
	switch s.config.DecisionAuth {
	case config.DecisionAuthNone:
		options = append(options, grpc.ChainUnaryInterceptor(auth.NamePeer))
	case config.DecisionAuthMTLS:
		options = append(options, guarded(s.guard.CertificatesOnly())...)
	default:
		options = append(options, guarded(s.guard)...)
	}
	g := s.newGRPC(s.config.Limits.DecisionMessageBytes, options...)
	s.services.RegisterDecision(g)
	s.registerOpen(g)
	return g
}

// decisionBound refuses decision messages above their own limit, where larger
// documents are taken too.
func (s *server) decisionBound(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if m, ok := req.(*clientpolicyv1.EvaluateRequest); ok {
		if n, limit := m.SizeVT(), s.config.Limits.DecisionMessageBytes; n > limit {
			return nil, refused(codes.ResourceExhausted, clientpolicyv1.ErrorReason_ERROR_REASON_TOO_LARGE,
				fmt.Sprintf("the request has %d bytes, at most %d are allowed; send fewer facts", n, limit))
		}
	}
	return handler(ctx, req)
}

// adminServer makes a server with all services for callers that the guard knows.
func (s *server) adminServer(guard *auth.Guard, maxMessage int, more ...grpc.ServerOption) *grpc.Server {
	options := append(guarded(guard), grpc.ChainUnaryInterceptor(s.services.AuditUnary))
	g := s.newGRPC(maxMessage, append(options, more...)...)
	s.services.Register(g)
	s.registerOpen(g)
	return g
}

func (s *server) registerOpen(g *grpc.Server) {
	grpc_health_v1.RegisterHealthServer(g, s.health)
	reflection.Register(g)
}

// stopGRPC lets calls under way end until ctx does, then cuts them off.
func stopGRPC(ctx context.Context, g *grpc.Server) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.GracefulStop()
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		g.Stop()
		awaitOr(ended, abandon)
	}
}

// awaitOr waits for something to end, at most for a time: a call that does not
// heed its context must not keep the process alive.
func awaitOr(ended <-chan struct{}, atMost time.Duration) {
	t := time.NewTimer(atMost)
	defer t.Stop()
	select {
	case <-ended:
	case <-t.C:
	}
}
