package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sidegate/sidegate/internal/auth/login"
	"github.com/sidegate/sidegate/internal/gateway"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

const (
	// bodyTimeout bounds reading the body of a REST call and writing its answer.
	bodyTimeout = 2 * time.Minute
	// pipe is the buffer of the connection between gateway and internal server.
	pipe = 1 << 20
)

// admin is the administration listener: gRPC and REST on one address.
type admin struct {
	http *http.Server
	// grpc answers callers that speak gRPC themselves.
	grpc *grpc.Server
	// login exchanges names and passwords for tokens.
	login *login.Server
	// streams are the paths of RPCs that answer for as long as the caller likes.
	streams map[string]bool
	// stopping is closed when the server begins to stop.
	stopping <-chan struct{}
	// internal answers the gateway, through pipe.
	internal *grpc.Server
	pipe     *bufconn.Listener
	conn     *grpc.ClientConn
}

func (s *server) newAdmin(secure *tls.Config) (*admin, error) {
	document := s.config.Limits.DocumentBytes
	a := &admin{
		grpc:     s.adminServer(s.guard, document, grpc.ChainUnaryInterceptor(s.decisionBound)),
		internal: s.adminServer(s.guard.Inside(), growth*document),
		login:    s.login, stopping: s.stopping, pipe: bufconn.Listen(pipe),
	}
	a.streams = streamsOf(a.grpc)
	conn, err := grpc.NewClient("passthrough:///sidegate",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return a.pipe.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(growth*document), grpc.MaxCallSendMsgSize(growth*document)),
		grpc.WithDisableServiceConfig(),
	)
	if err != nil {
		return nil, fmt.Errorf("gateway connection: %w", err)
	}
	a.conn = conn
	rest, err := gateway.New(conn, s.gatewayOptions())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("gateway: %w", err), conn.Close())
	}
	a.http = s.adminHTTP(a.handler(rest, s.interceptors()), secure)
	return a, nil
}

// streamsOf are the paths of the streaming RPCs of a server.
func streamsOf(g *grpc.Server) map[string]bool {
	paths := map[string]bool{}
	for service, info := range g.GetServiceInfo() {
		for _, m := range info.Methods {
			if m.IsServerStream {
				paths["/"+service+"/"+m.Name] = true
			}
		}
	}
	return paths
}

// hasten gives a caller that does not read its stream little time to do so once the
// server stops: no end of the call's context frees who waits to send.
func (a *admin) hasten(w http.ResponseWriter) (done func()) {
	ended := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-a.stopping:
			// A connection without deadlines is cut off at the end of the stop.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(abandon))
		case <-ended:
		}
	})
	return func() {
		close(ended)
		watching.Wait()
	}
}

func (s *server) adminHTTP(h http.Handler, secure *tls.Config) *http.Server {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	// RFC 9113 section 3.3: HTTP/2 with prior knowledge, as gRPC speaks it
	// without TLS; the configuration allows that on loopback alone.
	protocols.SetUnencryptedHTTP2(secure == nil)
	return &http.Server{
		Handler: h, Protocols: protocols, TLSConfig: secure,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ReadHeaderTimeout: handshake, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader,
		ErrorLog: zap.NewStdLog(s.log.Named("admin")),
	}
}

// handler tells gRPC, logins and REST apart.
func (a *admin) handler(rest http.Handler, i interceptors) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer i.recoveredHTTP(w, r)
		if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			if a.streams[r.URL.Path] {
				defer a.hasten(w)()
			}
			a.grpc.ServeHTTP(w, r)
			return
		}
		c, until := http.NewResponseController(w), time.Now().Add(bodyTimeout)
		if err := errors.Join(c.SetReadDeadline(until), c.SetWriteDeadline(until)); err != nil {
			http.Error(w, "connection without deadlines", http.StatusInternalServerError)
			return
		}
		if a.login.Serves(r) {
			a.login.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}

// serve answers until the server is stopped.
func (a *admin) serve(l net.Listener) error {
	serve := a.http.Serve
	if a.http.TLSConfig != nil {
		serve = func(l net.Listener) error { return a.http.ServeTLS(l, "", "") }
	}
	if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin-addr: %w", err)
	}
	return nil
}

// stop lets calls under way end until ctx does, then cuts them off: first those
// from outside, then what answers them.
func (a *admin) stop(ctx context.Context) error {
	err := a.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = a.http.Close()
	}
	a.grpc.Stop()
	err = errors.Join(err, a.conn.Close())
	stopGRPC(ctx, a.internal)
	return errors.Join(err, a.pipe.Close())
}
