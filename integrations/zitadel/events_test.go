package zitadel_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

const (
	direct   = clientpolicyv1.PolicyError_DELIVERY_DIRECT
	page     = clientpolicyv1.PolicyError_DELIVERY_PAGE
	redirect = clientpolicyv1.PolicyError_DELIVERY_REDIRECT
)

// moment is one event: how to reach it, and what an allowed request answers.
type moment struct {
	event    clientpolicyv1.Event
	delivery clientpolicyv1.PolicyError_Delivery
	// prepare does what must be allowed before; play makes the request judged.
	prepare func(p *idp) string
	play    func(p *idp, prepared string) *reply
	allowed int
	// after checks what a rejection left behind.
	after func(t *testing.T, p *idp, prepared string)
}

func nothing(*idp) string { return "" }

func refreshForm(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
}

func codePlay(p *idp, code string) *reply     { return p.post("/oauth/token", redemption(code)) }
func refreshPlay(p *idp, token string) *reply { return p.post("/oauth/token", refreshForm(token)) }
func code(p *idp) string                      { return p.signIn(authorization()) }
func refreshToken(p *idp) string              { return p.tokens().field("refresh_token") }
func accessToken(p *idp) string               { return p.tokens().field("access_token") }
func servicePlay(p *idp, _ string) *reply {
	return p.post("/oauth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"api"}})
}

func codeWorks(want int) func(*testing.T, *idp, string) {
	return func(t *testing.T, p *idp, code string) {
		if r := codePlay(p, code); r.StatusCode != want {
			t.Errorf("the same code afterwards: %d, want %d", r.StatusCode, want)
		}
	}
}

func refreshWorks(t *testing.T, p *idp, token string) {
	if r := refreshPlay(p, token); r.StatusCode != http.StatusOK {
		t.Errorf("the same refresh token afterwards: %d %s", r.StatusCode, r.text)
	}
}

// approvedDevice is a device code that a user has approved.
func approvedDevice(p *idp) string {
	r := p.post("/device_authorization", url.Values{"scope": {"openid offline_access"}})
	form := url.Values{"user_code": {r.field("user_code")}, "username": {"test-user2"}, "password": {"verysecure"}, "action": {"allowed"}, "client_id": {""}}
	if a := p.post("/device/login", form); a.StatusCode != http.StatusOK || !strings.Contains(a.text, "Device allowed") {
		p.t.Fatalf("device: %d %s", a.StatusCode, a.text)
	}
	return r.field("device_code")
}

func devicePlay(p *idp, code string) *reply {
	return p.post("/oauth/token", url.Values{"grant_type": {deviceURN}, "device_code": {code}})
}

func registerPlay(p *idp, _ string) *reply {
	return p.register(`{"redirect_uris":["https://new.example/cb"]}`)
}

func revokePlay(p *idp, token string) *reply {
	return p.post("/revoke", url.Values{"token": {token}})
}

var moments = []moment{
	{event: clientpolicyv1.Event_EVENT_REGISTER, prepare: nothing, play: registerPlay, allowed: 201},
	{event: clientpolicyv1.Event_EVENT_REGISTERED, prepare: nothing, play: registerPlay, allowed: 201},
	{event: clientpolicyv1.Event_EVENT_PRE_AUTHORIZATION_REQUEST, delivery: page, prepare: nothing, allowed: 302,
		play: func(p *idp, _ string) *reply { return p.get("/authorize?" + authorization().Encode()) }},
	{event: clientpolicyv1.Event_EVENT_AUTHORIZATION_REQUEST, delivery: redirect, prepare: nothing, allowed: 302,
		play: func(p *idp, _ string) *reply { return p.get("/authorize?" + authorization().Encode()) }},
	{event: clientpolicyv1.Event_EVENT_AUTHORIZATION_REQUEST, delivery: page, prepare: nothing, allowed: 302,
		play: func(p *idp, _ string) *reply { return p.get("/authorize?" + authorization().Encode()) }},
	{event: clientpolicyv1.Event_EVENT_PRE_TOKEN_REQUEST, prepare: code, play: codePlay, allowed: 200, after: codeWorks(200)},
	{event: clientpolicyv1.Event_EVENT_TOKEN_REQUEST, prepare: code, play: codePlay, allowed: 200, after: codeWorks(400)},
	{event: clientpolicyv1.Event_EVENT_TOKEN_RESPONSE, prepare: code, play: codePlay, allowed: 200, after: codeWorks(400)},
	{event: clientpolicyv1.Event_EVENT_SERVICE_ACCOUNT_TOKEN_REQUEST, prepare: nothing, play: servicePlay, allowed: 200},
	{event: clientpolicyv1.Event_EVENT_SERVICE_ACCOUNT_TOKEN_RESPONSE, prepare: nothing, play: servicePlay, allowed: 200},
	{event: clientpolicyv1.Event_EVENT_TOKEN_REFRESH, prepare: refreshToken, play: refreshPlay, allowed: 200, after: refreshWorks},
	{event: clientpolicyv1.Event_EVENT_TOKEN_REFRESH_RESPONSE, prepare: refreshToken, play: refreshPlay, allowed: 200, after: refreshWorks},
	{event: clientpolicyv1.Event_EVENT_TOKEN_REVOKE, prepare: refreshToken, play: revokePlay, allowed: 200, after: refreshWorks},
	{event: clientpolicyv1.Event_EVENT_TOKEN_REVOKE_RESPONSE, prepare: refreshToken, play: revokePlay, allowed: 200},
	{event: clientpolicyv1.Event_EVENT_TOKEN_INTROSPECT, prepare: accessToken, allowed: 200,
		play: func(p *idp, token string) *reply { return p.post("/oauth/introspect", url.Values{"token": {token}}) }},
	{event: clientpolicyv1.Event_EVENT_USERINFO_REQUEST, prepare: accessToken, allowed: 200,
		play: func(p *idp, token string) *reply { return p.bearer("/userinfo", token) }},
	{event: clientpolicyv1.Event_EVENT_LOGOUT_REQUEST, delivery: page, prepare: func(p *idp) string { return p.tokens().field("id_token") }, allowed: 302,
		play: func(p *idp, idToken string) *reply { return p.get("/end_session?id_token_hint=" + idToken) }},
	{event: clientpolicyv1.Event_EVENT_DEVICE_AUTHORIZATION_REQUEST, prepare: nothing, allowed: 200,
		play: func(p *idp, _ string) *reply { return p.post("/device_authorization", url.Values{"scope": {"openid"}}) }},
	{event: clientpolicyv1.Event_EVENT_DEVICE_TOKEN_REQUEST, prepare: approvedDevice, play: devicePlay, allowed: 200},
	{event: clientpolicyv1.Event_EVENT_DEVICE_TOKEN_RESPONSE, prepare: approvedDevice, play: devicePlay, allowed: 200},
	{event: clientpolicyv1.Event_EVENT_TOKEN_EXCHANGE_REQUEST, prepare: accessToken, allowed: 200,
		play: func(p *idp, token string) *reply {
			return p.post("/oauth/token", url.Values{"grant_type": {exchangeURN}, "subject_token": {token}, "subject_token_type": {accessURN}, "scope": {"profile"}})
		}},
	{event: clientpolicyv1.Event_EVENT_JWT_AUTHORIZATION_GRANT, prepare: nothing, allowed: 200,
		play: func(p *idp, _ string) *reply {
			return p.post("/oauth/token", url.Values{"grant_type": {bearerURN}, "assertion": {p.assertion(nil)}, "scope": {"api"}})
		}},
}

func TestEveryMomentIsJudged(t *testing.T) {
	for _, m := range moments {
		t.Run(m.event.String()+"/"+m.delivery.String(), func(t *testing.T) {
			p := start(t)
			prepared := m.prepare(p)
			p.pdp.set(m.event, reject("no_way", "100% <b>refused</b>", 418, m.delivery))
			p.pdp.forget()
			checkRejected(t, m, m.play(p, prepared))
			if p.pdp.last(m.event) == nil {
				t.Fatalf("never asked; asked %v", p.pdp.events())
			}
			p.pdp.set(m.event, nil)
			if m.after != nil {
				m.after(t, p, prepared)
			}
			if r := m.play(p, m.prepare(p)); r.StatusCode != m.allowed {
				t.Errorf("allowed: status %d, want %d: %s", r.StatusCode, m.allowed, r.text)
			}
		})
	}
}

// checkRejected checks the form of a rejection on the wire.
func checkRejected(t *testing.T, m moment, r *reply) {
	t.Helper()
	switch {
	case m.delivery == redirect:
		u, err := url.Parse(r.Header.Get("Location"))
		if err != nil || r.StatusCode != http.StatusFound || !strings.HasPrefix(r.Header.Get("Location"), redirectURI) {
			t.Fatalf("status %d, location %q; want a redirect to the client", r.StatusCode, r.Header.Get("Location"))
		}
		if q := u.Query(); q.Get("error") != "no_way" || q.Get("error_description") != "100% <b>refused</b>" || q.Get("state") != "s1" || q.Has("code") {
			t.Errorf("query %v", q)
		}
		return
	case m.delivery == page:
		if !strings.Contains(r.text, "100% &lt;b&gt;refused&lt;/b&gt;") || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
			t.Errorf("content type %q, body %s; want an escaped page", r.Header.Get("Content-Type"), r.text)
		}
	case m.event == clientpolicyv1.Event_EVENT_USERINFO_REQUEST:
		if r.text != "" || r.Header.Get("WWW-Authenticate") != `Bearer error="no_way", error_description="100% <b>refused</b>"` {
			t.Errorf("body %q, challenge %q", r.text, r.Header.Get("WWW-Authenticate"))
		}
	default:
		if r.field("error") != "no_way" || r.field("error_description") != "100% <b>refused</b>" {
			t.Errorf("body %s", r.text)
		}
	}
	if r.StatusCode != 418 || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, cache %q; want 418, no-store", r.StatusCode, r.Header.Get("Cache-Control"))
	}
}

