package requests

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/agree"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/generate"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/jose"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
)

// The grants.
const (
	byClient   = "client_credentials"
	byPassword = "password"
	byRefresh  = "refresh_token"
	byCode     = "authorization_code"
	byExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// grant is a request to the token endpoint.
type grant struct {
	*Runner
	grant string
	auth  authentication
	// scope is asked for in this request, earlier in the one before it.
	scope, earlier string
	proof          bool
	// challenge is the method of PKCE of the authorization, or "".
	challenge string
}

// grants are the grants, as often as they are tried.
var grants = []string{byClient, byClient, byPassword, byRefresh, byRefresh, byCode, byCode, byExchange}

// drawGrant makes a request of a grant; a client that cannot have it is replaced.
func (w *Runner) drawGrant(r generate.Random, p *party, kind string) *grant {
	g := &grant{Runner: w, grant: kind}
	for p.public() && (g.grant == byClient || g.grant == byExchange) {
		p = generate.Pick(r, w.fleet...)
	}
	g.auth = drawAuthentication(r, p)
	g.proof = p.bound || r.Chance(25)
	g.earlier = generate.Pick(r, "openid", "openid email", "openid phone", "profile", "")
	g.challenge = generate.Pick(r, "", "S256", "S256", "plain")
	if p.attributes["pkce.code.challenge.method"] != nil {
		g.challenge = "S256"
	}
	if r.Chance(50) {
		g.scope = generate.Pick(r, "email", "phone", "profile email", "openid", "offline_access")
	}
	return g
}

func (g *grant) kind() string {
	if g.grant == byExchange {
		return "token: token exchange"
	}
	return "token: " + g.grant
}

func (g *grant) ready(ctx context.Context) (*shot, error) {
	form := url.Values{"grant_type": {g.grant}}
	if g.scope != "" && g.grant != byCode {
		form.Set("scope", g.scope)
	}
	fact, err := g.credentials(ctx, form)
	if err != nil {
		return nil, err
	}
	header, who, err := g.auth.apply(g.Runner, form)
	if err != nil {
		return nil, err
	}
	s := &shot{client: g.auth.party.id, seen: agree.JSONAnswer}
	s.events = g.events(join(map[string]any{"request": wire(form)}, who, fact))
	s.send = func(ctx context.Context) (rest.Answer, error) { return g.post(ctx, "token", form, header, g.proof) }
	return s, nil
}

// post sends a form to an endpoint, with a fresh DPoP proof when told so.
func (w *Runner) post(ctx context.Context, endpoint string, form url.Values, header http.Header, proof bool) (rest.Answer, error) {
	path := w.realm.Endpoint(endpoint)
	header = header.Clone()
	if proof {
		dpop, err := w.keys.Proof(http.MethodPost, w.realm.Origin()+path, "")
		if err != nil {
			return rest.Answer{}, err
		}
		header.Set("DPoP", dpop)
	}
	return w.realm.Rest().Do(ctx, rest.Request{Method: http.MethodPost, Path: path, Form: form, Header: header})
}

const verifier = "a-verifier-of-more-than-43-characters-0123456789"

// challenges returns the code challenge of a PKCE method.
func challenges(method string) string {
	if method == "S256" {
		return jose.Challenge(verifier)
	}
	return verifier
}

// credentials obtains what the grant needs, adds it to the form, and returns what
// Sidegate is told of it.
func (g *grant) credentials(ctx context.Context, form url.Values) (map[string]any, error) {
	switch g.grant {
	case byPassword:
		form.Set("username", g.realm.Jane)
		form.Set("password", g.realm.Jane)
	case byRefresh:
		tokens, err := g.tokens(ctx, g.auth.party, g.earlier, g.proof)
		if err != nil {
			return nil, err
		}
		form.Set("refresh_token", tokens.Text("refresh_token"))
		return map[string]any{"token": tokenFacts(refreshToken, verified, tokens.Text("refresh_token"))}, nil
	case byExchange:
		tokens, err := g.tokens(ctx, g.auth.party, g.earlier, g.auth.party.bound)
		if err != nil {
			return nil, err
		}
		form.Set("subject_token", tokens.Text("access_token"))
		form.Set("subject_token_type", "urn:ietf:params:oauth:token-type:access_token")
		return map[string]any{"subjectToken": tokenFacts(accessToken, unverified, tokens.Text("access_token"))}, nil
	case byCode:
		return g.code(ctx, form)
	}
	return nil, nil //nolint:nilnil // nothing to obtain, nothing to tell
}

// code logs a user in and adds the code to the form.
func (g *grant) code(ctx context.Context, form url.Values) (map[string]any, error) {
	query := url.Values{
		"client_id": {g.auth.party.id}, "response_type": {"code"}, "redirect_uri": {redirects[0]}, "state": {"s"},
	}
	session := map[string]any{}
	if g.earlier != "" {
		query.Set("scope", g.earlier)
		session["scope"] = g.earlier
	}
	if g.challenge != "" {
		query.Set("code_challenge", challenges(g.challenge))
		query.Set("code_challenge_method", g.challenge)
		form.Set("code_verifier", verifier)
		session["codeChallenge"], session["codeChallengeMethod"] = challenges(g.challenge), g.challenge
	}
	code, err := g.realm.Code(ctx, query)
	if err != nil {
		return nil, err
	}
	form.Set("code", code)
	form.Set("redirect_uri", redirects[0])
	return map[string]any{"session": session}, nil
}

// tokens obtains tokens by the password grant, which must succeed.
func (w *Runner) tokens(ctx context.Context, p *party, scope string, proof bool) (rest.Answer, error) {
	form := url.Values{"grant_type": {byPassword}, "username": {w.realm.Jane}, "password": {w.realm.Jane}}
	if scope != "" {
		form.Set("scope", scope)
	}
	header, _, err := usual(p).apply(w, form)
	if err != nil {
		return rest.Answer{}, err
	}
	a, err := w.post(ctx, "token", form, header, proof)
	if err == nil && !a.OK() {
		err = fmt.Errorf("obtain tokens of %s: %w: %s", p.id, rest.ErrStatus, a)
	}
	return a, err
}

// events returns the events of the grant; facts are those of the request.
func (g *grant) events(facts map[string]any) []event {
	facts = join(facts, g.proofFacts(g.proof, verified))
	switch g.grant {
	case byClient:
		facts = join(facts, sessionFacts(g.scope))
		return []event{{"SERVICE_ACCOUNT_TOKEN_REQUEST", facts}, {"SERVICE_ACCOUNT_TOKEN_RESPONSE", facts}}
	case byPassword:
		return []event{
			{"RESOURCE_OWNER_PASSWORD_CREDENTIALS_REQUEST", facts}, {"RESOURCE_OWNER_PASSWORD_CREDENTIALS_RESPONSE", facts},
		}
	case byRefresh:
		return []event{{"TOKEN_REFRESH", facts}, {"TOKEN_REFRESH_RESPONSE", join(facts, sessionFacts(g.earlier))}}
	case byExchange:
		return []event{{"TOKEN_EXCHANGE_REQUEST", facts}}
	}
	return []event{
		{"PRE_TOKEN_REQUEST", join(facts, g.proofFacts(g.proof, presented))}, {"TOKEN_REQUEST", facts}, {"TOKEN_RESPONSE", facts},
	}
}
