package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// listenTCP listens at addr. Without protection a listener that is not on
// loopback is refused, whatever name led there.
func listenTCP(ctx context.Context, key, addr string, protected bool) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); !protected && (!ok || !tcp.IP.IsLoopback()) {
		err := fmt.Errorf("%s: %s is reachable from other machines as %s; without TLS and authentication only loopback is allowed", key, addr, l.Addr())
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// loadTLS reads a TLS pair; nil when there is none.
func loadTLS(listener, cert, key string) (*tls.Config, error) {
	if cert == "" && key == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s-tls-cert %s, %s-tls-key %s: expected a PEM certificate and the key that belongs to it: %w", listener, cert, listener, key, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
}
