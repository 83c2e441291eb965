package service

import (
	"fmt"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// refusal is why a call is not carried out. Which status that is stands in
// status.go.
type refusal struct {
	reason     pb.ErrorReason
	message    string
	violations []violation
}

// violation is what is wrong with one member.
type violation struct {
	// field is a JSON pointer into the document or the request sent.
	field string
	// problem says what is wrong, what was expected and how to mend it.
	problem string
}

func (r *refusal) Error() string { return r.message }

func refuse(reason pb.ErrorReason, format string, args ...any) *refusal {
	return &refusal{reason: reason, message: fmt.Sprintf(format, args...)}
}

// maxViolations is the greatest number of violations that are spelled out: they
// travel in HTTP/2 trailers, which have limits of their own.
const maxViolations = 100

// maxViolationBytes is the greatest length of one of them.
const maxViolationBytes = 1024

// invalid refuses a document or request for everything that is wrong with it.
func invalid(violations ...violation) *refusal {
	first := violations[0]
	r := &refusal{reason: pb.ErrorReason_ERROR_REASON_INVALID_DOCUMENT, message: first.field + ": " + first.problem}
	if first.field == "" {
		r.message = first.problem
	}
	if n := len(violations); n > maxViolations {
		r.message += fmt.Sprintf(" (and %d more, of which %d are listed)", n-1, maxViolations)
		violations = violations[:maxViolations]
	} else if n > 1 {
		r.message += fmt.Sprintf(" (and %d more)", n-1)
	}
	r.message = shorten(r.message)
	for _, v := range violations {
		r.violations = append(r.violations, violation{shorten(v.field), shorten(v.problem)})
	}
	return r
}

// invalidAt refuses for one member.
func invalidAt(field, format string, args ...any) *refusal {
	return invalid(violation{field, fmt.Sprintf(format, args...)})
}

func realmNotFound(name string) *refusal {
	return refuse(pb.ErrorReason_ERROR_REASON_REALM_NOT_FOUND, "realm %q does not exist; create it or correct the name", shorten(name))
}

func busy(realm string) *refusal {
	return refuse(pb.ErrorReason_ERROR_REASON_BUSY, "other writes of realm %q are under way; try again", shorten(realm))
}
