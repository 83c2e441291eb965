package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// socketProbe is how long to wait for whoever listens on an existing socket.
const socketProbe = time.Second

// The modes of the socket: for the server's own user, or for all whom the check of
// the peer's user lets in.
const (
	ownSocket    fs.FileMode = 0o600
	sharedSocket fs.FileMode = 0o666
)

// socketMode is that of a socket for these users.
func socketMode(uids []uint32) fs.FileMode {
	for _, uid := range uids {
		if uid != 0 && int(uid) != os.Geteuid() {
			return sharedSocket
		}
	}
	return ownSocket
}

// socket is a Unix socket.
type socket struct {
	*net.UnixListener
	path string
	made fs.FileInfo
}

// listenUnix makes a socket at path. One that lies there already is replaced if
// nobody listens on it. The socket gets its mode before it gets its name, so
// that it is never open to others.
func listenUnix(ctx context.Context, path string, mode fs.FileMode) (*socket, error) {
	if err := vacant(ctx, path); err != nil {
		return nil, fmt.Errorf("decision-socket %s: %w", path, err)
	}
	private, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, fmt.Errorf("decision-socket %s: %w", path, err)
	}
	defer func() { _ = os.RemoveAll(private) }()
	s, err := bind(filepath.Join(private, "s"), path, mode)
	if err != nil {
		return nil, fmt.Errorf("decision-socket %s: %w", path, err)
	}
	return s, nil
}

func bind(private, path string, mode fs.FileMode) (*socket, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: private, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	s := &socket{UnixListener: l, path: path}
	if err := os.Chmod(private, mode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if err := os.Rename(private, path); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if s.made, err = os.Lstat(path); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return s, nil
}

// vacant refuses a path where something lies that must not be replaced.
func vacant(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("something lies there that is no socket; move it away, or set another path")
	}
	ctx, cancel := context.WithTimeout(ctx, socketProbe)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err == nil {
		return errors.Join(errors.New("another process listens on it; stop that one, or set another path"), conn.Close())
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil // left behind by a server that was killed
	}
	return fmt.Errorf("cannot tell whether another process listens on it: %w", err)
}

// Addr is the path by which the socket is known.
func (s *socket) Addr() net.Addr { return &net.UnixAddr{Name: s.path, Net: "unix"} }

// Close ends the listener and removes the socket, unless another one has taken
// its place.
func (s *socket) Close() error {
	err := s.UnixListener.Close()
	if now, statErr := os.Lstat(s.path); statErr == nil && os.SameFile(now, s.made) {
		err = errors.Join(err, os.Remove(s.path))
	}
	return err
}
