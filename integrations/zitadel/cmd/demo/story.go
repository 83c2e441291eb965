package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

const (
	allow  = clientpolicyv1.EvaluateResponse_DECISION_ALLOW
	reject = clientpolicyv1.EvaluateResponse_DECISION_REJECT
)

func allowed(events ...clientpolicyv1.Event) []want {
	var out []want
	for _, e := range events {
		out = append(out, want{event: e, decision: allow})
	}
	return out
}

func refused(e clientpolicyv1.Event, by string) want { return want{event: e, decision: reject, by: by} }

// scene carries what one step leaves for the next.
type scene struct {
	shop    credentials // the client that registers in the first step
	pkce    pkce
	tokens  *reply
	refresh string
}

// story is the whole of it; each step says which decisions it brings.
func story() []step {
	var c scene
	return slices.Concat(registrations(&c), flows(&c), machines(), publicClients(), switching(), direct())
}

func registrations(c *scene) []step {
	return []step{
		{
			name: "(a) Anybody registers a web application; policies make it safe",
			want: []want{
				{event: clientpolicyv1.Event_EVENT_REGISTER, decision: allow, sets: []string{
					"/attributes/pkce.code.challenge.method", "/consentRequired", "/fullScopeAllowed", "/implicitFlowEnabled"}},
				{event: clientpolicyv1.Event_EVENT_REGISTERED, decision: allow},
			},
			run: c.registerShop,
		},
		{
			name: "(b) Another registration has an unsafe redirect URI and is refused",
			want: []want{refused(clientpolicyv1.Event_EVENT_REGISTER, "secure-redirect-uris-enforcer")},
			run: func(ctx context.Context, s *stage) error {
				r, err := s.register(ctx, `{"client_name":"Careless","redirect_uris":["http://careless.example/callback"]}`)
				return check(r, err, http.StatusBadRequest, "registration")
			},
		},
	}
}

// registerShop registers the client of the steps that follow.
func (c *scene) registerShop(ctx context.Context, s *stage) error {
	r, err := s.register(ctx, `{"client_name":"Shop","redirect_uris":["`+shopURI+`"],"grant_types":["authorization_code","refresh_token","implicit"],
		"post_logout_redirect_uris":["https://shop.example/bye"]}`)
	if err := check(r, err, http.StatusCreated, "registration"); err != nil {
		return err
	}
	if r.text("code_challenge_method") != "S256" || r.fields["full_scope_allowed"] != false || r.fields["consent_required"] != true {
		return fmt.Errorf("registration: the answer does not show what the policies set: %s", r.body)
	}
	c.shop = credentials{r.text("client_id"), r.text("client_secret")}
	return nil
}

// authorization is the client's request, with PKCE unless p is empty.
func authorization(clientID, redirectURI string, p pkce) url.Values {
	q := url.Values{
		"client_id": {clientID}, "response_type": {"code"}, "redirect_uri": {redirectURI},
		"scope": {"openid profile offline_access"}, "state": {"xyz"}, "nonce": {"n-0S6"},
	}
	if p.challenge != "" {
		q.Set("code_challenge", p.challenge)
		q.Set("code_challenge_method", "S256")
	}
	return q
}

func flows(c *scene) []step {
	return []step{
		{
			name: "(c) The shop forgets PKCE; the browser is sent back with an error",
			want: append(allowed(clientpolicyv1.Event_EVENT_PRE_AUTHORIZATION_REQUEST), refused(clientpolicyv1.Event_EVENT_AUTHORIZATION_REQUEST, "pkce-enforcer")),
			run: func(ctx context.Context, s *stage) error {
				r, err := s.get(ctx, "/authorize?"+authorization(c.shop.id, shopURI, pkce{}).Encode())
				return sentBack(r, err)
			},
		},
		{
			name: "(d) With PKCE: sign-in, code, tokens",
			want: allowed(clientpolicyv1.Event_EVENT_PRE_AUTHORIZATION_REQUEST, clientpolicyv1.Event_EVENT_AUTHORIZATION_REQUEST,
				clientpolicyv1.Event_EVENT_PRE_TOKEN_REQUEST, clientpolicyv1.Event_EVENT_TOKEN_REQUEST, clientpolicyv1.Event_EVENT_TOKEN_RESPONSE),
			run: c.codeFlow,
		},
		{
			name: "    UserInfo, introspection and refresh",
			want: allowed(clientpolicyv1.Event_EVENT_USERINFO_REQUEST, clientpolicyv1.Event_EVENT_TOKEN_INTROSPECT,
				clientpolicyv1.Event_EVENT_TOKEN_REFRESH, clientpolicyv1.Event_EVENT_TOKEN_REFRESH_RESPONSE),
			run: c.useTokens,
		},
		{
			name: "    Revocation and logout",
			want: allowed(clientpolicyv1.Event_EVENT_TOKEN_REVOKE, clientpolicyv1.Event_EVENT_TOKEN_REVOKE_RESPONSE, clientpolicyv1.Event_EVENT_LOGOUT_REQUEST),
			run:  c.leave,
		},
	}
}

