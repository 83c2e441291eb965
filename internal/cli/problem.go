package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// problem is a refusal by the administration API (RFC 9457).
type problem struct {
	// Status is the HTTP status.
	Status int `json:"status"`
	// Title names the kind of problem.
	Title string `json:"title"`
	// Detail says what is wrong.
	Detail string `json:"detail"`
	// Reason is the reason of google.rpc.ErrorInfo.
	Reason string `json:"reason"`
	// Violations are all problems of the document.
	Violations []violation `json:"violations"`
}

// violation is what is wrong with one member of a document.
type violation struct {
	// Field is where: a JSON pointer, or the name of a parameter.
	Field string `json:"field"`
	// Description says what is wrong and how to mend it.
	Description string `json:"description"`
	// place is where that stands in a file, empty when that is not known.
	place string
}

// line is a violation in a line.
func (v violation) line() string {
	if v.place == "" {
		return v.Field + ": " + v.Description
	}
	return v.place + ": " + v.Field + ": " + v.Description
}

func readProblem(code int, data []byte) error {
	p := &problem{}
	if json.Unmarshal(data, p) != nil || p.Title == "" && p.Detail == "" {
		// Not problem+json: some other server, or a proxy in between.
		p = &problem{Title: http.StatusText(code), Detail: "the answer is not that of a decision point; check --server"}
	}
	p.Status = code
	return p
}

// Error returns the problem, one line per member that is wrong.
func (p *problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", p.Status, p.Title)
	if p.Detail != "" && p.Detail != p.Title {
		b.WriteString(": " + p.Detail)
	}
	for _, v := range p.Violations {
		if len(p.Violations) > 1 || v.place != "" { // the detail tells of the first
			b.WriteString("\n  " + v.line())
		}
	}
	if p.Status == http.StatusUnauthorized {
		b.WriteString("\n  give a token by --token-file; the first administrator's lies in the server's data directory")
	}
	return b.String()
}

// GRPCStatus is the status that the same refusal has over gRPC.
func (p *problem) GRPCStatus() *status.Status { return status.New(p.code(), p.Error()) }

func (p *problem) code() codes.Code {
	switch p.Status {
	case http.StatusBadRequest:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusConflict:
		if p.Reason == "ALREADY_EXISTS" {
			return codes.AlreadyExists
		}
		return codes.Aborted
	case http.StatusPreconditionFailed, http.StatusPreconditionRequired, http.StatusGone:
		return codes.FailedPrecondition
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	case http.StatusGatewayTimeout:
		return codes.DeadlineExceeded
	default:
		return codes.Unknown
	}
}
