package idp

import (
	"context"
	"net/http"
	"net/url"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
)

// Format is a format of dynamic registration.
type Format string

// The formats.
const (
	// OpenIDConnect takes the metadata of OpenID Connect Dynamic Client Registration.
	OpenIDConnect Format = "openid-connect"
	// Representation takes Keycloak's own client representation.
	Representation Format = "default"
)

// Caller is who asks for a dynamic registration.
type Caller string

// The callers that need no token of a client.
const (
	Anonymous    Caller = "anonymous"
	InitialToken Caller = "initial access token"
	Bearer       Caller = "user"
)

func (r *Realm) registration(f Format, clientID string) string {
	p := "/realms/" + r.name + "/clients-registrations/" + string(f)
	if clientID != "" {
		p += "/" + url.PathEscape(clientID)
	}
	return p
}

// Register registers a client dynamically.
func (r *Realm) Register(ctx context.Context, f Format, by Caller, doc map[string]any) (rest.Answer, error) {
	token := map[Caller]string{InitialToken: r.initial, Bearer: r.Boss.Token}[by]
	return r.server.rest.Do(ctx, rest.Request{Method: http.MethodPost, Path: r.registration(f, ""), JSON: doc, Bearer: token})
}

// Registered sends a request about a registered client with a token: the client's
// registration access token, or that of a user.
func (r *Realm) Registered(ctx context.Context, method string, f Format, clientID, token string, doc map[string]any) (rest.Answer, error) {
	q := rest.Request{Method: method, Path: r.registration(f, clientID), Bearer: token}
	if doc != nil {
		q.JSON = doc
	}
	return r.server.rest.Do(ctx, q)
}
