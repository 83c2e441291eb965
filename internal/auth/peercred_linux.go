package auth

import (
	"net"
	"syscall"
)

// peerUID asks the kernel who connected: unix(7), SO_PEERCRED.
var peerUID = func(conn net.Conn) (uint32, error) {
	var uid uint32
	err := onSocket(conn, func(fd int) error {
		cred, err := syscall.GetsockoptUcred(fd, syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		if err == nil {
			uid = cred.Uid
		}
		return err
	})
	return uid, err
}
