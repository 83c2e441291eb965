package gateway_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/gateway"
)

// reply is a service error.
func reply(code codes.Code, message, domain, reason string, violations ...*errdetails.BadRequest_FieldViolation) error {
	var details []protoadapt.MessageV1
	if reason != "" {
		details = append(details, &errdetails.ErrorInfo{Domain: domain, Reason: reason})
	}
	if len(violations) > 0 {
		details = append(details, &errdetails.BadRequest{FieldViolations: violations})
	}
	st, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return st.Err()
}

// reasons are the statuses that errors.proto and the contract promise.
var reasons = map[string]int{
	"INVALID_DOCUMENT": 400, "REALM_NOT_FOUND": 404, "PROFILE_NOT_FOUND": 404, "POLICY_NOT_FOUND": 404, "ALREADY_EXISTS": 409,
	"ETAG_MISMATCH": 412, "IF_MATCH_REQUIRED": 428, "CONFLICT": 409, "PAGE_EXPIRED": 410, "PROFILE_IN_USE": 409, "REALM_NOT_EMPTY": 409,
	"READ_ONLY": 403, "TOO_LARGE": 413, "UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403, "REVISION_NOT_REACHED": 503, "BUSY": 503, "ISSUER_UNAVAILABLE": 503, "STORAGE": 503,
	"REVISION_NOT_FOUND": 404, "CATALOGUE_ENTRY_NOT_FOUND": 404, "DECISION_NOT_FOUND": 404, "DECISION_LOG_OFF": 409, "REQUEST_NOT_KEPT": 409,
	"TOO_MANY_ATTEMPTS": 429,
}

func TestReasons(t *testing.T) {
	all := slices.DeleteFunc(slices.Collect(maps.Keys(pb.ErrorReason_value)), func(name string) bool { return name == "ERROR_REASON_UNSPECIFIED" })
	if len(all) != len(reasons) {
		t.Errorf("%d reasons, %d statuses", len(all), len(reasons))
	}
	f, r := serve(t, options())
	for _, name := range all {
		reason := strings.TrimPrefix(name, "ERROR_REASON_")
		f.answers(func(ctx context.Context, _ call) (proto.Message, error) {
			_ = grpc.SetHeader(ctx, metadata.Pairs("etag", `"current"`))
			// The reason decides, not the code.
			return nil, reply(codes.FailedPrecondition, "what is wrong", "sidegate.dev", reason)
		})
		a := r.do(t, "GET", "/v1/realms/r", "")
		p := refused(t, a, reasons[reason])
		wantType := "tag:sidegate.dev,2026:" + strings.ReplaceAll(strings.ToLower(reason), "_", "-")
		if p.Reason != reason || p.Type != wantType || (p.Detail == "what is wrong") != (reason != "STORAGE") {
			t.Errorf("%s: got %+v", reason, p)
		}
		if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", reason, a.header)
		}
		for header, want := range map[string]string{
			"Etag":             map[int]string{412: `"current"`}[p.Status],
			"Www-Authenticate": map[int]string{401: "Bearer"}[p.Status],
			"Retry-After":      map[int]string{429: "1", 503: "1"}[p.Status],
		} {
			if got := a.header.Get(header); got != want {
				t.Errorf("%s: %s: got %q, want %q", reason, header, got, want)
			}
		}
	}
}

