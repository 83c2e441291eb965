package auth

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerUID asks the kernel who connected: unix(4), LOCAL_PEERCRED.
var peerUID = func(conn net.Conn) (uint32, error) {
	var uid uint32
	err := onSocket(conn, func(fd int) error {
		cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
		if err == nil {
			uid = cred.Uid
		}
		return err
	})
	return uid, err
}
