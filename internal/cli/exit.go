package cli

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/status"
)

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitReject      = 10
)

// exitError is an error with its exit code. A silent one has been reported.
type exitError struct {
	code   int
	err    error
	silent bool
}

// Error returns the text of the cause.
func (e *exitError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *exitError) Unwrap() error { return e.err }

// usage marks what the caller of the command must mend.
func usage(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// unreachable marks a server that does not answer.
func unreachable(err error) error { return &exitError{code: exitUnreachable, err: err} }

// quiet ends with a code and says nothing: the output has said it.
func quiet(code int) error {
	return &exitError{code: code, err: errors.New("reported"), silent: true}
}

// plain takes the words of gRPC off an error that is a status itself.
func plain(err error) error {
	if s, ok := err.(interface{ GRPCStatus() *status.Status }); ok { // of a wrapped one, the wrapping tells more
		return errors.New(s.GRPCStatus().Message())
	}
	return err
}

func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	return exitFailed
}
