package client_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sidegate/sidegate/client"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

func TestRPCErrorsRefuse(t *testing.T) {
	redirect := &clientpolicyv1.OAuthRequest{RedirectUri: "https://c.example/cb"}
	front := &clientpolicyv1.OAuthRequest{Logout: clientpolicyv1.OAuthRequest_LOGOUT_FRONT_CHANNEL}
	for _, tc := range []struct {
		name string
		req  *clientpolicyv1.EvaluateRequest
		want clientpolicyv1.PolicyError_Delivery
	}{
		{"before the client is known", &clientpolicyv1.EvaluateRequest{Event: clientpolicyv1.Event_EVENT_PRE_AUTHORIZATION_REQUEST, Request: redirect}, clientpolicyv1.PolicyError_DELIVERY_PAGE},
		{"redirect URI proven", &clientpolicyv1.EvaluateRequest{Event: clientpolicyv1.Event_EVENT_AUTHORIZATION_REQUEST, Request: redirect}, clientpolicyv1.PolicyError_DELIVERY_REDIRECT},
		{"redirect URI not proven", &clientpolicyv1.EvaluateRequest{Event: clientpolicyv1.Event_EVENT_AUTHORIZATION_REQUEST}, clientpolicyv1.PolicyError_DELIVERY_PAGE},
		{"token endpoint", &clientpolicyv1.EvaluateRequest{Event: clientpolicyv1.Event_EVENT_TOKEN_REQUEST}, clientpolicyv1.PolicyError_DELIVERY_DIRECT},
		{"saml", &clientpolicyv1.EvaluateRequest{Event: clientpolicyv1.Event_EVENT_SAML_AUTHN_REQUEST}, clientpolicyv1.PolicyError_DELIVERY_PAGE},
		{"front-channel logout", &clientpolicyv1.EvaluateRequest{Event: clientpolicyv1.Event_EVENT_LOGOUT_REQUEST, Request: front}, clientpolicyv1.PolicyError_DELIVERY_PAGE},
		{"logout by token", &clientpolicyv1.EvaluateRequest{Event: clientpolicyv1.Event_EVENT_LOGOUT_REQUEST}, clientpolicyv1.PolicyError_DELIVERY_DIRECT},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
				v := client.Judge(tc.req, nil, status.Error(code, "x"))
				checkRefusal(t, v, "temporarily_unavailable", http.StatusServiceUnavailable)
				if v.RetryAfter() <= 0 {
					t.Errorf("%v: no Retry-After", code)
				}
				if got := v.Refusal().GetDelivery(); got != tc.want {
					t.Errorf("%v: delivery %v, want %v", code, got, tc.want)
				}
			}
		})
	}
}

func checkRefusal(t *testing.T, v *client.Verdict, code string, httpStatus int32) {
	t.Helper()
	if v.Allowed() || v.Response.GetDecision() != clientpolicyv1.EvaluateResponse_DECISION_REJECT {
		t.Fatalf("decision %v, want a rejection", v.Response.GetDecision())
	}
	if v.Response.GetReason() != clientpolicyv1.EvaluateResponse_REASON_FAULT {
		t.Errorf("reason %v, want REASON_FAULT", v.Response.GetReason())
	}
	e := v.Refusal()
	if e.GetCode() != code || e.GetHttpStatus() != httpStatus || e.GetDescription() == "" {
		t.Errorf("error %v, want %s with status %d and a description", e, code, httpStatus)
	}
	if len(v.Response.GetMutations()) != 0 || len(v.Response.GetObligations()) != 0 {
		t.Error("a refusal carries mutations or obligations")
	}
}

func TestUnusableAnswersRefuse(t *testing.T) {
	suppress := &clientpolicyv1.Obligation{Obligation: &clientpolicyv1.Obligation_SuppressRefreshToken{SuppressRefreshToken: &clientpolicyv1.SuppressRefreshToken{}}}
	for _, tc := range []struct {
		name string
		resp *clientpolicyv1.EvaluateResponse
	}{
		{"nothing", nil},
		{"unspecified", &clientpolicyv1.EvaluateResponse{}},
		{"unknown decision", &clientpolicyv1.EvaluateResponse{Decision: 77}},
		{"rejection without error", &clientpolicyv1.EvaluateResponse{Decision: clientpolicyv1.EvaluateResponse_DECISION_REJECT}},
		{"obligation of a newer version", with(allow, &clientpolicyv1.Obligation{Policy: "p"})},
		{"obligation that cannot be fulfilled", with(allow, suppress)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := client.Judge(&clientpolicyv1.EvaluateRequest{}, tc.resp, nil, client.RestrictScopes)
			checkRefusal(t, v, "server_error", http.StatusInternalServerError)
			if !errors.Is(v.Err, client.ErrAnswer) || v.RetryAfter() != 0 {
				t.Errorf("err %v, retry %v; want ErrAnswer and no retry", v.Err, v.RetryAfter())
			}
		})
	}
	if v := client.Judge(&clientpolicyv1.EvaluateRequest{}, with(allow, suppress), nil, client.SuppressRefreshToken); !v.Allowed() || v.Refusal() != nil {
		t.Errorf("an obligation that can be fulfilled refused: %v", v.Err)
	}
}

