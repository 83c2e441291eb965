//go:build !unix

package auth

import "errors"

// lockFile refuses: without a lock two processes could lose each other's tokens.
func lockFile(string) (unlock func(), err error) {
	return nil, errors.New("tokens can be changed on Unix systems only")
}
