package oauth

// Error codes, with the document that defines each.
const (
	InvalidRequest          = "invalid_request"           // RFC 6749 §4.1.2.1, §5.2
	UnauthorizedClient      = "unauthorized_client"       // RFC 6749 §4.1.2.1, §5.2
	UnsupportedResponseType = "unsupported_response_type" // RFC 6749 §4.1.2.1
	InvalidScope            = "invalid_scope"             // RFC 6749 §4.1.2.1, §5.2
	ServerError             = "server_error"              // RFC 6749 §4.1.2.1
	InvalidClient           = "invalid_client"            // RFC 6749 §5.2
	InvalidGrant            = "invalid_grant"             // RFC 6749 §5.2
	UnsupportedGrantType    = "unsupported_grant_type"    // RFC 6749 §5.2
	InvalidToken            = "invalid_token"             // RFC 6750 §3.1
	InsufficientScope       = "insufficient_scope"        // RFC 6750 §3.1
	InvalidRedirectURI      = "invalid_redirect_uri"      // RFC 7591 §3.2.2
	InvalidClientMetadata   = "invalid_client_metadata"   // RFC 7591 §3.2.2
	InvalidRequestURI       = "invalid_request_uri"       // RFC 9101 §7
	InvalidRequestObject    = "invalid_request_object"    // RFC 9101 §7
	InvalidDPoPProof        = "invalid_dpop_proof"        // RFC 9449 §5
)

// Error codes of Keycloak's own, in no OAuth registry.
const (
	NotAllowed             = "not_allowed"
	InvalidRegistration    = "invalid_registration"
	CodeVerifierMissing    = "code_verifier_missing"    // reaches the wire as invalid_grant
	InvalidCodeVerifier    = "invalid_code_verifier"    // reaches the wire as invalid_grant
	PKCEVerificationFailed = "pkce_verification_failed" // reaches the wire as invalid_grant
)

// Request parameters, with the document that defines each.
const (
	ParamResponseType        = "response_type"         // RFC 6749 §3.1.1
	ParamClientID            = "client_id"             // RFC 6749 §4.1.1
	ParamRedirectURI         = "redirect_uri"          // RFC 6749 §3.1.2
	ParamScope               = "scope"                 // RFC 6749 §3.3
	ParamState               = "state"                 // RFC 6749 §4.1.1
	ParamGrantType           = "grant_type"            // RFC 6749 §4.1.3
	ParamCode                = "code"                  // RFC 6749 §4.1.3
	ParamRefreshToken        = "refresh_token"         // RFC 6749 §6
	ParamClientSecret        = "client_secret"         // RFC 6749 §2.3.1
	ParamClientAssertion     = "client_assertion"      // RFC 7521 §4.2
	ParamClientAssertionType = "client_assertion_type" // RFC 7521 §4.2
	ParamCodeChallenge       = "code_challenge"        // RFC 7636 §4.3
	ParamCodeChallengeMethod = "code_challenge_method" // RFC 7636 §4.3
	ParamCodeVerifier        = "code_verifier"         // RFC 7636 §4.5
	ParamToken               = "token"                 // RFC 7009 §2.1, RFC 7662 §2.1
	ParamSubjectToken        = "subject_token"         // RFC 8693 §2.1
	ParamSubjectTokenType    = "subject_token_type"    // RFC 8693 §2.1
	ParamResource            = "resource"              // RFC 8707 §2
	ParamRequest             = "request"               // RFC 9101 §5
	ParamRequestURI          = "request_uri"           // RFC 9101 §5
	ParamDPoPJKT             = "dpop_jkt"              // RFC 9449 §10
	ParamResponseMode        = "response_mode"         // OAuth Multiple Response Types §2.1
	ParamNonce               = "nonce"                 // OIDC Core §3.1.2.1
	ParamPrompt              = "prompt"                // OIDC Core §3.1.2.1
	ParamMaxAge              = "max_age"               // OIDC Core §3.1.2.1
	ParamUILocales           = "ui_locales"            // OIDC Core §3.1.2.1
	ParamLoginHint           = "login_hint"            // OIDC Core §3.1.2.1
	ParamACRValues           = "acr_values"            // OIDC Core §3.1.2.1
	ParamClaims              = "claims"                // OIDC Core §5.5
	ParamBindingMessage      = "binding_message"       // CIBA Core §7.1
	ParamIssuerState         = "issuer_state"          // OpenID4VCI §5.1.3
	ParamKeycloakIDPHint     = "kc_idp_hint"           // Keycloak
	ParamKeycloakAction      = "kc_action"             // Keycloak
)

