package requests

import "github.com/sidegate/sidegate/e2e/keycloak/internal/generate"

// drawing makes a request of some kind.
type drawing func(*Runner, generate.Random) request

func byAuthorize(w *Runner, r generate.Random) request {
	return w.drawAuthorize(r, r.Chance(25), r.Chance(22))
}

func byPush(w *Runner, r generate.Random) request { return w.drawAuthorize(r, true, r.Chance(40)) }

func byObject(w *Runner, r generate.Random) request { return w.drawAuthorize(r, r.Chance(30), true) }

func byGrant(w *Runner, r generate.Random) request {
	return w.drawGrant(r, generate.Pick(r, w.fleet...), generate.Pick(r, grants...))
}

func byToken(w *Runner, r generate.Random) request {
	return w.drawTokenUse(r, generate.Pick(r, w.fleet...), generate.Pick(r, uses...))
}

func bySAML(w *Runner, r generate.Random) request { return w.drawSAML(r) }

func byDevice(w *Runner, r generate.Random) request {
	return &device{
		Runner: w, auth: drawAuthentication(r, generate.Pick(r, w.fleet...)), scope: generate.Pick(r, "openid", "profile"),
	}
}

// of is a grant of a kind.
func of(kinds ...string) drawing {
	return func(w *Runner, r generate.Random) request {
		return w.drawGrant(r, generate.Pick(r, w.fleet...), generate.Pick(r, kinds...))
	}
}

// withAssertion is a request by a client that authenticates by assertion.
func withAssertion(w *Runner, r generate.Random) request {
	var able []*party
	for _, p := range w.fleet {
		if p.auth == byKey || p.auth == bySecretJWT {
			able = append(able, p)
		}
	}
	p := generate.Pick(r, able...)
	if r.Chance(50) {
		return w.drawGrant(r, p, generate.Pick(r, byClient, byRefresh, byCode))
	}
	return w.drawTokenUse(r, p, generate.Pick(r, "revoke", "introspect"))
}

// preferred are requests that the executor in focus has something to say on.
var preferred = map[string][]drawing{
	"secure-request-object":                  {byObject},
	"secure-par-content":                     {byPush},
	"reject-ropc-grant":                      {of(byPassword)},
	"dpop-bind-enforcer":                     {byToken, byGrant, byAuthorize},
	"holder-of-key-enforcer":                 {byToken, byGrant},
	"secure-client-authenticator":            {byToken, byGrant},
	"secure-signature-algorithm-signed-jwt":  {withAssertion},
	"secure-client-authentication-assertion": {withAssertion},
	"use-lightweight-access-token":           {byGrant},
	"suppress-refresh-token-rotation":        {of(byRefresh)},
	"secret-rotation":                        {of(byCode), byAuthorize},
	"jwt-claim-enforcer":                     {of(byExchange)},
	"downscope-assertion-grant-enforcer":     {of(byExchange)},
	"saml-avoid-redirect":                    {bySAML},
	"saml-signature-enforcer":                {bySAML},
	"saml-secure-client-uris":                {bySAML},
}

// draw makes a request by chance, half of them for the executor in focus.
func (w *Runner) draw(r generate.Random, focus string) request {
	if drawings, ok := preferred[focus]; ok && r.Chance(50) {
		return generate.Pick(r, drawings...)(w, r)
	}
	switch roll := r.IntN(100); {
	case roll < 45:
		return byAuthorize(w, r)
	case roll < 72:
		return byGrant(w, r)
	case roll < 88:
		return byToken(w, r)
	case roll < 92:
		return byDevice(w, r)
	}
	return bySAML(w, r)
}
