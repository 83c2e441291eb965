package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// ErrAnswer is wrapped by a [Verdict.Err] that refuses because the answer could
// not be understood or carried out, not because none came.
var ErrAnswer = errors.New("answer of the decision point cannot be used")

// retryAfter is what a caller of the provider is told to wait.
const retryAfter = 2 * time.Second

const (
	codeServerError = "server_error"
	codeUnavailable = "temporarily_unavailable"
)

// Verdict is a decision the provider can act on without looking at errors: what
// is not a complete ALLOW is a refusal.
type Verdict struct {
	// Response is never nil. When Err is set it is a REJECT with REASON_FAULT
	// made here, not an answer of the decision point.
	Response *clientpolicyv1.EvaluateResponse
	// Err says why the provider refuses on its own account; nil when the
	// decision point answered. It is for logs, not for callers.
	Err error
}

// Allowed reports whether the provider may go on, once it has applied the
// mutations and fulfils the obligations of the response.
func (v *Verdict) Allowed() bool {
	return v.Err == nil && v.Response.GetDecision() == clientpolicyv1.EvaluateResponse_DECISION_ALLOW
}

// Refusal is the error to send, with status and delivery; nil when allowed.
func (v *Verdict) Refusal() *clientpolicyv1.PolicyError {
	if v.Allowed() {
		return nil
	}
	return v.Response.GetError()
}

// RetryAfter is what belongs into a Retry-After header; zero unless no decision
// could be had.
func (v *Verdict) RetryAfter() time.Duration {
	if v.Err == nil || errors.Is(v.Err, ErrAnswer) {
		return 0
	}
	return retryAfter
}

// Decide asks one question and fails closed. can names the obligations that the
// provider is able to fulfil at this point; any other one refuses.
func (c *Client) Decide(ctx context.Context, req *clientpolicyv1.EvaluateRequest, can ...Obligation) *Verdict {
	resp, err := c.Evaluate(ctx, req)
	return Judge(req, resp, err, can...)
}

// Judge turns the outcome of a question into a verdict, as [Client.Decide] does,
// for providers that ask by other means.
func Judge(req *clientpolicyv1.EvaluateRequest, resp *clientpolicyv1.EvaluateResponse, err error, can ...Obligation) *Verdict {
	if err != nil {
		return refuse(req, err)
	}
	switch resp.GetDecision() {
	case clientpolicyv1.EvaluateResponse_DECISION_ALLOW:
		return judgeAllow(req, resp, can)
	case clientpolicyv1.EvaluateResponse_DECISION_REJECT:
		return judgeReject(req, resp)
	default:
		return refuse(req, fmt.Errorf("%w: decision %v, expected ALLOW or REJECT", ErrAnswer, resp.GetDecision()))
	}
}

func judgeAllow(req *clientpolicyv1.EvaluateRequest, resp *clientpolicyv1.EvaluateResponse, can []Obligation) *Verdict {
	for _, o := range resp.GetObligations() {
		kind := KindOf(o)
		if kind == "" {
			return refuse(req, fmt.Errorf("%w: obligation of policy %q is unknown to this version", ErrAnswer, o.GetPolicy()))
		}
		if !slices.Contains(can, kind) {
			return refuse(req, fmt.Errorf("%w: obligation %s of policy %q cannot be fulfilled here", ErrAnswer, kind, o.GetPolicy()))
		}
	}
	return &Verdict{Response: resp}
}

func judgeReject(req *clientpolicyv1.EvaluateRequest, resp *clientpolicyv1.EvaluateResponse) *Verdict {
	if resp.GetError().GetCode() == "" {
		return refuse(req, fmt.Errorf("%w: rejection without an error code", ErrAnswer))
	}
	out := proto.CloneOf(resp)
	e := out.GetError()
	if e.GetHttpStatus() < 400 || e.GetHttpStatus() > 599 {
		e.HttpStatus = http.StatusBadRequest
	}
	if out.GetReason() == clientpolicyv1.EvaluateResponse_REASON_FAULT && e.GetHttpStatus() < 500 {
		e.HttpStatus = http.StatusInternalServerError
	}
	switch e.GetDelivery() {
	case clientpolicyv1.PolicyError_DELIVERY_DIRECT, clientpolicyv1.PolicyError_DELIVERY_PAGE:
	case clientpolicyv1.PolicyError_DELIVERY_REDIRECT:
		// RFC 6749 section 4.1.2.1: no redirect unless the URI was proven.
		if req.GetRequest().GetRedirectUri() == "" {
			e.Delivery = clientpolicyv1.PolicyError_DELIVERY_PAGE
		}
	default:
		e.Delivery = delivery(req)
	}
	return &Verdict{Response: out}
}

// refuse makes the rejection that the provider owes its caller when it has no
// decision it can use.
func refuse(req *clientpolicyv1.EvaluateRequest, err error) *Verdict {
	e := &clientpolicyv1.PolicyError{
		Code:        codeUnavailable,
		Description: "The policies of this provider cannot be asked at the moment. Try again later.",
		HttpStatus:  http.StatusServiceUnavailable,
		Delivery:    delivery(req),
	}
	finding := "no decision: " + status.Convert(err).Message()
	remedy := "Start the decision point, or make it reachable for this provider."
	if errors.Is(err, ErrAnswer) {
		e.Code, e.HttpStatus = codeServerError, http.StatusInternalServerError
		e.Description = "The policies of this provider ask for something that it cannot do."
		finding, remedy = err.Error(), "Change the policy, or use a provider that supports it."
	}
	return &Verdict{Err: err, Response: &clientpolicyv1.EvaluateResponse{
		Decision: clientpolicyv1.EvaluateResponse_DECISION_REJECT,
		Reason:   clientpolicyv1.EvaluateResponse_REASON_FAULT,
		Error:    e,
		Findings: []*clientpolicyv1.Finding{{Error: e.GetCode(), Description: finding, Remedy: remedy, Enforced: true}},
	}}
}

// delivery says how an error reaches the caller at the point of the event.
func delivery(req *clientpolicyv1.EvaluateRequest) clientpolicyv1.PolicyError_Delivery {
	switch req.GetEvent() {
	case clientpolicyv1.Event_EVENT_PRE_AUTHORIZATION_REQUEST,
		clientpolicyv1.Event_EVENT_SAML_AUTHN_REQUEST,
		clientpolicyv1.Event_EVENT_SAML_LOGOUT_REQUEST:
		return clientpolicyv1.PolicyError_DELIVERY_PAGE
	case clientpolicyv1.Event_EVENT_AUTHORIZATION_REQUEST,
		clientpolicyv1.Event_EVENT_IMPLICIT_HYBRID_TOKEN_RESPONSE:
		// RFC 6749 section 4.1.2.1: no redirect unless the URI was proven.
		if req.GetRequest().GetRedirectUri() == "" {
			return clientpolicyv1.PolicyError_DELIVERY_PAGE
		}
		return clientpolicyv1.PolicyError_DELIVERY_REDIRECT
	case clientpolicyv1.Event_EVENT_LOGOUT_REQUEST:
		if req.GetRequest().GetLogout() == clientpolicyv1.OAuthRequest_LOGOUT_FRONT_CHANNEL {
			return clientpolicyv1.PolicyError_DELIVERY_PAGE
		}
	}
	return clientpolicyv1.PolicyError_DELIVERY_DIRECT
}
