package client

import (
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Obligation is the kind of an obligation, spelled as its member in JSON.
type Obligation string

// The kinds of the decision API.
const (
	// SuppressRefreshToken asks to leave the refresh token out of the answer.
	SuppressRefreshToken Obligation = "suppressRefreshToken"
	// AuthenticationFlow asks for a certain authentication flow.
	AuthenticationFlow Obligation = "authenticationFlow"
	// LightweightAccessToken asks for an access token with protocol claims only.
	LightweightAccessToken Obligation = "lightweightAccessToken"
	// ClientSecretRotation asks to expire, rotate or drop client secrets.
	ClientSecretRotation Obligation = "clientSecretRotation"
	// RestrictScopes asks to grant no other scopes than those listed.
	RestrictScopes Obligation = "restrictScopes"
	// DPoPBindRefreshTokenOnly asks to bind the refresh token alone (RFC 9449 section 5).
	DPoPBindRefreshTokenOnly Obligation = "dpopBindRefreshTokenOnly"
	// KeepRegistrationAccessToken asks to return the registration access token unchanged.
	KeepRegistrationAccessToken Obligation = "keepRegistrationAccessToken"
	// FetchClientMetadata asks to fetch a client id metadata document.
	FetchClientMetadata Obligation = "fetchClientMetadata"
)

// KindOf returns the kind of an obligation, or "" when this version of the
// package does not know it, as happens with a newer decision point.
func KindOf(o *clientpolicyv1.Obligation) Obligation {
	m := o.ProtoReflect()
	kind := m.WhichOneof(m.Descriptor().Oneofs().ByName("obligation"))
	if kind == nil {
		return ""
	}
	return Obligation(kind.JSONName())
}
