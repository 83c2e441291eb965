package auth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// PeerAddr is the address of a caller on a Unix socket: the user it runs as.
type PeerAddr struct {
	// UID is the number of the user.
	UID uint32

	principal *Principal
}

func newPeerAddr(uid uint32) *PeerAddr {
	a := &PeerAddr{UID: uid}
	a.principal = &Principal{Name: a.number(), Kind: KindUID, Roles: map[string]Role{AllRealms: Evaluator}}
	return a
}

func (a *PeerAddr) number() string { return strconv.FormatUint(uint64(a.UID), 10) }

// Network implements net.Addr.
func (*PeerAddr) Network() string { return "unix" }

// String implements net.Addr.
func (a *PeerAddr) String() string { return KindUID + ":" + a.number() }

// PeerListener lets on a Unix socket those alone whose user is on a list. Everybody
// else is cut off before a byte is read. The addresses of its connections are
// PeerAddrs.
type PeerListener struct {
	net.Listener
	allowed  []uint32
	reporter *Reporter
	uid      func(net.Conn) (uint32, error)
	refused  atomic.Uint64
}

// NewPeerListener makes a listener that filters another one, of a Unix socket. The
// list is not empty. It fails where the system does not tell who the peer is.
func NewPeerListener(l net.Listener, allowed []uint32, reporter *Reporter) (*PeerListener, error) {
	if len(allowed) == 0 {
		return nil, errors.New("nobody may connect; expected the number of a user, such as the server's own")
	}
	if l.Addr().Network() != "unix" {
		return nil, fmt.Errorf("%s is no Unix socket: its peers have no user", l.Addr())
	}
	if peerUID == nil {
		return nil, errors.New("this system does not tell who connects to a Unix socket; Linux and macOS do")
	}
	return &PeerListener{Listener: l, allowed: slices.Clone(allowed), reporter: reporter, uid: peerUID}, nil
}

// Accept returns the next connection of somebody who is on the list.
func (l *PeerListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, err := l.uid(conn)
		if err == nil && slices.Contains(l.allowed, uid) {
			return &peerConn{conn, newPeerAddr(uid)}, nil
		}
		l.refuse(conn, uid, err)
	}
}

func (l *PeerListener) refuse(conn net.Conn, uid uint32, err error) {
	_ = conn.Close() // whoever it was is gone either way
	l.refused.Add(1)
	e := Event{Kind: pb.AuditRecord_KIND_PERMISSION_DENIED, From: l.Addr().String(), Code: codes.PermissionDenied}
	if err != nil {
		e.Kind, e.Code, e.Detail = pb.AuditRecord_KIND_AUTHENTICATION_FAILED, codes.Unauthenticated, "the user of the peer cannot be told: "+err.Error()
	} else {
		e.Caller, e.Detail = newPeerAddr(uid).String(), "this user is not among those whom socket-uids allows"
	}
	l.reporter.Refused(e)
}

// Refused is the number of connections that were cut off.
func (l *PeerListener) Refused() uint64 { return l.refused.Load() }

type peerConn struct {
	net.Conn
	addr *PeerAddr
}

// RemoteAddr implements net.Conn.
func (c *peerConn) RemoteAddr() net.Addr { return c.addr }

// NamePeer is a grpc.UnaryServerInterceptor for listeners that want no credentials
// (`decision-auth: none`): whoever came through a PeerListener is known by user and
// may ask for decisions of every realm. Nobody else is known, or turned away.
func NamePeer(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if p, ok := peer.FromContext(ctx); ok {
		if addr, ok := p.Addr.(*PeerAddr); ok {
			ctx = NewContext(ctx, addr.principal)
		}
	}
	return handler(ctx, request)
}

// onSocket asks something of the file descriptor of a connection.
func onSocket(conn net.Conn, ask func(fd int) error) error {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return errors.New("the connection has no file descriptor")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	var asked error
	err = raw.Control(func(fd uintptr) { asked = ask(int(fd)) })
	return errors.Join(err, asked)
}
