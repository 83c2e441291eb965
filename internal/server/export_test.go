package server

import (
	"context"
	"net"
	"net/http"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
)

// Names for tests of parts that a whole server does not show.

// NewCodec is the codec of decisions.
func NewCodec() encoding.CodecV2 { return newCodec() }

// Unary is the interceptor in front of every call.
func Unary(log *zap.Logger) grpc.UnaryServerInterceptor { return interceptors{log: log}.unary }

// Stream is the interceptor in front of every stream.
func Stream(log *zap.Logger) grpc.StreamServerInterceptor { return interceptors{log: log}.stream }

// Admin is the handler of the administration listener in front of a REST handler.
func Admin(log *zap.Logger, rest http.Handler) http.Handler {
	return (&admin{}).handler(rest, interceptors{log: log})
}

// ListenTCP listens where the configuration says.
func ListenTCP(ctx context.Context, addr string, protected bool) (net.Listener, error) {
	return listenTCP(ctx, "some-addr", addr, protected)
}

// Probes are the handlers of the operations listener, and what changes their state.
func Probes(log *zap.Logger) (h http.Handler, set func(string)) {
	o := newOps(log)
	return o.http.Handler, func(s string) { o.set(state(s)) }
}
