package gateway_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"

	"github.com/sidegate/sidegate/internal/gateway"
)

// A caller who goes is nobody's mistake, whichever of the two that it ends is
// noticed first.
func TestStreamCallerGoesQuietly(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	o := options()
	o.Log = zap.New(core)
	f, conn := connect(t)
	f.streams(func(_ call, s grpc.ServerStream) error { return errors.Join(s.SendHeader(nil), until(s)) })
	h, err := gateway.New(conn, o)
	if err != nil {
		t.Fatal(err)
	}
	const callers = 40
	left := make(chan struct{}, callers)
	r := listen(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		defer func() { left <- struct{}{} }()
		h.ServeHTTP(w, q)
	}))
	for range callers {
		r.open(t, follow).hang()
		<-left
	}
	for _, l := range logs.All() {
		t.Errorf("logged %s: %v", l.Message, l.ContextMap())
	}
}

// single is a listener with one connection.
type single struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l single) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l single) Close() error {
	close(l.closed)
	return nil
}

func (single) Addr() net.Addr { return &net.UnixAddr{} }

// noted is a connection that tells what is about to be written.
type noted struct {
	net.Conn
	writes chan<- string
}

func (n noted) Write(p []byte) (int, error) {
	n.writes <- string(p)
	return n.Conn.Write(p)
}

// Who does not read does not hold up the server when it stops.
func TestStreamStopsUnread(t *testing.T) {
	stopping := make(chan struct{})
	o := options()
	o.Stopping = stopping
	f, conn := connect(t)
	ended := make(chan struct{})
	f.streams(func(_ call, s grpc.ServerStream) error {
		defer close(ended)
		return errors.Join(s.SendHeader(nil), s.SendMsg(decision("unread")), until(s))
	})
	h, err := gateway.New(conn, o)
	if err != nil {
		t.Fatal(err)
	}
	caller, served := net.Pipe() // without buffers
	defer func() { _ = caller.Close() }()
	writes, conns := make(chan string, 16), make(chan net.Conn, 1)
	conns <- noted{served, writes}
	server, over := &http.Server{Handler: h}, make(chan error, 1)
	go func() { over <- server.Serve(single{conns, make(chan struct{})}) }()
	defer func() { _, _ = server.Close(), <-over }()
	if _, err := io.WriteString(caller, "GET "+follow+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, line := bufio.NewReaderSize(caller, 16), ""
	for line != "\r\n" { // the headers alone
		if line, err = answer.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	for !strings.Contains(<-writes, "unread") {
		continue // until the item is stuck
	}
	begin := time.Now()
	close(stopping)
	<-ended
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}