func TestSidegateAway(t *testing.T) {
	for _, m := range moments {
		t.Run(m.event.String()+"/"+m.delivery.String(), func(t *testing.T) {
			p := start(t)
			prepared := m.prepare(p)
			p.pdp.set(m.event, nil)
			p.breakAt(m.event)
			r := m.play(p, prepared)
			if m.event == clientpolicyv1.Event_EVENT_AUTHORIZATION_REQUEST {
				u, err := url.Parse(r.Header.Get("Location"))
				if err != nil || u.Query().Get("error") != "temporarily_unavailable" || u.Query().Get("state") != "s1" {
					t.Errorf("location %q, want temporarily_unavailable", r.Header.Get("Location"))
				}
				return
			}
			if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
				t.Errorf("status %d, Retry-After %q; want 503", r.StatusCode, r.Header.Get("Retry-After"))
			}
			switch {
			case m.delivery == page:
				if !strings.Contains(r.text, "<code>temporarily_unavailable</code>") {
					t.Errorf("page %s", r.text)
				}
			case m.event == clientpolicyv1.Event_EVENT_USERINFO_REQUEST:
				if r.text != "" {
					t.Errorf("body %q, want none", r.text)
				}
			default:
				if r.field("error") != "temporarily_unavailable" {
					t.Errorf("body %s", r.text)
				}
			}
		})
	}
}

