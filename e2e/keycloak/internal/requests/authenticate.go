package requests

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"time"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/generate"
)

// authentication is how a client authenticates, as chance decided.
type authentication struct {
	party    *party
	basic    bool
	alg      string
	audience string // issuer, list or endpoint
}

func drawAuthentication(r generate.Random, p *party) authentication {
	a := authentication{party: p, basic: r.Chance(50), audience: generate.Pick(r, "issuer", "issuer", "list", "endpoint")}
	switch p.auth {
	case byKey:
		a.alg = generate.Pick(r, "PS256", "ES256", "RS256")
	case bySecretJWT:
		a.alg = "HS256"
	}
	return a
}

// usual is how the client authenticates where it does not matter.
func usual(p *party) authentication {
	a := authentication{party: p, audience: "issuer", alg: "PS256"}
	if p.auth == bySecretJWT {
		a.alg = "HS256"
	}
	return a
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// apply adds the client's credentials to a form, and returns the header and what
// Sidegate is told of it.
func (a authentication) apply(w *Runner, form url.Values) (http.Header, map[string]any, error) {
	header, facts := http.Header{}, map[string]any{"authenticator": a.party.auth}
	switch a.party.auth {
	case bySecret:
		if a.basic {
			request := http.Request{Header: header}
			request.SetBasicAuth(url.QueryEscape(a.party.id), url.QueryEscape(a.party.secret))
		} else {
			form.Set("client_id", a.party.id)
			form.Set("client_secret", a.party.secret)
		}
	case byKey, bySecretJWT:
		claims := a.claims(w)
		assertion, err := w.keys.Sign(a.alg, nil, claims, a.party.secret)
		if err != nil {
			return nil, nil, err
		}
		form.Set("client_id", a.party.id)
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", assertion)
		facts["assertionType"] = assertionType
		facts["assertion"] = map[string]any{"alg": a.alg, "claims": claims, "verified": true}
	default:
		form.Set("client_id", a.party.id)
	}
	return header, map[string]any{"clientAuthentication": facts}, nil
}

// claims are those of RFC 7523 section 3.
func (a authentication) claims(w *Runner) map[string]any {
	const life = 50 // seconds; Keycloak allows a minute
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": a.party.id, "sub": a.party.id, "jti": rand.Text(), "iat": now, "exp": now + life,
	}
	switch a.audience {
	case "list":
		claims["aud"] = []any{w.realm.Issuer()}
	case "endpoint":
		claims["aud"] = w.realm.Origin() + w.realm.Endpoint("token")
	default:
		claims["aud"] = w.realm.Issuer()
	}
	return claims
}
