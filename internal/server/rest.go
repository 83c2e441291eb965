package server

import (
	"errors"
	"net/http"
	"strings"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/gateway"
	"go.uber.org/zap"
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
		Log:   s.log.Named("rest"),
		Admit: s.admit,
	}
}

// admit keeps strangers from having their bodies read. Whether the principal may
// make the call is judged behind the gateway, by the guard.
func (s *server) admit(r *http.Request) error {
	// RFC 9110 section 11.1: the scheme is case-insensitive.
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" || len(r.Header.Values("Authorization")) != 1 {
		return s.stranger(r, errors.New("no credentials"))
	}
	_, err := s.tokens.Authenticate(r.Context(), token)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, auth.ErrUnknownToken), errors.Is(err, auth.ErrTokenExpired):
		return s.stranger(r, err)
	}
	s.log.Error("credentials could not be checked", zap.Error(err))
	return refused(codes.Unavailable, clientpolicyv1.ErrorReason_ERROR_REASON_STORAGE, "credentials cannot be checked now; the server's log says why")
}

func (s *server) stranger(r *http.Request, err error) error {
	s.log.Warn("call without valid credentials", zap.String("from", r.RemoteAddr), zap.String("method", r.Method), zap.Error(err))
	return refused(codes.Unauthenticated, clientpolicyv1.ErrorReason_ERROR_REASON_UNAUTHENTICATED,
		err.Error()+"; send the header `Authorization: Bearer TOKEN`")
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