// Claims that providers read (RFC 7519 §4.1 unless noted).
const (
	ClaimIssuer       = "iss"
	ClaimAudience     = "aud"
	ClaimExpiry       = "exp"
	ClaimNotBefore    = "nbf"
	ClaimIssuedAt     = "iat"
	ClaimID           = "jti"
	ClaimScope        = "scope"    // RFC 8693 §4.2
	ClaimConfirmation = "cnf"      // RFC 7800 §3.1
	ConfirmationX5T   = "x5t#S256" // member of cnf, RFC 8705 §3.1
	ConfirmationJKT   = "jkt"      // member of cnf, RFC 9449 §6.1
)

// Code challenge methods (RFC 7636 §4.2).
const (
	S256  = "S256"
	Plain = "plain"
)

// Words of `response_type` (OAuth Multiple Response Types §2 to §5) and modes of
// the answer.
const (
	ResponseTypeCode    = "code"
	ResponseTypeToken   = "token"
	ResponseTypeIDToken = "id_token"
	ResponseTypeNone    = "none"
	ResponseModeJWT     = "jwt" // JARM §2.3.4
)

// ScopeOpenID makes an authorization request one of OpenID Connect (OIDC Core §3.1.2.1).
const ScopeOpenID = "openid"

// Grant types, with the document that defines each.
const (
	GrantAuthorizationCode = "authorization_code"                              // RFC 6749 §4.1.3
	GrantImplicit          = "implicit"                                        // RFC 7591 §2
	GrantRefreshToken      = "refresh_token"                                   // RFC 6749 §6
	GrantPassword          = "password"                                        // RFC 6749 §4.3.2
	GrantClientCredentials = "client_credentials"                              // RFC 6749 §4.4.2
	GrantJWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer"     // RFC 7523 §2.1
	GrantDeviceCode        = "urn:ietf:params:oauth:grant-type:device_code"    // RFC 8628 §3.4
	GrantTokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693 §2.1
	GrantCIBA              = "urn:openid:params:grant-type:ciba"               // CIBA Core §10.1
)

const (
	// AssertionTypeJWTBearer says that a client assertion is a JWT (RFC 7523 §2.2).
	AssertionTypeJWTBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// TokenTypeAccessToken says that a subject token is an access token (RFC 8693 §3).
	TokenTypeAccessToken = "urn:ietf:params:oauth:token-type:access_token"
	// PushedRequestURIPrefix begins the `request_uri` of a pushed request (RFC 9126 §2.2).
	PushedRequestURIPrefix = "urn:ietf:params:oauth:request_uri:"
)

// SAML bindings (SAML 2.0 Bindings §3.2 to §3.6).
const (
	SAMLBindingSOAP     = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"
	SAMLBindingRedirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
	SAMLBindingPOST     = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
	SAMLBindingArtifact = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"
)

// Client authentication methods as metadata documents name them.
const (
	AuthMethodNone              = "none"                // RFC 7591 §2
	AuthMethodClientSecretBasic = "client_secret_basic" // RFC 7591 §2
	AuthMethodClientSecretPost  = "client_secret_post"  // RFC 7591 §2
	AuthMethodClientSecretJWT   = "client_secret_jwt"   // OIDC Core §9
	AuthMethodPrivateKeyJWT     = "private_key_jwt"     // OIDC Core §9
	AuthMethodTLSClientAuth     = "tls_client_auth"     // RFC 8705 §2.1.1
)

// IsPushedRequestURI reports whether a `request_uri` names a pushed request. The
// prefix counts in any letter case: namespace identifiers of URNs do (RFC 8141
// §3.1), and Keycloak takes the whole prefix so.
func IsPushedRequestURI(uri string) bool {
	return hasPrefixFold(uri, PushedRequestURIPrefix)
}
