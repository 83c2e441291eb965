package pdp

import (
	"net/http"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp/oauth"
)

// answer turns what was found into the decision.
func (e *evaluation) answer() {
	out := e.out
	switch {
	case e.rejected:
		e.reject()
	case len(out.AppliedPolicies) == 0:
		out.Decision, out.Reason = pb.EvaluateResponse_DECISION_ALLOW, pb.EvaluateResponse_REASON_NO_POLICY_APPLIED
	default:
		out.Decision, out.Reason = pb.EvaluateResponse_DECISION_ALLOW, pb.EvaluateResponse_REASON_POLICIES_PASSED
	}
	if e.req.msg.Options.GetReturnClient() {
		out.Client = e.effectiveClient()
	}
	e.trace.end()
}

func (e *evaluation) reject() {
	out := e.out
	out.Decision, out.Reason = pb.EvaluateResponse_DECISION_REJECT, pb.EvaluateResponse_REASON_POLICY
	if e.fault {
		out.Reason = pb.EvaluateResponse_REASON_FAULT
	}
	out.Error = &pb.PolicyError{
		Code: e.first.Code, Description: e.first.describe(), HttpStatus: int32(e.first.Status), Delivery: e.delivery(),
	}
	out.WireError = e.wireError(out.Error)
	out.Mutations, out.Obligations = out.Mutations[:0], out.Obligations[:0]
}

// delivery is by events.md C26: a redirect only to a URI that was proven and that
// no enforced finding, the first or a later one, calls unsafe (contract 2.2, RFC
// 9700 section 4.11.2).
func (e *evaluation) delivery() pb.PolicyError_Delivery {
	switch e.req.msg.Event {
	case PreAuthorizationRequest, SAMLAuthnRequest, SAMLLogoutRequest:
		return pb.PolicyError_DELIVERY_PAGE
	case LogoutRequest:
		if e.req.FrontChannelLogout() {
			return pb.PolicyError_DELIVERY_PAGE
		}
	case AuthorizationRequest, ImplicitHybridTokenResponse:
		if e.req.msg.Request.GetRedirectUri() != "" && !e.unsafe {
			return pb.PolicyError_DELIVERY_REDIRECT
		}
		return pb.PolicyError_DELIVERY_PAGE
	}
	return pb.PolicyError_DELIVERY_DIRECT
}

// wireError is what Keycloak's endpoint makes of an error (events.md A2). A fault
// is our own and stays as it is.
func (e *evaluation) wireError(err *pb.PolicyError) *pb.PolicyError {
	wire := &pb.PolicyError{Code: err.Code, Description: err.Description, HttpStatus: err.HttpStatus, Delivery: err.Delivery}
	if e.fault {
		return wire
	}
	wire.HttpStatus, wire.Delivery = redirectStatus(err.Delivery, err.HttpStatus), e.wireDelivery(err.Delivery)
	switch event := e.req.msg.Event; {
	case ClientWrites.Has(event), event == View, event == Unregister:
		e.registrationError(wire)
	case grantErrors.Has(event):
		wire.Code, wire.HttpStatus = oauth.InvalidGrant, http.StatusBadRequest
	case event == TokenIntrospect:
		wire.Code, wire.HttpStatus = oauth.InvalidRequest, http.StatusBadRequest
	case fixedStatus.Has(event):
		wire.HttpStatus = http.StatusBadRequest
	case event == UserinfoRequest && err.Code == oauth.NotAllowed:
		// RFC 6750 section 3.1; Keycloak's endpoint crashes on the executor's code.
		wire.Code, wire.HttpStatus = oauth.InvalidToken, http.StatusUnauthorized
	}
	return wire
}

// wireDelivery is that of Keycloak's endpoints where it is not ours (events.md A2):
// a logout that a browser makes is answered with JSON, and what is wrong with a
// client of a metadata document comes out of the authorization endpoint as a page.
func (e *evaluation) wireDelivery(d pb.PolicyError_Delivery) pb.PolicyError_Delivery {
	switch event := e.req.msg.Event; {
	case event == LogoutRequest:
		return pb.PolicyError_DELIVERY_DIRECT
	case ClientWrites.Has(event) && e.req.Channel() == ChannelMetadataDocument:
		return pb.PolicyError_DELIVERY_PAGE
	}
	return d
}

// grantErrors are the events whose errors Keycloak always calls invalid_grant.
var grantErrors = On(TokenRequest, BackchannelTokenRequest, DeviceTokenRequest)

// fixedStatus are the events whose errors always have status 400.
var fixedStatus = On(ServiceAccountTokenRequest, PushedAuthorizationRequest, BackchannelAuthenticationRequest,
	DeviceAuthorizationRequest, SAMLAuthnRequest, SAMLLogoutRequest)

func redirectStatus(d pb.PolicyError_Delivery, status int32) int32 {
	if d == pb.PolicyError_DELIVERY_REDIRECT {
		return http.StatusFound
	}
	return status
}

// registrationError is that of the administration API, of a metadata document, or of
// dynamic registration, which hides the error of everything but -ED events.
func (e *evaluation) registrationError(wire *pb.PolicyError) {
	wire.HttpStatus = http.StatusBadRequest
	event := e.req.msg.Event
	switch e.req.Channel() {
	case ChannelAnonymous, ChannelInitialAccessToken, ChannelRegistrationAccessToken, ChannelAuthenticatedUser:
		if event != Registered && event != Updated {
			wire.Description, wire.Code, wire.HttpStatus = wire.Code, oauth.InsufficientScope, http.StatusForbidden
		}
	}
}