func TestCodes(t *testing.T) {
	const secret = "open /var/lib/sidegate/db: permission denied"
	core, logged := observer.New(zapcore.ErrorLevel)
	o := options()
	o.Log = zap.New(core)
	f, r := serve(t, o)
	for _, tc := range []struct {
		err    error
		status int
		open   bool
	}{
		{status.Error(codes.InvalidArgument, secret), 400, true},
		{status.Error(codes.FailedPrecondition, secret), 400, true},
		{status.Error(codes.OutOfRange, secret), 400, true},
		{status.Error(codes.Unauthenticated, secret), 401, true},
		{status.Error(codes.PermissionDenied, secret), 403, true},
		{status.Error(codes.NotFound, secret), 404, true},
		{status.Error(codes.AlreadyExists, secret), 409, true},
		{status.Error(codes.Aborted, secret), 409, true},
		{status.Error(codes.ResourceExhausted, secret), 429, true},
		{status.Error(codes.Internal, secret), 500, false},
		{status.Error(codes.Unknown, secret), 500, false},
		{status.Error(codes.DataLoss, secret), 500, false},
		{errors.New(secret), 500, false},
		{status.Error(codes.Unimplemented, secret), 501, false},
		{status.Error(codes.Unavailable, secret), 503, false},
		{status.Error(codes.DeadlineExceeded, secret), 504, false},
		{reply(codes.Unavailable, secret, "sidegate.dev", "STORAGE"), 503, false},
		{reply(codes.Internal, secret, "sidegate.dev", "NO_SUCH_REASON"), 500, false},
		{reply(codes.Internal, secret, "sidegate.dev", "UNSPECIFIED"), 500, false},
		{reply(codes.Internal, secret, "other.example", "ETAG_MISMATCH"), 500, false},
	} {
		f.answers(func(context.Context, call) (proto.Message, error) { return nil, tc.err })
		a := r.do(t, "GET", "/v1/realms/r", "")
		p := refused(t, a, tc.status)
		if strings.Contains(a.body, secret) != tc.open {
			t.Errorf("%v: got %s", tc.err, a.body)
		}
		if p.Detail == "" || !tc.open && p.Reason != "" && p.Reason != "STORAGE" {
			t.Errorf("%v: got %+v", tc.err, p)
		}
		if entries := logged.TakeAll(); (len(entries) == 1) == tc.open {
			t.Errorf("%v: %d log entries", tc.err, len(entries))
		} else if !tc.open && entries[0].ContextMap()["rpc"] != "/clientpolicy.v1.RealmService/GetRealm" {
			t.Errorf("%v: logged %v", tc.err, entries[0].ContextMap())
		}
		if tc.status == 401 && a.header.Get("Www-Authenticate") != "Bearer" {
			t.Error("401 without a challenge")
		}
	}
}

func TestViolations(t *testing.T) {
	f, r := serve(t, options())
	f.answers(func(context.Context, call) (proto.Message, error) {
		return nil, reply(codes.InvalidArgument, "2 problems", "sidegate.dev", "INVALID_DOCUMENT",
			&errdetails.BadRequest_FieldViolation{Field: "/name", Description: "too long"},
			&errdetails.BadRequest_FieldViolation{Field: "/executors/0/executor", Description: `unknown; did you mean "x"?`})
	})
	p := refused(t, r.do(t, "POST", "/v1/realms/r/profiles", "{}"), 400)
	want := []violation{{Field: "/name", Description: "too long"}, {Field: "/executors/0/executor", Description: `unknown; did you mean "x"?`}}
	if diff := cmp.Diff(want, p.Violations); diff != "" || p.Detail != "2 problems" || p.Line != 0 {
		t.Errorf("got %+v %s", p, diff)
	}
}

func TestRetryAfter(t *testing.T) {
	f, r := serve(t, options())
	for wait, want := range map[time.Duration]string{0: "1", time.Millisecond: "1", time.Second: "1", 1001 * time.Millisecond: "2", time.Minute: "60", -time.Hour: "1"} {
		for reason, code := range map[string]int{"TOO_MANY_ATTEMPTS": 429, "BUSY": 503} {
			st, err := status.New(codes.Unavailable, "wait").WithDetails(
				&errdetails.ErrorInfo{Domain: "sidegate.dev", Reason: reason}, &errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
			if err != nil {
				t.Fatal(err)
			}
			f.answers(func(context.Context, call) (proto.Message, error) { return nil, st.Err() })
			a := r.do(t, "GET", "/v1/realms/r", "")
			if refused(t, a, code); a.header.Get("Retry-After") != want {
				t.Errorf("%s after %s: got %q, want %q", reason, wait, a.header.Get("Retry-After"), want)
			}
		}
	}
}

func TestServiceGone(t *testing.T) {
	_, conn := connect(t)
	h, err := gateway.New(conn, options())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	a := listen(t, h).do(t, "GET", "/v1/server", "")
	if p := refused(t, a, 503); strings.Contains(a.body, "grpc") || a.header.Get("Retry-After") != "1" {
		t.Errorf("got %+v", p)
	}
}