func TestUnusableAnswersRefuse(t *testing.T) {
	allow := clientpolicyv1.EvaluateResponse_DECISION_ALLOW
	for name, answer := range map[string]*clientpolicyv1.EvaluateResponse{
		"unspecified": {Reason: clientpolicyv1.EvaluateResponse_REASON_POLICY},
		"obligation": {Decision: allow, Obligations: []*clientpolicyv1.Obligation{{
			Obligation: &clientpolicyv1.Obligation_AuthenticationFlow{AuthenticationFlow: &clientpolicyv1.AuthenticationFlow{Alias: "x"}}}}},
		"obligation of a newer version": {Decision: allow, Obligations: []*clientpolicyv1.Obligation{{Policy: "p"}}},
		"mutation": {Decision: allow, Mutations: []*clientpolicyv1.Mutation{{
			Op: clientpolicyv1.Mutation_OP_REMOVE, Target: clientpolicyv1.Mutation_TARGET_STORED, Path: "/nope"}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			p.pdp.set(clientpolicyv1.Event_EVENT_SERVICE_ACCOUNT_TOKEN_REQUEST, answer)
			r := servicePlay(p, "")
			if r.StatusCode != http.StatusInternalServerError || r.field("error") != "server_error" {
				t.Errorf("%d %s, want server_error", r.StatusCode, r.text)
			}
			last := p.seen[len(p.seen)-1]
			if last.Err == nil || last.Response.GetDecision() != clientpolicyv1.EvaluateResponse_DECISION_REJECT || last.ClientID != "web" {
				t.Errorf("observed %v, %v for %q", last.Err, last.Response.GetDecision(), last.ClientID)
			}
		})
	}
}
