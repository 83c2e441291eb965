package oauth

// Client protocols as Keycloak names them.
const (
	ProtocolOpenIDConnect = "openid-connect"
	ProtocolSAML          = "saml"
	ProtocolDocker        = "docker-v2"
)

// Client authenticators as Keycloak names them.
const (
	AuthenticatorClientSecret     = "client-secret"
	AuthenticatorClientJWT        = "client-jwt"
	AuthenticatorClientSecretJWT  = "client-secret-jwt"
	AuthenticatorClientX509       = "client-x509"
	AuthenticatorFederatedJWT     = "federated-jwt"
	AuthenticatorAttestationBased = "attestation-based"
	AuthenticatorNone             = "none"
)

// IsAssertionAuthenticator reports whether an authenticator takes a client
// assertion, a JWT of the client's or of its issuer's (RFC 7523 §2.2).
func IsAssertionAuthenticator(id string) bool {
	switch id {
	case AuthenticatorClientJWT, AuthenticatorClientSecretJWT, AuthenticatorFederatedJWT:
		return true
	}
	return false
}

// Client attributes of Keycloak that hold URIs. [AttrRequestURIs] and
// [AttrPostLogoutRedirectURIs] hold several, see [SplitList].
const (
	AttrJWKSURL                   = "jwks.url"
	AttrRequestURIs               = "request.uris"
	AttrPostLogoutRedirectURIs    = "post.logout.redirect.uris"
	AttrBackchannelLogoutURL      = "backchannel.logout.url"
	AttrFrontchannelLogoutURL     = "frontchannel.logout.url"
	AttrCIBANotificationURL       = "ciba.backchannel.client.notification.endpoint"
	AttrLogoURI                   = "logoUri"
	AttrPolicyURI                 = "policyUri"
	AttrTermsOfServiceURI         = "tosUri"
	AttrSectorIdentifierURI       = "sectorIdentifierUri"
	AttrSAMLConsumerPOST          = "saml_assertion_consumer_url_post"
	AttrSAMLConsumerRedirect      = "saml_assertion_consumer_url_redirect"
	AttrSAMLArtifactBinding       = "saml_artifact_binding_url"
	AttrSAMLArtifactResolution    = "saml_artifact_resolution_service_url"
	AttrSAMLLogoutPOST            = "saml_single_logout_service_url_post"
	AttrSAMLLogoutArtifact        = "saml_single_logout_service_url_artifact"
	AttrSAMLLogoutRedirect        = "saml_single_logout_service_url_redirect"
	AttrSAMLLogoutSOAP            = "saml_single_logout_service_url_soap"
	AttrSAMLMetadataDescriptorURL = "saml.metadataDescriptorUrl"
)

// Client attributes of Keycloak that hold switches: `true` in any letter case,
// save those of SAML, which are on when exactly `true`.
const (
	AttrCertificateBoundTokens = "tls.client.certificate.bound.access.tokens" // RFC 8705 §3.4
	AttrDPoPBoundTokens        = "dpop.bound.access.tokens"                   // RFC 9449 §5.2
	AttrSAMLForcePOST          = "saml.force.post.binding"
	AttrSAMLClientSignature    = "saml.client.signature"
	AttrSAMLServerSignature    = "saml.server.signature"
	AttrSAMLAssertionSignature = "saml.assertion.signature"
)

// Client attributes of Keycloak that name algorithms, methods and classes.
const (
	AttrPKCEMethod               = "pkce.code.challenge.method"
	AttrUserInfoSigningAlg       = "user.info.response.signature.alg"
	AttrRequestObjectAlg         = "request.object.signature.alg"
	AttrIDTokenSigningAlg        = "id.token.signed.response.alg"
	AttrIDTokenDetachedSignature = "id.token.as.detached.signature" // FAPI 1.0 Advanced 5.2.2.1-4
	AttrTokenEndpointAuthAlg     = "token.endpoint.auth.signing.alg"
	AttrAccessTokenSigningAlg    = "access.token.signed.response.alg"
	AttrCIBARequestSigningAlg    = "ciba.backchannel.auth.request.signing.alg"
	AttrX509CASubjectDN          = "x509.casubjectdn"
	AttrDefaultACRValues         = "default.acr.values" // several, see [SplitList]
	AttrMinimumACRValue          = "minimum.acr.value"
	AttrACRLevels                = "acr.loa.map" // JSON object, ACR to level
)

// Client attributes of Keycloak that hold times, decimal seconds since 1970.
const (
	AttrSecretCreation          = "client.secret.creation.time"
	AttrSecretExpiration        = "client.secret.expiration.time"
	AttrSecretRemainingTime     = "client.secret.remaining.expiration.time"
	AttrRotatedSecretCreation   = "client.secret.rotated.creation.time"
	AttrRotatedSecretExpiration = "client.secret.rotated.expiration.time"
	AttrMetadataCacheExpiry     = "cimd.cache.expiry.time.in.sec"
)

// AttrRotatedSecret is Keycloak's client attribute that holds a secret: it is
// never sent to the decision point and never set by it.
const AttrRotatedSecret = "client.secret.rotated"
