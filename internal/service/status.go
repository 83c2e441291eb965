package service

import (
	"context"
	"errors"
	"strings"

	"go.uber.org/zap"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage"
)

// errorDomain is the domain of google.rpc.ErrorInfo.
const errorDomain = "sidegate.dev"

// codeOf is the gRPC code of every reason. HTTP statuses follow from the reasons,
// not from the codes.
var codeOf = map[pb.ErrorReason]codes.Code{
	pb.ErrorReason_ERROR_REASON_INVALID_DOCUMENT:          codes.InvalidArgument,
	pb.ErrorReason_ERROR_REASON_REALM_NOT_FOUND:           codes.NotFound,
	pb.ErrorReason_ERROR_REASON_PROFILE_NOT_FOUND:         codes.NotFound,
	pb.ErrorReason_ERROR_REASON_POLICY_NOT_FOUND:          codes.NotFound,
	pb.ErrorReason_ERROR_REASON_ALREADY_EXISTS:            codes.AlreadyExists,
	pb.ErrorReason_ERROR_REASON_ETAG_MISMATCH:             codes.FailedPrecondition,
	pb.ErrorReason_ERROR_REASON_IF_MATCH_REQUIRED:         codes.FailedPrecondition,
	pb.ErrorReason_ERROR_REASON_CONFLICT:                  codes.Aborted,
	pb.ErrorReason_ERROR_REASON_PAGE_EXPIRED:              codes.FailedPrecondition,
	pb.ErrorReason_ERROR_REASON_PROFILE_IN_USE:            codes.FailedPrecondition,
	pb.ErrorReason_ERROR_REASON_REALM_NOT_EMPTY:           codes.FailedPrecondition,
	pb.ErrorReason_ERROR_REASON_READ_ONLY:                 codes.PermissionDenied,
	pb.ErrorReason_ERROR_REASON_TOO_LARGE:                 codes.ResourceExhausted,
	pb.ErrorReason_ERROR_REASON_UNAUTHENTICATED:           codes.Unauthenticated,
	pb.ErrorReason_ERROR_REASON_PERMISSION_DENIED:         codes.PermissionDenied,
	pb.ErrorReason_ERROR_REASON_REVISION_NOT_REACHED:      codes.Unavailable,
	pb.ErrorReason_ERROR_REASON_BUSY:                      codes.Unavailable,
	pb.ErrorReason_ERROR_REASON_STORAGE:                   codes.Unavailable,
	pb.ErrorReason_ERROR_REASON_REVISION_NOT_FOUND:        codes.NotFound,
	pb.ErrorReason_ERROR_REASON_CATALOGUE_ENTRY_NOT_FOUND: codes.NotFound,
	pb.ErrorReason_ERROR_REASON_DECISION_NOT_FOUND:        codes.NotFound,
	pb.ErrorReason_ERROR_REASON_DECISION_LOG_OFF:          codes.FailedPrecondition,
	pb.ErrorReason_ERROR_REASON_REQUEST_NOT_KEPT:          codes.FailedPrecondition,
}

// statusOf is the status of whatever went wrong.
func (s *Services) statusOf(err error) error {
	if r := refusalOf(err); r != nil {
		c := codeOf[r.reason]
		if errors.Is(err, storage.ErrCorrupt) {
			c = codes.DataLoss // to try again would not help
		}
		return r.status(c)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, "the call was cancelled")
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "the deadline of the call has passed")
	}
	s.log.Error("call failed for a reason that no caller can mend", zap.Error(err))
	return status.Error(codes.Internal, "internal error; the server's log says why")
}

// refusalOf is the refusal that an error means, or nil.
func refusalOf(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	if e, ok := errors.AsType[*pdp.RequestError](err); ok {
		return invalidAt(e.Field, "%s", e.Problem)
	}
	switch {
	case errors.Is(err, storage.ErrRealmNotFound):
		return refuse(pb.ErrorReason_ERROR_REASON_REALM_NOT_FOUND, "%v", err)
	case errors.Is(err, storage.ErrRealmExists):
		return refuse(pb.ErrorReason_ERROR_REASON_ALREADY_EXISTS, "%v; choose another name", err)
	case errors.Is(err, storage.ErrConflict):
		return refuse(pb.ErrorReason_ERROR_REASON_CONFLICT, "%v", err)
	case errors.Is(err, storage.ErrInvalid):
		return invalidAt("", "%v", err)
	case errors.Is(err, storage.ErrCorrupt), errors.Is(err, storage.ErrClosed), errors.Is(err, storage.ErrLocked),
		errors.Is(err, storage.ErrFormat), errors.Is(err, errStore):
		return refuse(pb.ErrorReason_ERROR_REASON_STORAGE, "%v", err)
	}
	return nil
}

func (r *refusal) status(c codes.Code) error {
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: reasonName(r.reason), Domain: errorDomain}}
	if len(r.violations) > 0 {
		bad := &errdetails.BadRequest{}
		for _, v := range r.violations {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: v.field, Description: v.problem})
		}
		details = append(details, bad)
	}
	message := strings.ToValidUTF8(r.message, "\uFFFD")
	s, err := status.New(c, message).WithDetails(details...)
	if err != nil {
		return status.Error(c, message)
	}
	return s.Err()
}

// reasonName is the name of a reason without its prefix.
func reasonName(r pb.ErrorReason) string { return strings.TrimPrefix(r.String(), "ERROR_REASON_") }

// batchError is the status of one request of a batch.
func (s *Services) batchError(err error) *pb.BatchError {
	st := status.Convert(s.statusOf(err))
	b := &pb.BatchError{Code: code.Code_name[int32(st.Code())], Message: st.Message()}
	if r := refusalOf(err); r != nil && len(r.violations) > 0 {
		b.Field = r.violations[0].field
	}
	return b
}

// shorten keeps what callers sent from filling errors and logs.
func shorten(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > maxViolationBytes {
		return strings.ToValidUTF8(s[:maxViolationBytes], "") + "…"
	}
	return s
}
