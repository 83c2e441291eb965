package pdp_test

import (
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	direct   = pb.PolicyError_DELIVERY_DIRECT
	redirect = pb.PolicyError_DELIVERY_REDIRECT
	page     = pb.PolicyError_DELIVERY_PAGE
)

// wire is what reject-request, whose error is invalid_request with status 400,
// becomes on the wire, and how it is delivered (events.md A2, C26).
var wire = []struct {
	event    pb.Event
	code     string
	status   int32
	delivery pb.PolicyError_Delivery
}{
	{pdp.Register, "invalid_request", 400, direct},
	{pdp.Registered, "invalid_request", 400, direct},
	{pdp.Update, "invalid_request", 400, direct},
	{pdp.Updated, "invalid_request", 400, direct},
	{pdp.View, "invalid_request", 400, direct},
	{pdp.Unregister, "invalid_request", 400, direct},
	{pdp.PreAuthorizationRequest, "invalid_request", 400, page},
	{pdp.AuthorizationRequest, "invalid_request", 302, redirect},
	{pdp.ImplicitHybridTokenResponse, "invalid_request", 302, redirect},
	{pdp.PreTokenRequest, "invalid_request", 400, direct},
	{pdp.TokenRequest, "invalid_grant", 400, direct},
	{pdp.TokenResponse, "invalid_request", 400, direct},
	{pdp.ServiceAccountTokenRequest, "invalid_request", 400, direct},
	{pdp.ServiceAccountTokenResponse, "invalid_request", 400, direct},
	{pdp.TokenRefresh, "invalid_request", 400, direct},
	{pdp.TokenRefreshResponse, "invalid_request", 400, direct},
	{pdp.TokenRevoke, "invalid_request", 400, direct},
	{pdp.TokenRevokeResponse, "invalid_request", 400, direct},
	{pdp.TokenIntrospect, "invalid_request", 400, direct},
	{pdp.UserinfoRequest, "invalid_request", 400, direct},
	{pdp.LogoutRequest, "invalid_request", 400, direct},
	{pdp.BackchannelAuthenticationRequest, "invalid_request", 400, direct},
	{pdp.BackchannelTokenRequest, "invalid_grant", 400, direct},
	{pdp.BackchannelTokenResponse, "invalid_request", 400, direct},
	{pdp.PushedAuthorizationRequest, "invalid_request", 400, direct},
	{pdp.DeviceAuthorizationRequest, "invalid_request", 400, direct},
	{pdp.DeviceTokenRequest, "invalid_grant", 400, direct},
	{pdp.DeviceTokenResponse, "invalid_request", 400, direct},
	{pdp.TokenExchangeRequest, "invalid_request", 400, direct},
	{pdp.ResourceOwnerPasswordCredentialsRequest, "invalid_request", 400, direct},
	{pdp.ResourceOwnerPasswordCredentialsResponse, "invalid_request", 400, direct},
	{pdp.JWTAuthorizationGrant, "invalid_request", 400, direct},
	{pdp.IdentityBrokeringAPI, "invalid_request", 400, direct},
	{pdp.SAMLAuthnRequest, "invalid_request", 400, page},
	{pdp.SAMLLogoutRequest, "invalid_request", 400, page},
}

func TestWireOfEveryEvent(t *testing.T) {
	realm := compile(t, rejectAll())
	if len(wire) != 35 {
		t.Fatalf("the table has %d events, want 35", len(wire))
	}
	for _, w := range wire {
		t.Run(pdp.EventName(w.event), func(t *testing.T) {
			resp := evaluate(t, realm, requestFor(w.event))
			want(t, resp.Error, "invalid_request", 400, w.delivery)
			want(t, resp.WireError, w.code, w.status, w.delivery)
		})
	}
}

func TestWireOfRegistrationChannels(t *testing.T) {
	realm := compile(t, rejectAll())
	for _, c := range []struct {
		event    pb.Event
		channel  pb.Registration_Channel
		code     string
		status   int32
		delivery pb.PolicyError_Delivery
	}{
		{pdp.Register, pdp.ChannelAnonymous, "insufficient_scope", 403, direct},
		{pdp.Update, pdp.ChannelRegistrationAccessToken, "insufficient_scope", 403, direct},
		{pdp.View, pdp.ChannelInitialAccessToken, "insufficient_scope", 403, direct},
		{pdp.Unregister, pdp.ChannelAuthenticatedUser, "insufficient_scope", 403, direct},
		{pdp.Registered, pdp.ChannelAnonymous, "invalid_request", 400, direct},
		{pdp.Updated, pdp.ChannelInitialAccessToken, "invalid_request", 400, direct},
		{pdp.Register, pdp.ChannelMetadataDocument, "invalid_request", 400, page},
		{pdp.Updated, pdp.ChannelMetadataDocument, "invalid_request", 400, page},
	} {
		req := requestFor(c.event)
		req.Registration = &pb.Registration{Channel: c.channel}
		resp := evaluate(t, realm, req)
		want(t, resp.WireError, c.code, c.status, c.delivery)
		if c.code == "insufficient_scope" && resp.WireError.Description != "invalid_request" {
			t.Errorf("%v %v: description %q, want the executor's code", c.event, c.channel, resp.WireError.Description)
		}
	}
}

func TestDeliveryWithoutProvenRedirectURI(t *testing.T) {
	realm := compile(t, rejectAll())
	for _, event := range []pb.Event{pdp.AuthorizationRequest, pdp.ImplicitHybridTokenResponse} {
		req := requestFor(event)
		req.Request.RedirectUri = ""
		want(t, evaluate(t, realm, req).WireError, "invalid_request", 400, page)
	}
	logout := requestFor(pdp.LogoutRequest)
	logout.Request.Logout = pb.OAuthRequest_LOGOUT_FRONT_CHANNEL
	want(t, evaluate(t, realm, logout).Error, "invalid_request", 400, page)
	want(t, evaluate(t, realm, logout).WireError, "invalid_request", 400, direct)
}

func want(t *testing.T, got *pb.PolicyError, code string, status int32, delivery pb.PolicyError_Delivery) {
	t.Helper()
	if got.GetCode() != code || got.GetHttpStatus() != status || got.GetDelivery() != delivery {
		t.Errorf("got %s %d %v, want %s %d %v", got.GetCode(), got.GetHttpStatus(), got.GetDelivery(), code, status, delivery)
	}
}

// requestFor returns a request with everything that its event requires.
func requestFor(e pb.Event) *pb.EvaluateRequest {
	return &pb.EvaluateRequest{
		Event:  e,
		Client: &pb.Client{ClientId: proto.String("shop"), Protocol: proto.String("openid-connect")}, ProposedClient: &pb.Client{},
		Registration: &pb.Registration{Channel: pdp.ChannelAdmin},
		Request:      &pb.OAuthRequest{RedirectUri: "https://app.acme.example/cb"},
		Token:        &pb.TokenFacts{Claims: &structpb.Struct{}}, SubjectToken: &pb.TokenFacts{},
	}
}
