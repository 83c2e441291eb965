package requests

import (
	"context"
	"net/http"
	"net/url"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/agree"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/generate"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
)

// tokenUse is a request about a token that is there already.
type tokenUse struct {
	*Runner
	use   string // revoke, introspect, logout or userinfo
	auth  authentication
	which string // access_token, refresh_token or garbage
	scope string
	proof bool
}

// uses are the uses, as often as they are tried.
var uses = []string{"revoke", "revoke", "introspect", "logout", "userinfo", "userinfo"}

// drawTokenUse makes a use of a token; a client that cannot have it is replaced.
func (w *Runner) drawTokenUse(r generate.Random, p *party, use string) *tokenUse {
	u := &tokenUse{Runner: w, use: use}
	for p.public() && u.use == "introspect" {
		p = generate.Pick(r, w.fleet...)
	}
	u.auth = drawAuthentication(r, p)
	u.scope = generate.Pick(r, "openid", "openid email", "openid phone")
	u.proof = p.bound || r.Chance(35)
	switch u.use {
	case "revoke", "introspect":
		u.which = generate.Pick(r, "access_token", "refresh_token", "refresh_token", "garbage")
	case "logout":
		u.which = "refresh_token"
	default:
		u.which = "access_token"
	}
	return u
}

func (u *tokenUse) kind() string { return "token: " + u.use }

func (u *tokenUse) ready(ctx context.Context) (*shot, error) {
	tokens, err := u.tokens(ctx, u.auth.party, u.scope, u.proof)
	if err != nil {
		return nil, err
	}
	token := "garbage"
	if u.which != "garbage" {
		token = tokens.Text(u.which)
	}
	kind := accessToken
	if u.which == "refresh_token" {
		kind = refreshToken
	}
	fact := map[string]any{"token": tokenFacts(kind, verified, token)}
	if u.use == "userinfo" {
		return u.userinfo(token, fact), nil
	}
	return u.form(token, fact)
}

// form makes a request that carries the token in a form.
func (u *tokenUse) form(token string, fact map[string]any) (*shot, error) {
	form := url.Values{}
	if u.use == "logout" {
		form.Set("refresh_token", token)
	} else {
		form.Set("token", token)
	}
	header, who, err := u.auth.apply(u.Runner, form)
	if err != nil {
		return nil, err
	}
	endpoint := map[string]string{"revoke": "revoke", "introspect": "token/introspect", "logout": "logout"}[u.use]
	request := wire(form)
	request["method"] = http.MethodPost
	if u.use == "logout" {
		request["logout"] = "LOGOUT_REFRESH_TOKEN"
	}
	facts := join(map[string]any{"request": request}, who, fact, u.proofFacts(u.proof, verified))
	s := &shot{client: u.auth.party.id, seen: agree.JSONAnswer}
	s.events = map[string][]event{
		"revoke":     {{"TOKEN_REVOKE", facts}, {"TOKEN_REVOKE_RESPONSE", facts}},
		"introspect": {{"TOKEN_INTROSPECT", facts}},
		"logout":     {{"LOGOUT_REQUEST", facts}},
	}[u.use]
	s.send = func(ctx context.Context) (rest.Answer, error) { return u.post(ctx, endpoint, form, header, u.proof) }
	return s, nil
}

// userinfo makes a request of the userinfo endpoint; a token with a key is sent
// under the scheme DPoP (RFC 9449 section 7.1).
func (u *tokenUse) userinfo(token string, fact map[string]any) *shot {
	facts := join(fact, sessionFacts(u.scope), u.proofFacts(u.proof, verified), map[string]any{
		"request": map[string]any{"method": http.MethodGet},
	})
	return &shot{
		client: u.auth.party.id, seen: userinfoAnswer, events: []event{{"USERINFO_REQUEST", facts}},
		send: func(ctx context.Context) (rest.Answer, error) {
			path, header := u.realm.Endpoint("userinfo"), http.Header{"Authorization": {"Bearer " + token}}
			if u.proof {
				proof, err := u.keys.Proof(http.MethodGet, u.realm.Origin()+path, token)
				if err != nil {
					return rest.Answer{}, err
				}
				header = http.Header{"Authorization": {"DPoP " + token}}
				header.Set("DPoP", proof)
			}
			return u.realm.Rest().Do(ctx, rest.Request{Method: http.MethodGet, Path: path, Header: header})
		},
	}
}

// device asks for a device code.
type device struct {
	*Runner
	auth  authentication
	scope string
}

func (*device) kind() string { return "device authorization" }

func (d *device) ready(context.Context) (*shot, error) {
	form := url.Values{"scope": {d.scope}}
	header, who, err := d.auth.apply(d.Runner, form)
	if err != nil {
		return nil, err
	}
	return &shot{
		client: d.auth.party.id, seen: agree.JSONAnswer,
		events: []event{{"DEVICE_AUTHORIZATION_REQUEST", join(map[string]any{"request": wire(form)}, who)}},
		send:   func(ctx context.Context) (rest.Answer, error) { return d.post(ctx, "auth/device", form, header, false) },
	}, nil
}
