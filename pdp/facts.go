package pdp

import (
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/types/known/structpb"
)

// Channel is the way by which a client document came.
type Channel = pb.Registration_Channel

// The channels.
const (
	ChannelAdmin                   = pb.Registration_CHANNEL_ADMIN
	ChannelAnonymous               = pb.Registration_CHANNEL_DCR_ANONYMOUS
	ChannelInitialAccessToken      = pb.Registration_CHANNEL_DCR_INITIAL_ACCESS_TOKEN
	ChannelRegistrationAccessToken = pb.Registration_CHANNEL_DCR_REGISTRATION_ACCESS_TOKEN
	ChannelAuthenticatedUser       = pb.Registration_CHANNEL_DCR_AUTHENTICATED_USER
	ChannelMetadataDocument        = pb.Registration_CHANNEL_METADATA_DOCUMENT
)

// Channel returns the way by which the client document came.
func (r *Request) Channel() Channel { return r.msg.Registration.GetChannel() }

// SecretRegenerated reports whether an administrator made a new secret.
func (r *Request) SecretRegenerated() bool {
	operation := r.msg.Registration.GetOperation()
	if operation == pb.Registration_OPERATION_UNSPECIFIED {
		r.absentMeaning("/registration/operation")
	}
	return operation == pb.Registration_OPERATION_SECRET_REGENERATION
}

// FrontChannelLogout reports whether a client is logged out through the browser.
func (r *Request) FrontChannelLogout() bool {
	logout := r.msg.Request.GetLogout()
	if logout == pb.OAuthRequest_LOGOUT_UNSPECIFIED {
		r.absentMeaning("/request/logout")
	}
	return logout == pb.OAuthRequest_LOGOUT_FRONT_CHANNEL
}

// Actor tells whether it is known who changes the client. A channel on which
// there must be somebody makes an absent actor a fault (contract 2.1).
func (r *Request) Actor() (known bool) {
	if r.msg.Actor != nil {
		return true
	}
	r.absent("/actor", "")
	if c := r.Channel(); r.missing == "" && (c == ChannelAdmin || c == ChannelAuthenticatedUser) {
		r.missing = "/actor"
	}
	return false
}

// ActorGroups returns the full paths of the actor's direct groups.
func (r *Request) ActorGroups() []string {
	if len(r.msg.Actor.GetGroups()) == 0 {
		r.absent("/actor/groups", "")
	}
	return r.msg.Actor.GetGroups()
}

// ActorRealmRoles returns the actor's effective realm roles.
func (r *Request) ActorRealmRoles() []string {
	if len(r.msg.Actor.GetRealmRoles()) == 0 {
		r.absent("/actor/realmRoles", "")
	}
	return r.msg.Actor.GetRealmRoles()
}

// ActorClientRoles returns the actor's effective roles of one client.
func (r *Request) ActorClientRoles(clientID string) []string {
	roles := r.msg.Actor.GetClientRoles()[clientID].GetRoles()
	if len(roles) == 0 {
		r.absent("/actor/clientRoles", "")
		r.absentMember("/actor/clientRoles/", clientID)
	}
	return roles
}

// RemoteAddress returns the address of the peer, or "".
func (r *Request) RemoteAddress() string {
	return r.text(r.msg.Source.GetRemoteAddress(), "/source/remoteAddress")
}

// RemoteHost returns the confirmed name of the peer, or "".
func (r *Request) RemoteHost() string {
	return r.text(r.msg.Source.GetRemoteHost(), "/source/remoteHost")
}

// DefaultClientScopes calls yield with the names of the default scopes assigned
// to the client, the stored client's included, until it returns false.
func (r *Request) DefaultClientScopes(yield func(string) bool) {
	r.assignedScopes(r.msg.ClientScopes.GetDefault(), DefaultClientScopes, "/clientScopes/default", yield)
}

// OptionalClientScopes is [Request.DefaultClientScopes] for optional scopes.
func (r *Request) OptionalClientScopes(yield func(string) bool) {
	r.assignedScopes(r.msg.ClientScopes.GetOptional(), OptionalClientScopes, "/clientScopes/optional", yield)
}

func (r *Request) assignedScopes(facts []string, f *ListField, pointer string, yield func(string) bool) {
	stored := f.of(r.StoredClient().base())
	if len(facts) == 0 && len(stored) == 0 {
		r.absent(pointer, "")
		r.absent("/client", f.path)
	}
	for _, list := range [2][]string{facts, stored} {
		for _, name := range list {
			if !yield(name) {
				return
			}
		}
	}
}

// ScopesNotInToken returns the names of scopes that do not show in the token's scope.
func (r *Request) ScopesNotInToken() []string {
	list := r.msg.ClientScopes.GetNotInTokenScope()
	if len(list) == 0 {
		r.absent("/clientScopes/notInTokenScope", "")
	}
	return list
}

// ACRLevel returns the realm's level of an authentication context class.
func (r *Request) ACRLevel(acr string) (level int32, ok bool) {
	level, ok = r.msg.AcrLoaMap[acr]
	if !ok {
		r.absent("/acrLoaMap", "")
		r.absentMember("/acrLoaMap/", acr)
	}
	return level, ok
}

// MetadataDocument returns the fetched client id metadata document, or nil.
func (r *Request) MetadataDocument() *pb.ClientMetadataDocument {
	if r.msg.ClientMetadataDocument == nil {
		r.absent("/clientMetadataDocument", "")
	}
	return r.msg.ClientMetadataDocument
}

