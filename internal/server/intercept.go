package server

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// interceptors stand in front of every call: the access log outermost, then
// recovery.
type interceptors struct {
	log *zap.Logger
	// stopping is closed when the server begins to stop.
	stopping <-chan struct{}
}

func (i interceptors) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	done := i.access(info.FullMethod)
	defer func() { done(err) }()
	defer i.recovered(info.FullMethod, &err)
	return handler(ctx, req)
}

func (i interceptors) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	done := i.access(info.FullMethod)
	defer func() { done(err) }()
	defer i.recovered(info.FullMethod, &err)
	if info.FullMethod != grpc_health_v1.Health_Watch_FullMethodName {
		return handler(srv, stream)
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	return handler(srv, &watch{ServerStream: stream, ctx: ctx, cancel: cancel, stopping: i.stopping})
}

// access logs one line per call at level debug: method, status, duration; never
// what was asked or answered.
func (i interceptors) access(method string) func(error) {
	if !i.log.Core().Enabled(zapcore.DebugLevel) {
		return func(error) {}
	}
	start := time.Now()
	return func(err error) {
		i.log.Debug("call", zap.String("method", method),
			zap.Stringer("code", status.Code(err)), zap.Duration("duration", time.Since(start)))
	}
}

// recovered turns a panic into INTERNAL.
func (i interceptors) recovered(method string, err *error) {
	if p := recover(); p != nil {
		i.panicked(method, p)
		*err = status.Error(codes.Internal, internalError)
	}
}

// recoveredHTTP does the same for what runs in front of the services.
func (i interceptors) recoveredHTTP(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it in the same way
		panic(p) // ends the connection and is logged by nobody
	}
	if p != nil {
		i.panicked(r.Method+" over HTTP", p)
		http.Error(w, internalError, http.StatusInternalServerError)
	}
}

const internalError = "internal error; the server's log says more"

// panicked logs a panic. What was panicked with can hold facts of the request:
// only errors of the runtime are logged as they are.
func (i interceptors) panicked(method string, p any) {
	what := fmt.Sprintf("%T", p)
	if e, ok := p.(runtime.Error); ok {
		what = e.Error()
	}
	i.log.Error("panic in a call", zap.String("method", method), zap.String("panic", what), zap.StackSkip("stack", 3))
}

// watch is a stream of health states that ends once the last one was sent: a
// client that watches must not hold up the stop.
type watch struct {
	grpc.ServerStream
	ctx      context.Context
	cancel   context.CancelFunc
	stopping <-chan struct{}
}

// Context implements grpc.ServerStream.
func (w *watch) Context() context.Context { return w.ctx }

// SendMsg implements grpc.ServerStream.
func (w *watch) SendMsg(m any) error {
	err := w.ServerStream.SendMsg(m)
	select {
	case <-w.stopping:
		w.cancel()
	default:
	}
	return err
}
