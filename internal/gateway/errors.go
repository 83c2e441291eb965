package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.uber.org/zap"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// domain is that of ErrorInfo whose reasons count.
const domain = "sidegate.dev"

// statuses are those of the reasons (contract of errors, errors.proto).
var statuses = map[clientpolicyv1.ErrorReason]int{
	clientpolicyv1.ErrorReason_ERROR_REASON_INVALID_DOCUMENT:          http.StatusBadRequest,
	clientpolicyv1.ErrorReason_ERROR_REASON_REALM_NOT_FOUND:           http.StatusNotFound,
	clientpolicyv1.ErrorReason_ERROR_REASON_PROFILE_NOT_FOUND:         http.StatusNotFound,
	clientpolicyv1.ErrorReason_ERROR_REASON_POLICY_NOT_FOUND:          http.StatusNotFound,
	clientpolicyv1.ErrorReason_ERROR_REASON_ALREADY_EXISTS:            http.StatusConflict,
	clientpolicyv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH:             http.StatusPreconditionFailed,
	clientpolicyv1.ErrorReason_ERROR_REASON_IF_MATCH_REQUIRED:         http.StatusPreconditionRequired,
	clientpolicyv1.ErrorReason_ERROR_REASON_CONFLICT:                  http.StatusConflict,
	clientpolicyv1.ErrorReason_ERROR_REASON_PAGE_EXPIRED:              http.StatusGone,
	clientpolicyv1.ErrorReason_ERROR_REASON_PROFILE_IN_USE:            http.StatusConflict,
	clientpolicyv1.ErrorReason_ERROR_REASON_REALM_NOT_EMPTY:           http.StatusConflict,
	clientpolicyv1.ErrorReason_ERROR_REASON_READ_ONLY:                 http.StatusForbidden,
	clientpolicyv1.ErrorReason_ERROR_REASON_TOO_LARGE:                 http.StatusRequestEntityTooLarge,
	clientpolicyv1.ErrorReason_ERROR_REASON_UNAUTHENTICATED:           http.StatusUnauthorized,
	clientpolicyv1.ErrorReason_ERROR_REASON_PERMISSION_DENIED:         http.StatusForbidden,
	clientpolicyv1.ErrorReason_ERROR_REASON_REVISION_NOT_REACHED:      http.StatusServiceUnavailable,
	clientpolicyv1.ErrorReason_ERROR_REASON_BUSY:                      http.StatusServiceUnavailable,
	clientpolicyv1.ErrorReason_ERROR_REASON_STORAGE:                   http.StatusServiceUnavailable,
	clientpolicyv1.ErrorReason_ERROR_REASON_REVISION_NOT_FOUND:        http.StatusNotFound,
	clientpolicyv1.ErrorReason_ERROR_REASON_CATALOGUE_ENTRY_NOT_FOUND: http.StatusNotFound,
	clientpolicyv1.ErrorReason_ERROR_REASON_DECISION_NOT_FOUND:        http.StatusNotFound,
	clientpolicyv1.ErrorReason_ERROR_REASON_DECISION_LOG_OFF:          http.StatusConflict,
	clientpolicyv1.ErrorReason_ERROR_REASON_REQUEST_NOT_KEPT:          http.StatusConflict,
	clientpolicyv1.ErrorReason_ERROR_REASON_TOO_MANY_ATTEMPTS:         http.StatusTooManyRequests,
	clientpolicyv1.ErrorReason_ERROR_REASON_ISSUER_UNAVAILABLE:        http.StatusServiceUnavailable,
}

// failed answers with an error of a call, or of the gateway around it.
func (g *gateway) failed(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
	p := g.translate(ctx, err)
	w.Header().Del("ETag")
	if md, ok := runtime.ServerMetadataFromContext(ctx); ok && p.Status == http.StatusPreconditionFailed {
		if tags := md.HeaderMD.Get(mdETag); len(tags) > 0 {
			p.header.Set("ETag", tags[0])
		}
	}
	p.write(w)
}

