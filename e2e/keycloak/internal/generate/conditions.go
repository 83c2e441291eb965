package generate

import "github.com/sidegate/sidegate/e2e/keycloak/internal/policyset"

// conditionKind is a condition, how often it is taken, and its configuration.
type conditionKind struct {
	id     string
	weight int
	configuration
}

// list makes a configuration of one list with at least one element.
func list(key string, most int, choices ...string) configuration {
	return func(r Random) map[string]any { return map[string]any{key: Some(r, 1, most, choices...)} }
}

// Team is the client attribute that the condition client-attributes asks for, and
// Role the role that client-roles asks for.
const (
	Team = "team"
	Role = "special"
)

func attributePairs(r Random) map[string]any {
	return map[string]any{"attributes": Pick(r,
		`[{"key":"team","value":"blue"}]`, `[{"key":"team","value":"red"}]`,
		`[{"key":"team","value":"blue"},{"key":"tier","value":"1"}]`, `[]`)}
}

func scopes(r Random) map[string]any {
	c := map[string]any{"type": Pick(r, "Default", "Optional", "Any")}
	if r.Chance(95) {
		c["scopes"] = Some(r, 1, 3, "offline_access", "phone", "email", "profile", "address")
	}
	return c
}

var (
	anyClient  = conditionKind{"any-client", 24, none}
	accessType = conditionKind{"client-access-type", 12, list("type", 2, "confidential", "public", "bearer-only")}
	clientType = conditionKind{"client-type", 8, func(r Random) map[string]any {
		return map[string]any{"protocol": Pick(r, "openid-connect", "openid-connect", "openid-connect", "saml")}
	}}
	attributes = conditionKind{"client-attributes", 10, attributePairs}
	roles      = conditionKind{"client-roles", 8, list("roles", 2, Role, "other")}
	grantType  = conditionKind{"grant-type", 8, list("grant_types", 4, "authorization_code", "implicit", "refresh_token",
		"password", "client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange",
		"urn:ietf:params:oauth:grant-type:device_code")}
	clientScopes = conditionKind{"client-scopes", 8, scopes}
	updater      = conditionKind{"client-updater-context", 12, list("update-client-source", 3, "ByAuthenticatedUser",
		"ByAnonymous", "ByInitialAccessToken", "ByRegistrationAccessToken")}
)

// writeConditions vote when a client is written, or abstain there.
var writeConditions = []conditionKind{
	anyClient, accessType, clientType, attributes, roles, updater,
	{"client-updater-source-roles", 6, list("roles", 2, "auditor", "realm-management.manage-clients", "manage-clients",
		"realm-management.nosuch", "offline_access")},
	{"client-updater-source-groups", 6, list("groups", 2, "sub", "top", "/top/sub", "elsewhere")},
	{"client-updater-source-host", 6, list("trusted-hosts", 2, "127.0.0.1", "localhost", "192.0.2.1", "*.localhost", "*.host",
		"*.example", "127.0.0.*")},
	{"grant-type", 2, grantType.configuration},
	{"client-scopes", 2, scopes},
	{"acr-condition", 1, func(Random) map[string]any { return map[string]any{"acr-property": "gold"} }},
	{"identity-provider-alias", 1, list("identity_provider_aliases", 1, "elsewhere")},
}

// requestConditions vote on protocol requests, or abstain there.
var requestConditions = []conditionKind{
	anyClient, accessType, clientType, attributes, roles, grantType, clientScopes,
	{"acr-condition", 4, func(r Random) map[string]any { return map[string]any{"acr-property": Pick(r, "gold", "silver")} }},
	{"client-id-uri", 4, func(r Random) map[string]any {
		return map[string]any{
			"client-id-uri-scheme":                  Some(r, 1, 2, "https", "http"),
			"client-id-uri-allow-permitted-domains": Some(r, 1, 2, "rp.example", "*.example", "other.example"),
		}
	}},
	{"client-updater-context", 2, updater.configuration},
}

// pickCondition returns a condition of the list, at times turned round.
func pickCondition(r Random, from []conditionKind) policyset.Condition {
	total := 0
	for _, k := range from {
		total += k.weight
	}
	at := r.IntN(total)
	for _, k := range from {
		if at -= k.weight; at < 0 {
			c := policyset.Condition{ID: k.id, Configuration: k.configuration(r)}
			if r.Chance(15) {
				c.Configuration["is-negative-logic"] = r.Flag()
			}
			return c
		}
	}
	return policyset.Condition{ID: from[0].id, Configuration: map[string]any{}}
}
