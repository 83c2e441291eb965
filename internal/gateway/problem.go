package gateway

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/gateway/strictjson"
)

// problem is an error answer (RFC 9457 section 3).
type problem struct {
	// Type is a tag URI (RFC 4151) of the reason, or about:blank without one.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Reason is an ErrorReason without its prefix.
	Reason string `json:"reason,omitempty"`
	// Line and Column are those of the first violation, when it came from JSON.
	Line       int         `json:"line,omitempty"`
	Column     int         `json:"column,omitempty"`
	Violations []violation `json:"violations,omitempty"`

	header http.Header
	// wait is how long to wait before the next attempt, 0 when nobody has said it.
	wait time.Duration
}

// violation is one thing that is wrong with a request.
type violation struct {
	// Field is a JSON pointer into the body, or the name of a query parameter or header.
	Field       string `json:"field"`
	Description string `json:"description"`
	Line        int    `json:"line,omitempty"`
	Column      int    `json:"column,omitempty"`
}

// titles are the same for every problem of a reason, as RFC 9457 section 3.1.3 asks.
var titles = map[clientpolicyv1.ErrorReason]string{
	clientpolicyv1.ErrorReason_ERROR_REASON_INVALID_DOCUMENT:          "The request is not valid",
	clientpolicyv1.ErrorReason_ERROR_REASON_REALM_NOT_FOUND:           "There is no such realm",
	clientpolicyv1.ErrorReason_ERROR_REASON_PROFILE_NOT_FOUND:         "There is no such profile",
	clientpolicyv1.ErrorReason_ERROR_REASON_POLICY_NOT_FOUND:          "There is no such policy",
	clientpolicyv1.ErrorReason_ERROR_REASON_ALREADY_EXISTS:            "The name is taken",
	clientpolicyv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH:             "It has changed since it was read",
	clientpolicyv1.ErrorReason_ERROR_REASON_IF_MATCH_REQUIRED:         "The write must say what it is based on",
	clientpolicyv1.ErrorReason_ERROR_REASON_CONFLICT:                  "Somebody else has changed it",
	clientpolicyv1.ErrorReason_ERROR_REASON_PAGE_EXPIRED:              "The list is no longer kept",
	clientpolicyv1.ErrorReason_ERROR_REASON_PROFILE_IN_USE:            "A policy names the profile",
	clientpolicyv1.ErrorReason_ERROR_REASON_REALM_NOT_EMPTY:           "The realm is not empty",
	clientpolicyv1.ErrorReason_ERROR_REASON_READ_ONLY:                 "It cannot be changed",
	clientpolicyv1.ErrorReason_ERROR_REASON_TOO_LARGE:                 "The request is too large",
	clientpolicyv1.ErrorReason_ERROR_REASON_UNAUTHENTICATED:           "Credentials are missing or wrong",
	clientpolicyv1.ErrorReason_ERROR_REASON_PERMISSION_DENIED:         "The role is missing",
	clientpolicyv1.ErrorReason_ERROR_REASON_REVISION_NOT_REACHED:      "The revision has not been reached",
	clientpolicyv1.ErrorReason_ERROR_REASON_BUSY:                      "Too much is under way",
	clientpolicyv1.ErrorReason_ERROR_REASON_STORAGE:                   "Storage failed",
	clientpolicyv1.ErrorReason_ERROR_REASON_REVISION_NOT_FOUND:        "There is no such revision",
	clientpolicyv1.ErrorReason_ERROR_REASON_CATALOGUE_ENTRY_NOT_FOUND: "The catalogue has no such entry",
	clientpolicyv1.ErrorReason_ERROR_REASON_DECISION_NOT_FOUND:        "There is no such decision",
	clientpolicyv1.ErrorReason_ERROR_REASON_DECISION_LOG_OFF:          "No decisions are kept",
	clientpolicyv1.ErrorReason_ERROR_REASON_REQUEST_NOT_KEPT:          "The request was not kept",
	clientpolicyv1.ErrorReason_ERROR_REASON_TOO_MANY_ATTEMPTS:         "Too many attempts",
	clientpolicyv1.ErrorReason_ERROR_REASON_ISSUER_UNAVAILABLE:        "The issuer does not answer",
}

// reasoned returns a problem with a reason of the contract.
func reasoned(status int, reason clientpolicyv1.ErrorReason, detail string) *problem {
	name := strings.TrimPrefix(reason.String(), "ERROR_REASON_")
	return &problem{
		Type:  "tag:sidegate.dev,2026:" + strings.ReplaceAll(strings.ToLower(name), "_", "-"),
		Title: titles[reason], Status: status, Detail: detail, Reason: name, header: http.Header{},
	}
}

// blank returns a problem that its status says all about (RFC 9457 section 4.2.1).
func blank(status int, detail string) *problem {
	title := http.StatusText(status)
	if title == "" {
		title = "Request cancelled"
	}
	return &problem{Type: "about:blank", Title: title, Status: status, Detail: detail, header: http.Header{}}
}

// invalid returns the problem of a request that is not valid for these reasons,
// of which there is at least one.
func invalid(violations ...violation) *problem {
	first := violations[0]
	detail := first.Description
	if first.Line > 0 {
		at := ""
		if first.Field != "" {
			at = first.Field + ": "
		}
		detail = fmt.Sprintf("line %d, column %d: %s%s", first.Line, first.Column, at, first.Description)
	}
	if n := len(violations) - 1; n > 0 {
		detail = fmt.Sprintf("%s (and %d more)", detail, n)
	}
	p := reasoned(http.StatusBadRequest, clientpolicyv1.ErrorReason_ERROR_REASON_INVALID_DOCUMENT, detail)
	p.Line, p.Column, p.Violations = first.Line, first.Column, violations
	return p
}

// misread returns the problem of a body that was refused.
func misread(e *strictjson.Error) *problem {
	var all []violation
	for _, p := range e.Problems {
		all = append(all, violation{Field: p.Pointer, Description: p.Text, Line: p.Line, Column: p.Column})
	}
	return invalid(all...)
}

func tooLarge(limit int64) *problem {
	return reasoned(http.StatusRequestEntityTooLarge, clientpolicyv1.ErrorReason_ERROR_REASON_TOO_LARGE,
		fmt.Sprintf("the body is larger than %d bytes, the limit of this path; send less at once", limit))
}

// write answers with the problem.
func (p *problem) write(w http.ResponseWriter) {
	// Strings and numbers always marshal.
	body, _ := json.Marshal(p)
	h := w.Header()
	for name, values := range p.header {
		h[name] = values
	}
	switch p.Status {
	case http.StatusUnauthorized:
		// RFC 9110 section 15.5.2 demands a challenge; RFC 6750 section 3 says which.
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		// RFC 9110 section 10.2.3: whole seconds.
		h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(p.wait.Seconds())))))
	}
	h.Del("Content-Length")
	h.Set(headerType, "application/problem+json")
	w.WriteHeader(p.Status)
	// A caller that is gone needs no answer.
	_, _ = w.Write(append(body, '\n'))
}
