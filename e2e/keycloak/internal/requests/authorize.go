package requests

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/agree"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/generate"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
)

// authorize is a request to the authorization endpoint, or to the endpoint for
// pushed ones.
type authorize struct {
	*Runner
	auth authentication
	// query holds the parameters; of them, those in object are also, or only, in
	// a request object.
	query  url.Values
	object *object
	// pushed: the parameters are pushed first; push: the push is what is judged.
	pushed, push bool
	// besides are parameters sent beside the reference to the pushed ones.
	besides url.Values
}

// object is a request object, times relative to now.
type object struct {
	claims        map[string]any
	exp, nbf, iat *int64
	alg           string
	only          []string // parameters that are in the query as well
}

func (w *Runner) drawAuthorize(r generate.Random, pushed, withObject bool) *authorize {
	p := generate.Pick(r, w.fleet...)
	a := &authorize{Runner: w, auth: drawAuthentication(r, p), query: w.drawQuery(r, p)}
	if withObject {
		a.object = drawObject(r, w, p, a.query)
	}
	if pushed {
		a.pushed, a.push = true, r.Chance(40)
		a.besides = url.Values{}
		for _, name := range []string{"state", "nonce", "redirect_uri", "scope", "response_type"} {
			if r.Chance(25) && a.query.Has(name) {
				a.besides.Set(name, a.query.Get(name))
			}
		}
		if r.Chance(10) {
			a.besides.Set("ui_locales", "en")
		}
	}
	return a
}

// drawQuery makes the parameters of an authorization request.
func (w *Runner) drawQuery(r generate.Random, p *party) url.Values {
	q := url.Values{"client_id": {p.id}, "redirect_uri": {generate.Pick(r, append(redirects, redirects[0], redirects[0])...)}}
	responses := []string{"code", "none"}
	if !p.bound { // Keycloak has no DPoP for the others
		responses = []string{"code", "code", "code", "code", "code id_token", "id_token", "id_token token", "code id_token token",
			"none", "token"}
	}
	q.Set("response_type", generate.Pick(r, responses...))
	for _, s := range []struct {
		name    string
		percent int
		values  []string
	}{
		{"scope", 90, []string{"openid", "openid", "openid email", "openid phone offline_access", "profile", "openid address"}},
		{"state", 80, []string{"a-state", ""}},
		{"nonce", 75, []string{"a-nonce", "a-nonce", "a-nonce", ""}},
		{"response_mode", 30, []string{"query", "fragment", "form_post", "jwt", "jwt", "fragment.jwt", "form_post.jwt"}},
		{"acr_values", 25, []string{"gold", "silver gold", "bronze"}},
		{"claims", 12, []string{`{"id_token":{"acr":{"values":["silver"]}}}`, `{"userinfo":{"acr":{"value":"gold"}}}`}},
		{"dpop_jkt", 20, []string{w.jkt}},
		{"login_hint", 10, []string{"jane"}},
	} {
		if r.Chance(s.percent) {
			q.Set(s.name, generate.Pick(r, s.values...))
		}
	}
	if method := generate.Pick(r, "", "S256", "S256", "plain"); method != "" || p.attributes["pkce.code.challenge.method"] != nil {
		if p.attributes["pkce.code.challenge.method"] != nil {
			method = "S256"
		}
		q.Set("code_challenge", challenges(method))
		q.Set("code_challenge_method", method)
	}
	return q
}

// drawObject moves parameters into a request object.
func drawObject(r generate.Random, w *Runner, p *party, query url.Values) *object {
	o := &object{claims: map[string]any{}, alg: "none"}
	if p.auth == byKey {
		o.alg = generate.Pick(r, "none", "PS256", "ES256")
	}
	for _, name := range sortedNames(query) {
		if name == "client_id" || r.Chance(85) {
			o.claims[name] = query.Get(name)
		}
		if name == "client_id" || name == "response_type" || name == "scope" || r.Chance(50) {
			o.only = append(o.only, name)
		}
	}
	at := func(percent int, choices ...int64) *int64 {
		if !r.Chance(percent) {
			return nil
		}
		v := generate.Pick(r, choices...)
		return &v
	}
	o.exp, o.nbf, o.iat = at(90, 60, 250, 3500), at(85, 0, -30, 10), at(50, 0)
	if r.Chance(90) {
		o.claims["aud"] = generate.Pick[any](r, w.realm.Issuer(), []any{w.realm.Issuer()}, "https://elsewhere.example")
	}
	o.claims["iss"] = p.id
	return o
}

