package generate

var metadata = []setting{
	{"client_name", 60, oneOf("by chance")},
	{"redirect_uris", 90, someOf(0, 3, redirectURIs...)},
	{"token_endpoint_auth_method", 50, oneOf("client_secret_basic", "client_secret_post", "private_key_jwt", "client_secret_jwt",
		"tls_client_auth", "none")},
	{"grant_types", 50, someOf(0, 4, "authorization_code", "implicit", "refresh_token", "password", "client_credentials")},
	{"response_types", 50, someOf(1, 2, "code", "id_token", "id_token token", "code id_token", "none")},
	{"client_uri", 25, oneOf(plainURLs...)},
	{"logo_uri", 15, oneOf(plainURLs...)},
	{"tos_uri", 12, oneOf(plainURLs...)},
	{"policy_uri", 12, oneOf(plainURLs...)},
	{"jwks_uri", 15, oneOf(plainURLs...)},
	{"request_uris", 12, someOf(0, 2, "https://app.example/ro", "http://app.example/ro")},
	{"backchannel_logout_uri", 12, oneOf(plainURLs...)},
	{"frontchannel_logout_uri", 12, oneOf(plainURLs...)},
	{"post_logout_redirect_uris", 20, someOf(0, 2, "https://app.example/out", "http://app.example/out", "+")},
	{"id_token_signed_response_alg", 15, oneOf(algorithms...)},
	{"userinfo_signed_response_alg", 12, oneOf(algorithms...)},
	{"request_object_signing_alg", 12, oneOf(algorithms...)},
	{"token_endpoint_auth_signing_alg", 10, oneOf(algorithms...)},
	{"backchannel_authentication_request_signing_alg", 10, oneOf("PS256", "ES256", "RS256")},
	{"tls_client_certificate_bound_access_tokens", 30, oneOf(true, false)},
	{"dpop_bound_access_tokens", 30, oneOf(true, false)},
	{"scope", 10, oneOf("email phone", "profile")},
}

// Metadata makes the metadata of an OpenID Connect dynamic registration.
func Metadata(r Random) map[string]any {
	doc := map[string]any{}
	fill(r, doc, metadata, 100)
	return doc
}
