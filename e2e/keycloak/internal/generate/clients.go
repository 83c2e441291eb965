package generate

// Pools of values. Names end in .example or are literal addresses, so that no
// lookup finds anything.
var (
	redirectURIs = []string{
		"https://app.example/cb", "https://app.example/cb", "https://www.app.example/a/b", "https://app.example/*",
		"http://app.example/cb", "http://localhost/cb", "http://localhost:8080/cb", "http://127.0.0.1/cb",
		"http://127.0.0.1:9999/cb", "https://127.0.0.1/cb", "http://[::1]/cb", "com.example.app:/cb", "myapp:/cb",
		"/relative/cb", "https://APP.example/cb", "https://other.test/cb", "https://app.example:8443/cb",
	}
	plainURLs = []string{
		"https://app.example", "https://app.example/", "https://www.app.example/x", "http://app.example/x",
		"http://localhost:8080", "https://other.test/y",
	}
	algorithms = []string{"PS256", "ES256", "ES384", "RS256", "HS256"}
	truths     = []string{"true", "false", "TRUE", "True"}
)

// setting sets a member or an attribute in so many of a hundred documents.
type setting struct {
	name    string
	percent int
	value   func(Random) any
}

func oneOf[T any](choices ...T) func(Random) any {
	return func(r Random) any { return Pick(r, choices...) }
}

func someOf(least, most int, choices ...string) func(Random) any {
	return func(r Random) any {
		items := []any{}
		for _, s := range Some(r, least, most, choices...) {
			items = append(items, s)
		}
		return items
	}
}

var members = []setting{
	{"protocol", 45, oneOf("openid-connect", "openid-connect", "openid-connect", "saml")},
	{"publicClient", 50, oneOf(true, false, false)},
	{"bearerOnly", 15, oneOf(true, false)},
	{"clientAuthenticatorType", 45, oneOf(authenticators...)},
	{"standardFlowEnabled", 40, oneOf(true, true, false)},
	{"implicitFlowEnabled", 50, oneOf(true, false, false)},
	{"directAccessGrantsEnabled", 40, oneOf(true, false)},
	{"serviceAccountsEnabled", 15, oneOf(true, false)},
	{"consentRequired", 40, oneOf(true, false)},
	{"fullScopeAllowed", 40, oneOf(true, false)},
	{"frontchannelLogout", 25, oneOf(true, false)},
	{"rootUrl", 25, oneOf(append([]string{""}, plainURLs...)...)},
	{"adminUrl", 15, oneOf(plainURLs...)},
	{"baseUrl", 20, oneOf(append([]string{"/home"}, plainURLs...)...)},
	{"redirectUris", 75, someOf(0, 3, redirectURIs...)},
	{"webOrigins", 20, someOf(0, 2, "+", "https://app.example", "http://app.example", "*", "https://other.test")},
	{"description", 15, oneOf("made by chance")},
}

var clientAttributes = []setting{
	{"pkce.code.challenge.method", 35, oneOf("S256", "S256", "plain", "")},
	{"tls.client.certificate.bound.access.tokens", 30, oneOf(truths...)},
	{"dpop.bound.access.tokens", 30, oneOf(truths...)},
	{"user.info.response.signature.alg", 15, oneOf(algorithms...)},
	{"request.object.signature.alg", 15, oneOf(append([]string{"any", "none"}, algorithms...)...)},
	{"id.token.signed.response.alg", 20, oneOf(algorithms...)},
	{"token.endpoint.auth.signing.alg", 15, oneOf(algorithms...)},
	{"access.token.signed.response.alg", 15, oneOf(algorithms...)},
	{"ciba.backchannel.auth.request.signing.alg", 15, oneOf("PS256", "ES256", "RS256")},
	{"jwks.url", 15, oneOf(plainURLs...)},
	{"request.uris", 15, oneOf("https://app.example/ro", "https://app.example/ro##http://app.example/ro", "")},
	{"backchannel.logout.url", 12, oneOf(plainURLs...)},
	{"frontchannel.logout.url", 12, oneOf(append([]string{""}, plainURLs...)...)},
	{"post.logout.redirect.uris", 25, oneOf("+", "-", "", "https://app.example/out", "+##https://app.example/out",
		"https://app.example/out##http://app.example/out", "https://app.example/out##com.example.app:/out")},
	{"logoUri", 12, oneOf(plainURLs...)},
	{"tosUri", 10, oneOf(plainURLs...)},
	{"policyUri", 10, oneOf(plainURLs...)},
	{"x509.subjectdn", 5, oneOf("CN=client")},
	{"x509.casubjectdn", 15, oneOf("CN=CA,O=Org", "CN = CA , O = ORG", "CN=Other CA", "nonsense", "")},
	{"client.secret.expiration.time", 10, oneOf("1600000000", "4100000000")},
	{Team, 45, oneOf("blue", "blue", "red")},
	{"tier", 20, oneOf("1", "2")},
}

var samlAttributes = []setting{
	{"saml.force.post.binding", 50, oneOf("true", "false", "TRUE", "")},
	{"saml.client.signature", 50, oneOf("true", "false")},
	{"saml.server.signature", 40, oneOf("true", "false", "TRUE")},
	{"saml.assertion.signature", 30, oneOf("true", "false")},
	{"saml_assertion_consumer_url_post", 40, oneOf(plainURLs...)},
	{"saml_single_logout_service_url_redirect", 20, oneOf(plainURLs...)},
}

// fill sets what chance takes of the settings; scale is in percent.
func fill(r Random, into map[string]any, settings []setting, scale int) {
	for _, s := range settings {
		if r.Chance(s.percent * scale / 100) {
			into[s.name] = s.value(r)
		}
	}
}

// Client makes a client document for the admin API or for dynamic registration by
// representation. A scale of 100 makes a usual one, less a partial one.
func Client(r Random, clientID string, scale int) map[string]any {
	doc := map[string]any{}
	fill(r, doc, members, scale)
	if r.Chance(80) {
		attributes := map[string]any{}
		fill(r, attributes, clientAttributes, scale)
		if doc["protocol"] == "saml" {
			fill(r, attributes, samlAttributes, scale)
		}
		doc["attributes"] = attributes
	}
	if clientID != "" {
		doc["clientId"] = clientID
	}
	return doc
}

// Good makes a client document that many executors like, so that later executors
// and the second event are reached.
func Good(r Random, clientID string) map[string]any {
	return map[string]any{
		"clientId": clientID, "protocol": "openid-connect", "publicClient": false,
		"clientAuthenticatorType": Pick(r, "client-jwt", "client-x509"),
		"standardFlowEnabled":     true, "implicitFlowEnabled": false, "directAccessGrantsEnabled": false,
		"consentRequired": true, "fullScopeAllowed": false, "frontchannelLogout": false,
		"redirectUris": []any{"https://app.example/cb"},
		"attributes": map[string]any{
			"pkce.code.challenge.method": "S256", "dpop.bound.access.tokens": "true",
			"tls.client.certificate.bound.access.tokens": "true", "id.token.signed.response.alg": "PS256",
			Team: Pick(r, "blue", "red"),
		},
	}
}
