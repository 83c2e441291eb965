package server

import (
	"strings"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/gateway"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func (s *server) gatewayOptions() gateway.Options {
	l := s.config.Limits
	return gateway.Options{
		Limits: &clientpolicyv1.Limits{
			DecisionMessageBytes: int64(l.DecisionMessageBytes), DocumentBytes: int64(l.DocumentBytes),
			BatchItems: int32(l.BatchItems), StringBytes: int32(l.StringBytes), Depth: int32(l.Depth), RedirectUris: int32(l.RedirectURIs),
		},
		Log: s.log.Named("rest"), Stopping: s.stopping,
		// Strangers do not have their bodies read. Whether the principal may make the
		// call is judged behind the gateway, by the guard.
		Admit: s.guard.Admit, Annotate: s.guard.Annotate,
	}
}

func refused(code codes.Code, reason clientpolicyv1.ErrorReason, message string) error {
	s, err := status.New(code, message).WithDetails(&errdetails.ErrorInfo{
		Domain: "sidegate.dev", Reason: strings.TrimPrefix(reason.String(), "ERROR_REASON_"),
	})
	if err != nil {
		return status.Error(code, message)
	}
	return s.Err()
}
