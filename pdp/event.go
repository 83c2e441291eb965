package pdp

import (
	"math/bits"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Event is what the identity provider is about to do, or has just done.
type Event = pb.Event

// The events, under the names of Keycloak's client policy events.
const (
	Register                                 = pb.Event_EVENT_REGISTER
	Registered                               = pb.Event_EVENT_REGISTERED
	Update                                   = pb.Event_EVENT_UPDATE
	Updated                                  = pb.Event_EVENT_UPDATED
	View                                     = pb.Event_EVENT_VIEW
	Unregister                               = pb.Event_EVENT_UNREGISTER
	PreAuthorizationRequest                  = pb.Event_EVENT_PRE_AUTHORIZATION_REQUEST
	AuthorizationRequest                     = pb.Event_EVENT_AUTHORIZATION_REQUEST
	ImplicitHybridTokenResponse              = pb.Event_EVENT_IMPLICIT_HYBRID_TOKEN_RESPONSE
	PreTokenRequest                          = pb.Event_EVENT_PRE_TOKEN_REQUEST
	TokenRequest                             = pb.Event_EVENT_TOKEN_REQUEST
	TokenResponse                            = pb.Event_EVENT_TOKEN_RESPONSE
	ServiceAccountTokenRequest               = pb.Event_EVENT_SERVICE_ACCOUNT_TOKEN_REQUEST
	ServiceAccountTokenResponse              = pb.Event_EVENT_SERVICE_ACCOUNT_TOKEN_RESPONSE
	TokenRefresh                             = pb.Event_EVENT_TOKEN_REFRESH
	TokenRefreshResponse                     = pb.Event_EVENT_TOKEN_REFRESH_RESPONSE
	TokenRevoke                              = pb.Event_EVENT_TOKEN_REVOKE
	TokenRevokeResponse                      = pb.Event_EVENT_TOKEN_REVOKE_RESPONSE
	TokenIntrospect                          = pb.Event_EVENT_TOKEN_INTROSPECT
	UserinfoRequest                          = pb.Event_EVENT_USERINFO_REQUEST
	LogoutRequest                            = pb.Event_EVENT_LOGOUT_REQUEST
	BackchannelAuthenticationRequest         = pb.Event_EVENT_BACKCHANNEL_AUTHENTICATION_REQUEST
	BackchannelTokenRequest                  = pb.Event_EVENT_BACKCHANNEL_TOKEN_REQUEST
	BackchannelTokenResponse                 = pb.Event_EVENT_BACKCHANNEL_TOKEN_RESPONSE
	PushedAuthorizationRequest               = pb.Event_EVENT_PUSHED_AUTHORIZATION_REQUEST
	DeviceAuthorizationRequest               = pb.Event_EVENT_DEVICE_AUTHORIZATION_REQUEST
	DeviceTokenRequest                       = pb.Event_EVENT_DEVICE_TOKEN_REQUEST
	DeviceTokenResponse                      = pb.Event_EVENT_DEVICE_TOKEN_RESPONSE
	TokenExchangeRequest                     = pb.Event_EVENT_TOKEN_EXCHANGE_REQUEST
	ResourceOwnerPasswordCredentialsRequest  = pb.Event_EVENT_RESOURCE_OWNER_PASSWORD_CREDENTIALS_REQUEST
	ResourceOwnerPasswordCredentialsResponse = pb.Event_EVENT_RESOURCE_OWNER_PASSWORD_CREDENTIALS_RESPONSE
	JWTAuthorizationGrant                    = pb.Event_EVENT_JWT_AUTHORIZATION_GRANT
	IdentityBrokeringAPI                     = pb.Event_EVENT_IDENTITY_BROKERING_API
	SAMLAuthnRequest                         = pb.Event_EVENT_SAML_AUTHN_REQUEST
	SAMLLogoutRequest                        = pb.Event_EVENT_SAML_LOGOUT_REQUEST
)

// eventCount is one more than the greatest event number.
const eventCount = int(SAMLLogoutRequest) + 1

// KnownEvent reports whether e is one of the 35 events.
func KnownEvent(e Event) bool { return e > 0 && int(e) < eventCount }

// EventName returns the name of e without its prefix, as Keycloak spells it.
func EventName(e Event) string { return strings.TrimPrefix(e.String(), "EVENT_") }

// EventSet is a set of events. The zero value is the empty set.
type EventSet uint64

// On returns the set of the given events.
func On(events ...Event) EventSet {
	var s EventSet
	for _, e := range events {
		s |= 1 << uint(e)
	}
	return s
}

// AllEvents is the set of all 35 events.
const AllEvents EventSet = 1<<eventCount - 2

// ClientWrites are the four events around the writing of a client.
var ClientWrites = On(Register, Registered, Update, Updated)

// Has reports whether e is in the set.
func (s EventSet) Has(e Event) bool { return s&(1<<uint(e)) != 0 }

// Without returns the set without the given events.
func (s EventSet) Without(events ...Event) EventSet { return s &^ On(events...) }

// List returns the events of the set in the order of their numbers.
func (s EventSet) List() []Event {
	list := make([]Event, 0, bits.OnesCount64(uint64(s)))
	for e := Event(1); int(e) < eventCount; e++ {
		if s.Has(e) {
			list = append(list, e)
		}
	}
	return list
}
