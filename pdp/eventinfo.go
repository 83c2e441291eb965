package pdp

// EventInfo describes an event.
type EventInfo struct {
	// Doc says in a sentence when the identity provider asks.
	Doc string
	// Spec names documents and clauses that define the request; none defines
	// IDENTITY_BROKERING_API, which is Keycloak's own.
	Spec []string
}

// DescribeEvent returns the description of one of the 35 events, and an empty one
// of any other.
func DescribeEvent(e Event) EventInfo {
	if !KnownEvent(e) {
		return EventInfo{}
	}
	return eventInfos[e]
}

var eventInfos = [eventCount]EventInfo{
	Register: {
		"Before a client is created, once its creator is known to be allowed to.", []string{"RFC 7591 §3.1"},
	},
	Registered: {
		"After a client was created, while the write can still be undone.", []string{"RFC 7591 §3.2.1"},
	},
	Update: {
		"Before a client is changed, once whoever changes it is known to be allowed to.", []string{"RFC 7592 §2.2"},
	},
	Updated: {
		"After a client or its secret was changed, while the write can still be undone.", []string{"RFC 7592 §2.2"},
	},
	View:       {"Before a client is shown to an administrator or to itself.", []string{"RFC 7592 §2.1"}},
	Unregister: {"Before a client is deleted.", []string{"RFC 7592 §2.3"}},
	PreAuthorizationRequest: {
		"When an authorization request arrives with its client id, before anything else of it is read or trusted.",
		[]string{"RFC 6749 §3.1"},
	},
	AuthorizationRequest: {
		"When an authorization request was merged and its redirect URI proven, before the user sees anything.",
		[]string{"RFC 6749 §4.1.1", "OIDC Core §3.1.2.1"},
	},
	ImplicitHybridTokenResponse: {
		"Before a token or an ID token leaves through the browser.",
		[]string{"RFC 6749 §4.2.2", "OIDC Core §3.2.2.5", "OIDC Core §3.3.2.5"},
	},
	PreTokenRequest: {
		"When a code arrives at the token endpoint, before the client is authenticated.", []string{"RFC 6749 §3.2"},
	},
	TokenRequest: {
		"When a code is redeemed by its authenticated client, before tokens are made.", []string{"RFC 6749 §4.1.3"},
	},
	TokenResponse: {"Before the tokens for a code are returned.", []string{"RFC 6749 §4.1.4"}},
	ServiceAccountTokenRequest: {
		"When an authenticated client asks for a token of its own, before it is made.", []string{"RFC 6749 §4.4.2"},
	},
	ServiceAccountTokenResponse: {
		"Before the token of a client credentials grant is returned.", []string{"RFC 6749 §4.4.3"},
	},
	TokenRefresh: {
		"When a refresh token arrives from its authenticated client, before the token is verified.", []string{"RFC 6749 §6"},
	},
	TokenRefreshResponse: {"Before refreshed tokens are returned.", []string{"RFC 6749 §6"}},
	TokenRevoke:          {"Before a token is revoked.", []string{"RFC 7009 §2.1"}},
	TokenRevokeResponse:  {"After a token was revoked.", []string{"RFC 7009 §2.2"}},
	TokenIntrospect: {
		"Before a token is introspected, once whoever asks is authenticated.", []string{"RFC 7662 §2.1"},
	},
	UserinfoRequest: {
		"Before claims about a user are answered, once the access token is verified.", []string{"OIDC Core §5.3.1"},
	},
	LogoutRequest: {
		"Before a session ends: by a refresh token at the logout endpoint, or for each client that is logged out through " +
			"the browser, which comes without a token.",
		[]string{"OIDC Front-Channel Logout §2"},
	},
	BackchannelAuthenticationRequest: {
		"When a CIBA authentication request was parsed and its user found, before the user is asked.", []string{"CIBA Core §7.1"},
	},
	BackchannelTokenRequest: {
		"On every poll of a CIBA grant, before it is known whether the user has agreed.", []string{"CIBA Core §10.1"},
	},
	BackchannelTokenResponse: {"Before the tokens of a CIBA grant are returned.", []string{"CIBA Core §10.1.1"}},
	PushedAuthorizationRequest: {
		"When an authenticated client pushes an authorization request, before its content is judged and stored.",
		[]string{"RFC 9126 §2.1"},
	},
	DeviceAuthorizationRequest: {"Before a device gets its codes.", []string{"RFC 8628 §3.1"}},
	DeviceTokenRequest: {
		"When a device code is redeemed that the user has approved, before tokens are made.", []string{"RFC 8628 §3.4"},
	},
	DeviceTokenResponse: {"Before the tokens of a device grant are returned.", []string{"RFC 8628 §3.5"}},
	TokenExchangeRequest: {
		"When an authenticated client asks to exchange a token, before that token is verified.", []string{"RFC 8693 §2.1"},
	},
	ResourceOwnerPasswordCredentialsRequest: {
		"When a password arrives from its authenticated client, before it is checked.", []string{"RFC 6749 §4.3.2"},
	},
	ResourceOwnerPasswordCredentialsResponse: {
		"Before the tokens of a password grant are returned.", []string{"RFC 6749 §4.3.3"},
	},
	JWTAuthorizationGrant: {
		"When an assertion was verified and its user found, before tokens are made.", []string{"RFC 7523 §2.1"},
	},
	IdentityBrokeringAPI: {
		Doc: "Before a client gets the token that another identity provider issued to a user.",
	},
	SAMLAuthnRequest: {
		"When a SAML AuthnRequest of a known client arrives, before its destination and answer URL are checked.",
		[]string{"SAML 2.0 Core §3.4.1"},
	},
	SAMLLogoutRequest: {
		"When a SAML LogoutRequest of a known client arrives, before anybody is logged out.", []string{"SAML 2.0 Core §3.7.1"},
	},
}