// unrouted answers when no handler took the request.
func (g *gateway) unrouted(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
	if code == http.StatusBadRequest {
		blank(code, "the path must begin with /").write(w)
		return
	}
	g.misrouted(r).write(w)
}

// misrouted tells a path that does not exist from a method that it lacks.
func (g *gateway) misrouted(r *http.Request) *problem {
	allowed := g.probe.allowed(r)
	if len(allowed) == 0 {
		return blank(http.StatusNotFound, "there is nothing at this path; names in it are percent-encoded, / as %2F and : as %3A")
	}
	list := strings.Join(allowed, ", ")
	p := blank(http.StatusMethodNotAllowed, "this path takes "+list)
	// RFC 9110 section 15.5.6.
	p.header.Set("Allow", list)
	return p
}

// translate turns an error into the problem that the caller may see.
func (g *gateway) translate(ctx context.Context, err error) *problem {
	var routing *runtime.HTTPStatusError
	if errors.As(err, &routing) && routing.HTTPStatus == http.StatusBadRequest {
		return blank(http.StatusBadRequest, "the path holds a broken percent-encoding")
	}
	st := convert(ctx, err)
	p, open := describe(st)
	if open {
		return p
	}
	rpc, _ := runtime.RPCMethod(ctx)
	if p.Status != statusCancelled {
		g.log.Error("rest call failed", zap.String("rpc", rpc), zap.Stringer("code", st.Code()), zap.String("message", st.Message()))
	}
	return p
}

func convert(ctx context.Context, err error) *status.Status {
	st := status.Convert(err)
	if st.Code() == codes.Canceled && ctx.Err() == nil {
		// The caller waits still: it was this side that gave up.
		return status.New(codes.Unavailable, st.Message())
	}
	return st
}

// statusCancelled is what the gateway calls a request whose caller has gone.
const statusCancelled = 499

// describe returns the problem of a status, and whether it is the caller's: of
// one that is the server's, it says nothing but the kind.
func describe(st *status.Status) (p *problem, open bool) {
	reason, violations, wait := details(st)
	if code, ok := statuses[reason]; ok {
		p = reasoned(code, reason, st.Message())
		p.Violations, p.wait = violations, wait
		if reason != clientpolicyv1.ErrorReason_ERROR_REASON_STORAGE {
			return p, true
		}
		p.Detail = "the store does not answer; nothing was changed unless a later read shows it"
		return p, false
	}
	if st.Code() == codes.ResourceExhausted && strings.Contains(st.Message(), "larger than max") {
		return reasoned(http.StatusRequestEntityTooLarge, clientpolicyv1.ErrorReason_ERROR_REASON_TOO_LARGE,
			"the request is larger than the service takes; send less at once"), true
	}
	p = blank(runtime.HTTPStatusFromCode(st.Code()), st.Message())
	p.Violations, p.wait = violations, wait
	switch st.Code() {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.PermissionDenied, codes.Unauthenticated,
		codes.FailedPrecondition, codes.Aborted, codes.OutOfRange, codes.ResourceExhausted:
		return p, true
	case codes.Unimplemented:
		p.Detail = "this server does not have the service"
	case codes.Unavailable:
		p.Detail = "the service is not available; try again"
	case codes.Canceled, codes.DeadlineExceeded:
		p.Detail = "the call ended before there was an answer"
	default:
		p.Detail = "internal error; the server's log says more"
	}
	p.Violations = nil
	return p, false
}

// details returns the reason and the violations of a status, and how long to wait
// before the next attempt.
func details(st *status.Status) (reason clientpolicyv1.ErrorReason, violations []violation, wait time.Duration) {
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() == domain {
				reason = clientpolicyv1.ErrorReason(clientpolicyv1.ErrorReason_value["ERROR_REASON_"+d.GetReason()])
			}
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				violations = append(violations, violation{Field: v.GetField(), Description: v.GetDescription()})
			}
		case *errdetails.RetryInfo:
			wait = d.GetRetryDelay().AsDuration()
		}
	}
	return reason, violations, wait
}
