package auth_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc/peer"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
)

func socket(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// connect opens a connection to a listener; what it reads there shows its fate.
func connect(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestPeersOnTheList(t *testing.T) {
	own := uint32(os.Getuid())
	reporter, records := audited(t)
	l, err := auth.NewPeerListener(socket(t), []uint32{own + 1, own}, reporter)
	if err != nil {
		t.Fatal(err)
	}
	connect(t, l)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if addr, ok := conn.RemoteAddr().(*auth.PeerAddr); !ok || addr.UID != own || addr.Network() != "unix" {
		t.Error(conn.RemoteAddr())
	}
	var p *auth.Principal
	ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: conn.RemoteAddr()})
	if _, err := auth.NamePeer(ctx, nil, nil, func(ctx context.Context, _ any) (any, error) { p = auth.FromContext(ctx); return nil, nil }); err != nil {
		t.Fatal(err)
	}
	if p == nil || p.Author() != conn.RemoteAddr().String() || p.Role("any") != auth.Evaluator {
		t.Error(p)
	}
	if l.Refused() != 0 || len(records()) != 0 {
		t.Error("somebody was refused")
	}
}

// Who is not on the list is cut off before a byte is read, whatever comes after.
func TestPeersOffTheList(t *testing.T) {
	reporter, records := audited(t)
	inner := socket(t)
	l, err := auth.NewPeerListener(inner, []uint32{uint32(os.Getuid()) + 1}, reporter)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := l.Accept()
		done <- err
	}()
	for range 3 {
		conn := connect(t, l)
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Error(n, err)
		}
	}
	inner.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if l.Refused() != 3 {
		t.Error(l.Refused())
	}
	list := records()
	if len(list) != 1 || list[0].GetKind() != pb.AuditRecord_KIND_PERMISSION_DENIED || list[0].GetCaller() == "" || list[0].GetFrom() != inner.Addr().String() {
		t.Error(list)
	}
	reporter.Close()
	if list = records(); len(list) != 1 {
		t.Error("the others are not counted", list)
	}
}

func TestPeerListenerNeedsASocketAndAList(t *testing.T) {
	reporter, _ := audited(t)
	if _, err := auth.NewPeerListener(socket(t), nil, reporter); err == nil {
		t.Error("an empty list is taken")
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	if _, err := auth.NewPeerListener(tcp, []uint32{0}, reporter); err == nil {
		t.Error("TCP is taken")
	}
}

// Whose user the system does not tell does not get in.
func TestPeerWithoutUser(t *testing.T) {
	reporter, records := audited(t)
	inner := &strange{socket(t)}
	l, err := auth.NewPeerListener(inner, []uint32{uint32(os.Getuid())}, reporter)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := l.Accept()
		done <- err
	}()
	if n, err := connect(t, l).Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error(n, err)
	}
	inner.Close()
	<-done
	if list := records(); len(list) != 1 || list[0].GetKind() != pb.AuditRecord_KIND_AUTHENTICATION_FAILED {
		t.Error(list)
	}
}

// strange hides what its connections are.
type strange struct{ net.Listener }

func (s *strange) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return struct{ net.Conn }{conn}, nil
}

// Over TCP nobody is named, and nobody is turned away.
func TestNamePeerOverTCP(t *testing.T) {
	ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}})
	called := false
	_, err := auth.NamePeer(ctx, nil, nil, func(ctx context.Context, _ any) (any, error) { called = auth.FromContext(ctx) == nil; return nil, nil })
	if err != nil || !called {
		t.Error(err, called)
	}
}
