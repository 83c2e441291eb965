package generate

import "github.com/sidegate/sidegate/e2e/keycloak/internal/policyset"

// configuration makes the configuration of an executor.
type configuration func(Random) map[string]any

func none(Random) map[string]any { return map[string]any{} }

// autoConfigure makes a configuration with auto-configure, which Keycloak crashes
// without (executors-client.md Δ1): it is left out now and then.
func autoConfigure(r Random) map[string]any {
	if r.Chance(3) {
		return map[string]any{}
	}
	return map[string]any{"auto-configure": r.Flag()}
}

// flags makes a configuration of some of the boolean keys.
func flags(keys ...string) configuration {
	return func(r Random) map[string]any {
		c := map[string]any{}
		for _, key := range keys {
			if r.Chance(60) {
				c[key] = r.Flag()
			}
		}
		return c
	}
}

// with adds keys to another configuration.
func with(base configuration, more func(Random, map[string]any)) configuration {
	return func(r Random) map[string]any {
		c := base(r)
		more(r, c)
		return c
	}
}

var authenticators = []string{"client-secret", "client-jwt", "client-secret-jwt", "client-x509"}

var signingAlgorithms = []string{"PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}

func allowedAuthenticators(r Random) map[string]any {
	c := map[string]any{}
	if r.Chance(90) {
		c["allowed-client-authenticators"] = Some(r, 0, 3, authenticators...)
	}
	if r.Chance(50) {
		c["default-client-authenticator"] = Pick(r, authenticators...)
	}
	return c
}

func defaultAlgorithm(r Random) map[string]any {
	if r.Chance(25) {
		return map[string]any{}
	}
	return map[string]any{"default-algorithm": Pick(r, append([]string{"RS256", ""}, signingAlgorithms...)...)}
}

func uriPatterns(r Random) map[string]any {
	c := map[string]any{"allowed-patterns": Some(r, 0, 3,
		`https://app\.example(/.*)?`, `https://[a-z.]+\.example/[a-z/]*`, `https://.*`, `http://localhost.*`, `[+]|/.*`, "")}
	if r.Chance(60) {
		c["client-uri-fields"] = Some(r, 0, 4, "rootUrl", "adminUrl", "baseUrl", "redirectUris", "webOrigins",
			"jwksUri", "requestUris", "backchannelLogoutUrl", "postLogoutRedirectUris", "logoUri", "policyUri",
			"tosUri", "saml_assertion_consumer_url_post", "nosuch")
	}
	return c
}

var redirectFlags = flags("allow-ipv4-loopback-address", "allow-ipv6-loopback-address", "allow-private-use-uri-scheme",
	"allow-http-scheme", "allow-wildcard-context-path")

func redirectRules(r Random, c map[string]any) {
	for _, key := range []string{"oauth-2-0-compliant", "oauth-2-1-compliant", "allow-open-redirect"} {
		if r.Chance(20) {
			c[key] = r.Flag()
		}
	}
	if r.Chance(20) {
		c["allow-permitted-domains"] = Some(r, 1, 2, `app\.example`, `.*\.example`, `localhost`, `127\..*`)
	}
}

func caName(r Random) map[string]any {
	c := map[string]any{"ca-subject-dn": Pick(r, "CN=CA,O=Org", "cn=ca, o=org", "2.5.4.3=CA", "CN=Other CA")}
	if r.Chance(70) {
		c["enforced"] = r.Flag()
	}
	return c
}

func rotation(r Random) map[string]any {
	return map[string]any{
		"expiration-period":         Pick[any](r, 1000, 2505600, "5000"),
		"rotated-expiration-period": Pick[any](r, 0, 500, "1000", -5),
		"remaining-rotation-period": Pick[any](r, 1, 900, "1000"),
	}
}

// kind is an executor, how often it is taken, and what it is configured with.
type kind struct {
	id     string
	weight int
	configuration
}

// onWrites are the executors that act when a client is written, and some that are
// silent there.
var onWrites = []kind{
	{"pkce-enforcer", 4, autoConfigure},
	{"holder-of-key-enforcer", 4, autoConfigure},
	{"dpop-bind-enforcer", 4, with(autoConfigure, func(r Random, c map[string]any) {
		if r.Chance(30) {
			c["allow-only-refresh-token-binding"] = r.Flag()
		}
	})},
	{"reject-implicit-grant", 4, autoConfigure},
	{"reject-ropc-grant", 4, autoConfigure},
	{"consent-required", 4, autoConfigure},
	{"full-scope-disabled", 4, autoConfigure},
	{"secure-response-type", 4, flags("auto-configure", "allow-token-response-type")},
	{"secure-client-authenticator", 6, allowedAuthenticators},
	{"secure-client-uris", 6, flags("allow-http-on-localhost")},
	{"secure-client-uris-pattern", 6, uriPatterns},
	{"secure-redirect-uris-enforcer", 8, with(redirectFlags, redirectRules)},
	{"secure-signature-algorithm", 5, defaultAlgorithm},
	{"secure-ciba-req-sig-algorithm", 4, defaultAlgorithm},
	{"secure-logout", 4, flags("allow-front-channel-logout")},
	{"saml-avoid-redirect", 3, none},
	{"saml-signature-enforcer", 3, none},
	{"saml-secure-client-uris", 3, flags("allow-wildcard-redirects")},
	{"tls-client-auth-ca-subject-dn", 3, caName},
	{"secret-rotation", 4, rotation},
	{"registration-access-token-rotation-disabled", 3, none},
	{"reject-request", 1, none},
	{"confidential-client", 1, none},
	{"use-lightweight-access-token", 1, none},
	{"secure-session", 1, none},
	{"secure-par-content", 1, none},
	{"suppress-refresh-token-rotation", 1, none},
}

// onRequests are the executors that act on protocol requests.
var onRequests = []kind{
	{"pkce-enforcer", 6, autoConfigure},
	{"secure-session", 6, none},
	{"secure-response-type", 4, flags("auto-configure", "allow-token-response-type")},
	{"reject-implicit-grant", 4, autoConfigure},
	{"reject-ropc-grant", 3, autoConfigure},
	{"confidential-client", 4, none},
	{"secure-client-uris", 5, flags("allow-http-on-localhost")},
	{"secure-redirect-uris-enforcer", 6, with(redirectFlags, redirectRules)},
	{"secure-request-object", 4, requestObjects},
	{"secure-par-content", 3, none},
	{"dpop-bind-enforcer", 5, with(autoConfigure, func(r Random, c map[string]any) {
		for _, key := range []string{"allow-only-refresh-token-binding", "enforce-authorization-code-binding-to-dpop"} {
			if r.Chance(40) {
				c[key] = r.Flag()
			}
		}
	})},
	{"holder-of-key-enforcer", 2, autoConfigure},
	{"secure-client-authenticator", 5, allowedAuthenticators},
	{"secure-signature-algorithm-signed-jwt", 5, flags("require-client-assertion")},
	{"secure-client-authentication-assertion", 5, none},
	{"use-lightweight-access-token", 4, none},
	{"suppress-refresh-token-rotation", 3, none},
	{"secret-rotation", 2, rotation},
	{"jwt-claim-enforcer", 3, claimRule},
	{"downscope-assertion-grant-enforcer", 3, none},
	{"auth-flow-enforcer", 2, func(r Random) map[string]any {
		return map[string]any{"auth-flow-alias": "browser", "auth-flow-loa": 1 + r.IntN(2)}
	}},
	{"saml-avoid-redirect", 3, none},
	{"saml-signature-enforcer", 3, none},
	{"saml-secure-client-uris", 3, none},
	{"secure-logout", 1, flags("allow-front-channel-logout")},
	{"reject-request", 2, none},
	{"secure-ciba-session", 1, none},
	{"full-scope-disabled", 1, autoConfigure},
}

func requestObjects(r Random) map[string]any {
	c := flags("verify-nbf")(r)
	if r.Chance(20) {
		c["encryption-required"] = r.Flag()
	}
	if r.Chance(40) {
		c["available-period"] = Pick[any](r, 100, "300", 3600)
	}
	if r.Chance(20) {
		c["allowed-clock-skew"] = Pick[any](r, 0, "60")
	}
	return c
}

func claimRule(r Random) map[string]any {
	c := map[string]any{}
	if r.Chance(90) {
		c["claim-name"] = Pick(r, "azp", "preferred_username", "exp", "email_verified", "nosuch")
	}
	if r.Chance(60) {
		c["allowed-value"] = Pick(r, "sec", "[a-z]+", "[0-9]+", "true", "j.*", "")
	}
	return c
}

// pickExecutor returns an executor of the list with a configuration.
func pickExecutor(r Random, from []kind) policyset.Executor {
	total := 0
	for _, k := range from {
		total += k.weight
	}
	at := r.IntN(total)
	for _, k := range from {
		if at -= k.weight; at < 0 {
			return policyset.Executor{ID: k.id, Configuration: k.configuration(r)}
		}
	}
	return policyset.Executor{ID: from[0].id, Configuration: from[0].configuration(r)}
}