// sentBack checks that the client hears of the refusal at its redirect URI.
func sentBack(r *reply, err error) error {
	if err := check(r, err, http.StatusFound, "authorize"); err != nil {
		return err
	}
	q := r.location.Query()
	if r.location.Host != "shop.example" || q.Get("error") == "" || q.Get("state") != "xyz" {
		return fmt.Errorf("authorize: redirect to %s, expected an error at the client", r.location)
	}
	return nil
}

func (c *scene) codeFlow(ctx context.Context, s *stage) error {
	c.pkce = newPKCE()
	code, err := s.signIn(ctx, authorization(c.shop.id, shopURI, c.pkce))
	if err != nil {
		return err
	}
	c.tokens, err = s.post(ctx, "/oauth/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {shopURI}, "code_verifier": {c.pkce.verifier},
	}, c.shop)
	if err := check(c.tokens, err, http.StatusOK, "token"); err != nil {
		return err
	}
	c.refresh = c.tokens.text("refresh_token")
	return nil
}

func (c *scene) useTokens(ctx context.Context, s *stage) error {
	if c.tokens == nil {
		return errNoTokens
	}
	r, err := s.userInfo(ctx, c.tokens.text("access_token"))
	if err := check(r, err, http.StatusOK, "userinfo"); err != nil {
		return err
	}
	r, err = s.post(ctx, "/oauth/introspect", url.Values{"token": {c.tokens.text("access_token")}}, c.shop)
	if err := check(r, err, http.StatusOK, "introspection"); err != nil {
		return err
	}
	r, err = s.post(ctx, "/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {c.refresh}}, c.shop)
	if err := check(r, err, http.StatusOK, "refresh"); err != nil {
		return err
	}
	c.refresh = r.text("refresh_token")
	return nil
}

func (c *scene) leave(ctx context.Context, s *stage) error {
	if c.tokens == nil {
		return errNoTokens
	}
	r, err := s.post(ctx, "/revoke", url.Values{"token": {c.refresh}}, c.shop)
	if err := check(r, err, http.StatusOK, "revocation"); err != nil {
		return err
	}
	q := url.Values{"id_token_hint": {c.tokens.text("id_token")}, "post_logout_redirect_uri": {"https://shop.example/bye"}}
	r, err = s.get(ctx, "/end_session?"+q.Encode())
	return check(r, err, http.StatusFound, "logout")
}

func publicClients() []step {
	return []step{
		{
			name: "(f) Public clients follow OAuth 2.1: an http redirect URI is refused, with a page",
			want: append(allowed(clientpolicyv1.Event_EVENT_PRE_AUTHORIZATION_REQUEST), refused(clientpolicyv1.Event_EVENT_AUTHORIZATION_REQUEST, "secure-redirect-uris-enforcer")),
			run: func(ctx context.Context, s *stage) error {
				r, err := s.get(ctx, "/authorize?"+authorization(nativeApp, nativeURI, newPKCE()).Encode())
				return check(r, err, http.StatusBadRequest, "authorize")
			},
		},
		{
			name: "    A single-page application signs in, but may not use its token without DPoP",
			want: append(allowed(clientpolicyv1.Event_EVENT_PRE_AUTHORIZATION_REQUEST, clientpolicyv1.Event_EVENT_AUTHORIZATION_REQUEST,
				clientpolicyv1.Event_EVENT_PRE_TOKEN_REQUEST, clientpolicyv1.Event_EVENT_TOKEN_REQUEST, clientpolicyv1.Event_EVENT_TOKEN_RESPONSE),
				refused(clientpolicyv1.Event_EVENT_USERINFO_REQUEST, "dpop-bind-enforcer")),
			run: singlePage,
		},
	}
}

func singlePage(ctx context.Context, s *stage) error {
	p := newPKCE()
	code, err := s.signIn(ctx, authorization(webApp, webURI, p))
	if err != nil {
		return err
	}
	r, err := s.post(ctx, "/oauth/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webURI}, "code_verifier": {p.verifier}, "client_id": {webApp},
	}, credentials{})
	if err := check(r, err, http.StatusOK, "token"); err != nil {
		return err
	}
	r, err = s.userInfo(ctx, r.text("access_token"))
	return check(r, err, http.StatusUnauthorized, "userinfo")
}