// MetadataURL returns the URL that the metadata document was fetched from, or "".
func (r *Request) MetadataURL() string {
	return r.text(r.MetadataDocument().GetUrl(), "/clientMetadataDocument/url")
}

// CredentialOffer returns the credentials asked for and offered, or nil.
func (r *Request) CredentialOffer() *pb.CredentialOffer {
	if r.msg.CredentialOffer == nil {
		r.absent("/credentialOffer", "")
	}
	if len(r.msg.CredentialOffer.GetRequestedConfigurationIds()) == 0 {
		r.absentMeaning("/credentialOffer/requestedConfigurationIds")
	}
	return r.msg.CredentialOffer
}

// RequireFact makes the running provider a fault that names the fact, for the
// absences that cannot honestly mean "none" (contract 2.1).
func (r *Request) RequireFact(pointer string) {
	if r.missing == "" {
		r.missing = pointer
	}
}

// requireReadable makes the running provider a fault that names a fact which came
// and cannot be read.
func (r *Request) requireReadable(pointer string) {
	if r.missing == "" {
		r.missing, r.unreadable = pointer, true
	}
}

// SAMLBinding returns the binding by which a SAML message came.
func (r *Request) SAMLBinding() pb.OAuthRequest_SamlBinding {
	if r.msg.Request.GetSamlBinding() == 0 {
		r.absent("/request/samlBinding", "")
	}
	return r.msg.Request.GetSamlBinding()
}

// SAMLProtocolBinding returns the URN of the binding asked for, or "".
func (r *Request) SAMLProtocolBinding() string {
	return r.text(r.msg.Request.GetSamlProtocolBinding(), "/request/samlProtocolBinding")
}

// AssertionConsumerServiceURL returns the URL that an AuthnRequest asks for, or "".
func (r *Request) AssertionConsumerServiceURL() string {
	return r.text(r.msg.Request.GetAssertionConsumerServiceUrl(), "/request/assertionConsumerServiceUrl")
}

// Authenticated reports whether the request tells how the client authenticated.
func (r *Request) Authenticated() bool {
	if r.msg.ClientAuthentication == nil {
		r.absent("/clientAuthentication", "")
	}
	return r.msg.ClientAuthentication != nil
}

// ClientAssertion is the client assertion of a request.
type ClientAssertion struct {
	// Type is the assertion type, jwt-bearer when none was told.
	Type string
	// Alg is the algorithm of the header, or "".
	Alg string
	// Claims are the claims, or nil.
	Claims *structpb.Struct
	// Unreadable tells that it was sent serialized and is no JWS.
	Unreadable bool
}

// ClientAssertion returns the client assertion and whether one came. One that is
// missing although the client authenticated by assertion is a fault (contract 2.1).
func (r *Request) ClientAssertion() (ClientAssertion, bool) {
	auth := r.msg.ClientAuthentication
	if auth.GetAssertion() == nil {
		r.absent("/clientAuthentication/assertion", "")
		if auth.GetAuthenticator() == "" {
			r.absentMeaning("/clientAuthentication/authenticator")
		}
		if r.missing == "" && oauth.IsAssertionAuthenticator(auth.GetAuthenticator()) {
			r.missing = "/clientAuthentication/assertion"
		}
		return ClientAssertion{}, false
	}
	jwt := readJWT(auth.Assertion.Alg, auth.Assertion.Claims, auth.Assertion.Compact)
	a := ClientAssertion{Type: auth.AssertionType, Alg: jwt.alg, Claims: jwt.claims, Unreadable: jwt.bad}
	if a.Type == "" {
		a.Type = r.msg.Request.GetParameters()[oauth.ParamClientAssertionType]
	}
	if a.Type == "" {
		a.Type = oauth.AssertionTypeJWTBearer
	}
	return a, true
}

// readJWT takes the facts as sent, or reads the serialized JWS.
func readJWT(alg string, claims *structpb.Struct, compact string) objectClaims {
	jwt := objectClaims{parsed: true, alg: alg, claims: claims}
	if compact == "" {
		return jwt
	}
	header, payload, err := oauth.ReadJWS(compact)
	if err != nil {
		jwt.bad = true
		return jwt
	}
	if jwt.alg == "" {
		jwt.alg = header
	}
	if jwt.claims == nil {
		jwt.claims, err = structpb.NewStruct(payload)
		jwt.bad = err != nil
	}
	return jwt
}

// GrantType returns the grant of a request (conditions.md 13) and whether it is one.
func (r *Request) GrantType() (string, bool) {
	switch r.msg.Event {
	case AuthorizationRequest:
		return r.flowGrant()
	case TokenRefresh:
		return oauth.GrantRefreshToken, true
	case ResourceOwnerPasswordCredentialsRequest:
		return oauth.GrantPassword, true
	case ServiceAccountTokenRequest:
		return oauth.GrantClientCredentials, true
	case TokenExchangeRequest:
		return oauth.GrantTokenExchange, true
	case DeviceTokenRequest:
		return oauth.GrantDeviceCode, true
	case JWTAuthorizationGrant:
		return oauth.GrantJWTBearer, true
	}
	return "", false
}

func (r *Request) flowGrant() (string, bool) {
	types, _ := r.Effective(oauth.ParamResponseType)
	switch {
	case oauth.HasWord(types, oauth.ResponseTypeCode):
		return oauth.GrantAuthorizationCode, true
	case oauth.HasWord(types, oauth.ResponseTypeToken), oauth.HasWord(types, oauth.ResponseTypeIDToken):
		return oauth.GrantImplicit, true
	}
	return "", false
}