func (a *authorize) kind() string {
	kind := "authorization"
	switch {
	case a.push:
		kind = "pushed authorization"
	case a.pushed:
		kind = "authorization by PAR"
	}
	if a.object != nil {
		kind += " with an object"
	}
	return kind
}

// signed returns the request object, and what Sidegate is told of it.
func (a *authorize) signed(source string) (compact string, facts map[string]any, err error) {
	claims := maps.Clone(a.object.claims)
	now := time.Now().Unix()
	for name, offset := range map[string]*int64{"exp": a.object.exp, "nbf": a.object.nbf, "iat": a.object.iat} {
		if offset != nil {
			claims[name] = now + *offset
		}
	}
	compact, err = a.keys.Sign(a.object.alg, nil, claims, "")
	facts = map[string]any{
		"alg": a.object.alg, "source": source, "claims": claims, "verified": a.object.alg != "none",
	}
	return compact, facts, err
}

func (a *authorize) ready(ctx context.Context) (*shot, error) {
	if a.pushed {
		return a.readyPushed(ctx)
	}
	query, request := maps.Clone(a.query), map[string]any{}
	if a.object != nil {
		compact, facts, err := a.signed("SOURCE_REQUEST")
		if err != nil {
			return nil, err
		}
		query = only(a.query, a.object.only)
		query.Set("request", compact)
		request["requestObject"] = facts
	}
	return a.shot(query, request), nil
}

// shot is the request to the authorization endpoint.
func (a *authorize) shot(query url.Values, request map[string]any) *shot {
	request = join(wire(query), map[string]any{"method": http.MethodGet}, request)
	matched := join(request, map[string]any{"redirectUri": a.redirect(query)})
	return &shot{
		client: a.auth.party.id, seen: pageAnswer,
		events: []event{
			{"PRE_AUTHORIZATION_REQUEST", map[string]any{"request": request}},
			{"AUTHORIZATION_REQUEST", map[string]any{"request": matched}},
		},
		send: func(ctx context.Context) (rest.Answer, error) {
			return a.realm.Rest().Do(ctx, rest.Request{Method: http.MethodGet, Path: a.realm.Endpoint("auth"), Query: query})
		},
	}
}

// redirect is the redirect URI that the endpoint matched: that of the request
// object, of what was pushed, or of the query.
func (a *authorize) redirect(query url.Values) string {
	if a.object != nil {
		if uri, ok := a.object.claims["redirect_uri"].(string); ok {
			return uri
		}
	}
	if a.pushed {
		return a.query.Get("redirect_uri")
	}
	return query.Get("redirect_uri")
}

// readyPushed pushes the request, or makes the push ready.
func (a *authorize) readyPushed(ctx context.Context) (*shot, error) {
	form, request := maps.Clone(a.query), map[string]any{}
	if a.object != nil {
		source := "SOURCE_PUSHED"
		if a.push {
			source = "SOURCE_REQUEST"
		}
		compact, facts, err := a.signed(source)
		if err != nil {
			return nil, err
		}
		form = url.Values{"client_id": {a.auth.party.id}, "request": {compact}}
		request["requestObject"] = facts
	}
	header, who, err := a.auth.apply(a.Runner, form)
	if err != nil {
		return nil, err
	}
	push := &shot{
		client: a.auth.party.id, seen: agree.JSONAnswer,
		events: []event{{"PUSHED_AUTHORIZATION_REQUEST", join(map[string]any{"request": join(wire(form), request)}, who)}},
		send: func(ctx context.Context) (rest.Answer, error) {
			return a.post(ctx, "ext/par/request", form, header, false)
		},
	}
	if a.push {
		return push, nil
	}
	answer, err := push.send(ctx)
	if err != nil {
		return nil, err
	}
	if !answer.OK() {
		return refusedPush(push, answer), nil
	}
	query := maps.Clone(a.besides)
	query.Set("client_id", a.auth.party.id)
	query.Set("request_uri", answer.Text("request_uri"))
	request["pushedParameters"], request["pushedRequest"] = told(form), "PUSHED_REQUEST_FOUND"
	return a.shot(query, request), nil
}

// refusedPush is a request that cannot be made, because the endpoint refuses to
// have it pushed.
func refusedPush(push *shot, answer rest.Answer) *shot {
	push.send = func(context.Context) (rest.Answer, error) { return answer, nil }
	return push
}

func only(query url.Values, names []string) url.Values {
	some := url.Values{}
	for _, name := range names {
		some[name] = query[name]
	}
	return some
}

func sortedNames(query url.Values) []string {
	var names []string
	for _, name := range wire(query)["parameterNames"].([]string) {
		names = append(names, fmt.Sprint(name))
	}
	return names
}