func with(r *clientpolicyv1.EvaluateResponse, o *clientpolicyv1.Obligation) *clientpolicyv1.EvaluateResponse {
	return &clientpolicyv1.EvaluateResponse{Decision: r.GetDecision(), Reason: r.GetReason(), Obligations: []*clientpolicyv1.Obligation{o}}
}

func TestRejections(t *testing.T) {
	reject := func(reason clientpolicyv1.EvaluateResponse_Reason, e *clientpolicyv1.PolicyError) *clientpolicyv1.EvaluateResponse {
		return &clientpolicyv1.EvaluateResponse{Decision: clientpolicyv1.EvaluateResponse_DECISION_REJECT, Reason: reason, Error: e}
	}
	for _, tc := range []struct {
		name         string
		resp         *clientpolicyv1.EvaluateResponse
		wantStatus   int32
		wantDelivery clientpolicyv1.PolicyError_Delivery
	}{
		{"as sent", reject(clientpolicyv1.EvaluateResponse_REASON_POLICY, &clientpolicyv1.PolicyError{Code: "c", HttpStatus: 401, Delivery: clientpolicyv1.PolicyError_DELIVERY_DIRECT}), 401, clientpolicyv1.PolicyError_DELIVERY_DIRECT},
		{"default status", reject(clientpolicyv1.EvaluateResponse_REASON_POLICY, &clientpolicyv1.PolicyError{Code: "c"}), 400, clientpolicyv1.PolicyError_DELIVERY_DIRECT},
		{"a status that is no error", reject(clientpolicyv1.EvaluateResponse_REASON_POLICY, &clientpolicyv1.PolicyError{Code: "c", HttpStatus: 200}), 400, clientpolicyv1.PolicyError_DELIVERY_DIRECT},
		{"fault", reject(clientpolicyv1.EvaluateResponse_REASON_FAULT, &clientpolicyv1.PolicyError{Code: "server_error", HttpStatus: 400}), 500, clientpolicyv1.PolicyError_DELIVERY_DIRECT},
		{"redirect without a proven URI", reject(clientpolicyv1.EvaluateResponse_REASON_POLICY, &clientpolicyv1.PolicyError{Code: "c", Delivery: clientpolicyv1.PolicyError_DELIVERY_REDIRECT}), 400, clientpolicyv1.PolicyError_DELIVERY_PAGE},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := client.Judge(&clientpolicyv1.EvaluateRequest{}, tc.resp, nil)
			if v.Allowed() || v.Err != nil || v.RetryAfter() != 0 {
				t.Fatalf("allowed %v, err %v", v.Allowed(), v.Err)
			}
			if got := v.Refusal(); got.GetHttpStatus() != tc.wantStatus || got.GetDelivery() != tc.wantDelivery {
				t.Errorf("%v, want status %d and %v", got, tc.wantStatus, tc.wantDelivery)
			}
		})
	}
}

func TestDecide(t *testing.T) {
	if v := dialBuf(t, always(allow, nil)).Decide(t.Context(), &clientpolicyv1.EvaluateRequest{}); !v.Allowed() {
		t.Errorf("ALLOW refused: %v", v.Err)
	}
	d := &decider{answer: func(context.Context, int32) (*clientpolicyv1.EvaluateResponse, error) {
		return nil, status.Error(codes.NotFound, "realm")
	}}
	if v := dialBuf(t, d).Decide(t.Context(), &clientpolicyv1.EvaluateRequest{}); v.Allowed() || status.Code(v.Err) != codes.NotFound {
		t.Errorf("allowed %v, err %v; want NotFound to refuse", v.Allowed(), v.Err)
	}
}

func TestEveryObligationHasAKind(t *testing.T) {
	known := map[client.Obligation]bool{
		client.SuppressRefreshToken: true, client.AuthenticationFlow: true, client.LightweightAccessToken: true,
		client.ClientSecretRotation: true, client.RestrictScopes: true, client.DPoPBindRefreshTokenOnly: true,
		client.KeepRegistrationAccessToken: true, client.FetchClientMetadata: true,
	}
	fields := (&clientpolicyv1.Obligation{}).ProtoReflect().Descriptor().Oneofs().ByName("obligation").Fields()
	for i := range fields.Len() {
		o := (&clientpolicyv1.Obligation{}).ProtoReflect()
		o.Set(fields.Get(i), o.NewField(fields.Get(i)))
		if kind := client.KindOf(o.Interface().(*clientpolicyv1.Obligation)); !known[kind] {
			t.Errorf("%s: kind %q has no constant", fields.Get(i).JSONName(), kind)
		}
	}
	if len(known) != fields.Len() {
		t.Errorf("%d constants for %d kinds", len(known), fields.Len())
	}
}
