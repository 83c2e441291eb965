package decisionlog

import (
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// class says what happens to a text before it is kept.
type class uint8

// The classes. What has none is left out.
const (
	_ class = iota
	// nested is a message whose members have classes of their own.
	nested
	// plain is kept: administrators chose it, or this server made it.
	plain
	// name is kept unless it looks like a credential or is too long.
	name
	// flag is kept if it is true, false or empty.
	flag
	// fact is a JSON pointer to a fact.
	fact
	// uri is kept without user information, values of the query, and fragment; of a
	// reference to a pushed request the kind is kept.
	uri
	// thumbprint is kept if it is a digest.
	thumbprint
	// number is kept if it is one.
	number
	// address is kept if it is an IP address or the name of a host.
	address
	// clientID and userID are kept, or their pseudonyms.
	clientID
	userID
	// audience is kept as an URI or as a client id.
	audience
	// challenge is kept if its method is S256: else it is the verifier.
	challenge
	// presence keeps that it was there.
	presence
	// prose is kept without credentials, and without anything that was left out.
	prose
	// removed is left out, and named among the masked and the omitted.
	removed
	// never is left out, and named among the masked.
	never
	// parameters, attributes and the claims are kept by the tables below.
	parameters
	attributes
	assertionClaims
	objectClaims
	tokenClaims
	documentMembers
	// confirmation are the members of the claim `cnf` (RFC 7800).
	confirmation
	// clientValue is the new or old value of a member of the client.
	clientValue
)

// fields has the class of every member that can hold text: of requests, and of
// what is kept of answers. A test walks the messages and finds none missing.
var fields = map[protoreflect.FullName]class{
	"EvaluateRequest.realm":                    plain,
	"EvaluateRequest.client":                   nested,
	"EvaluateRequest.proposed_client":          nested,
	"EvaluateRequest.proposed_mask":            fact,
	"EvaluateRequest.omitted":                  fact,
	"EvaluateRequest.request":                  nested,
	"EvaluateRequest.client_authentication":    nested,
	"EvaluateRequest.tls":                      nested,
	"EvaluateRequest.dpop":                     nested,
	"EvaluateRequest.token":                    nested,
	"EvaluateRequest.subject_token":            nested,
	"EvaluateRequest.registration":             nested,
	"EvaluateRequest.actor":                    nested,
	"EvaluateRequest.source":                   nested,
	"EvaluateRequest.session":                  nested,
	"EvaluateRequest.client_scopes":            nested,
	"EvaluateRequest.client_metadata_document": nested,
	"EvaluateRequest.acr_loa_map":              name,
	"EvaluateRequest.credential_offer":         nested,
	"EvaluateRequest.identity_provider":        name,
	"EvaluateRequest.issuer":                   uri,
	"EvaluateRequest.external_facts":           removed,
	"EvaluateRequest.options":                  nested,
	"EvaluateOptions.evaluation_time":          plain,

	"Client.id":                                    clientID,
	"Client.client_id":                             clientID,
	"Client.name":                                  removed,
	"Client.description":                           removed,
	"Client.type":                                  name,
	"Client.root_url":                              uri,
	"Client.admin_url":                             uri,
	"Client.base_url":                              uri,
	"Client.client_authenticator_type":             name,
	"Client.secret":                                never,
	"Client.registration_access_token":             never,
	"Client.default_roles":                         name,
	"Client.redirect_uris":                         uri,
	"Client.web_origins":                           uri,
	"Client.protocol":                              name,
	"Client.attributes":                            attributes,
	"Client.authentication_flow_binding_overrides": removed,
	"Client.registered_nodes":                      removed,
	"Client.protocol_mappers":                      removed,
	"Client.client_template":                       removed,
	"Client.default_client_scopes":                 name,
	"Client.optional_client_scopes":                name,
	"Client.authorization_settings":                removed,
	"Client.access":                                removed,
	"Client.origin":                                removed,
	"Client.client_roles":                          name,
	"Client.extra":                                 removed,

	"OAuthRequest.parameters":                     parameters,
	"OAuthRequest.parameter_names":                name,
	"OAuthRequest.duplicate_parameters":           name,
	"OAuthRequest.effective_parameters":           parameters,
	"OAuthRequest.redirect_uri":                   uri,
	"OAuthRequest.method":                         name,
	"OAuthRequest.headers":                        removed,
	"OAuthRequest.request_object":                 nested,
	"OAuthRequest.pushed_parameters":              parameters,
	"OAuthRequest.pushed_dpop_jkt":                thumbprint,
	"OAuthRequest.saml_protocol_binding":          name,
	"OAuthRequest.assertion_consumer_service_url": uri,

	"RequestObject.alg":     name,
	"RequestObject.kid":     name,
	"RequestObject.typ":     name,
	"RequestObject.claims":  objectClaims,
	"RequestObject.compact": never,

	"JwtFacts.alg":     name,
	"JwtFacts.kid":     name,
	"JwtFacts.typ":     name,
	"JwtFacts.claims":  assertionClaims,
	"JwtFacts.compact": never,

	"ClientAuthentication.authenticator":  name,
	"ClientAuthentication.assertion":      nested,
	"ClientAuthentication.assertion_type": name,

	"TransportSecurity.version":                   name,
	"TransportSecurity.cipher":                    name,
	"TransportSecurity.client_certificate_sha256": thumbprint,
	"TransportSecurity.subject_dn":                removed,
	"TransportSecurity.issuer_dn":                 removed,

	"DPoPProof.jkt": thumbprint,
	"DPoPProof.alg": name,
	"DPoPProof.htm": name,
	"DPoPProof.htu": uri,

	"TokenFacts.claims": tokenClaims,

	"RoleList.roles": name,

	"Actor.username":     userID,
	"Actor.realm_roles":  name,
	"Actor.client_roles": audience,
	"Actor.groups":       name,

	"Source.remote_address": address,
	"Source.remote_host":    address,

	"SessionFacts.scope":                 name,
	"SessionFacts.acr":                   name,
	"SessionFacts.auth_time":             plain,
	"SessionFacts.code_challenge":        challenge,
	"SessionFacts.code_challenge_method": name,
	"SessionFacts.dpop_jkt":              thumbprint,

	"ClientScopeFacts.default":            name,
	"ClientScopeFacts.optional":           name,
	"ClientScopeFacts.not_in_token_scope": name,

	"ClientMetadataDocument.url":           clientID,
	"ClientMetadataDocument.cache_control": name,
	"ClientMetadataDocument.content":       documentMembers,

	"CredentialOffer.requested_configuration_ids": name,
	"CredentialOffer.offered_configuration_ids":   name,

	"PolicyError.code":        plain,
	"PolicyError.description": prose,

	"Finding.policy":      plain,
	"Finding.profile":     plain,
	"Finding.executor":    plain,
	"Finding.error":       plain,
	"Finding.field":       prose,
	"Finding.expected":    prose,
	"Finding.actual":      prose,
	"Finding.spec":        plain,
	"Finding.remedy":      prose,
	"Finding.description": prose,
	"Finding.condition":   plain,

	"Mutation.path":     prose,
	"Mutation.value":    clientValue,
	"Mutation.previous": clientValue,
	"Mutation.policy":   plain,
	"Mutation.profile":  plain,
	"Mutation.executor": plain,

	"Obligation.suppress_refresh_token":         nested,
	"Obligation.authentication_flow":            nested,
	"Obligation.lightweight_access_token":       nested,
	"Obligation.client_secret_rotation":         nested,
	"Obligation.restrict_scopes":                nested,
	"Obligation.dpop_bind_refresh_token_only":   nested,
	"Obligation.keep_registration_access_token": nested,
	"Obligation.fetch_client_metadata":          nested,
	"Obligation.policy":                         plain,
	"Obligation.profile":                        plain,
	"Obligation.executor":                       plain,
	"AuthenticationFlow.alias":                  plain,
	"ClientSecretRotation.expires_at":           plain,
	"ClientSecretRotation.rotated_expires_at":   plain,
	"RestrictScopes.scopes":                     name,
	"FetchClientMetadata.url":                   uri,
}

// parameterClasses are the parameters of OAuth, OpenID Connect and their
// extensions whose values may be kept. All others are left out: an unknown one may
// hold anything.
var parameterClasses = map[string]class{
	oauth.ParamResponseType:        name,
	oauth.ParamResponseMode:        name,
	oauth.ParamClientID:            clientID,
	oauth.ParamRedirectURI:         uri,
	oauth.ParamScope:               name,
	oauth.ParamGrantType:           name,
	oauth.ParamClientAssertionType: name,
	oauth.ParamCodeChallenge:       challenge,
	oauth.ParamCodeChallengeMethod: name,
	oauth.ParamRequestURI:          uri,
	oauth.ParamDPoPJKT:             thumbprint,
	oauth.ParamPrompt:              name,
	oauth.ParamMaxAge:              number,
	oauth.ParamUILocales:           name,
	"claims_locales":               name,
	"display":                      name,
	oauth.ParamACRValues:           name,
	oauth.ParamResource:            uri,
	"audience":                     audience,
	oauth.ParamSubjectTokenType:    name,
	"actor_token_type":             name,
	"requested_token_type":         name,
	"requested_issuer":             name,
	"requested_subject":            userID,
	"token_type_hint":              name,
	oauth.ParamKeycloakIDPHint:     name,
	oauth.ParamKeycloakAction:      name,
	"username":                     userID,
	"requested_expiry":             number,
	oauth.ParamState:               presence,
	oauth.ParamNonce:               presence,
}

// attributeClasses are the client attributes whose values may be kept. Of all
// others only the values true and false are.
var attributeClasses = map[string]class{
	oauth.AttrJWKSURL:                   uri,
	oauth.AttrRequestURIs:               uri,
	oauth.AttrPostLogoutRedirectURIs:    uri,
	oauth.AttrBackchannelLogoutURL:      uri,
	oauth.AttrFrontchannelLogoutURL:     uri,
	oauth.AttrCIBANotificationURL:       uri,
	oauth.AttrLogoURI:                   uri,
	oauth.AttrPolicyURI:                 uri,
	oauth.AttrTermsOfServiceURI:         uri,
	oauth.AttrSectorIdentifierURI:       uri,
	oauth.AttrSAMLConsumerPOST:          uri,
	oauth.AttrSAMLConsumerRedirect:      uri,
	oauth.AttrSAMLArtifactBinding:       uri,
	oauth.AttrSAMLArtifactResolution:    uri,
	oauth.AttrSAMLLogoutPOST:            uri,
	oauth.AttrSAMLLogoutArtifact:        uri,
	oauth.AttrSAMLLogoutRedirect:        uri,
	oauth.AttrSAMLLogoutSOAP:            uri,
	oauth.AttrSAMLMetadataDescriptorURL: uri,
	oauth.AttrCertificateBoundTokens:    name,
	oauth.AttrDPoPBoundTokens:           name,
	oauth.AttrSAMLForcePOST:             name,
	oauth.AttrSAMLClientSignature:       name,
	oauth.AttrSAMLServerSignature:       name,
	oauth.AttrSAMLAssertionSignature:    name,
	oauth.AttrPKCEMethod:                name,
	oauth.AttrUserInfoSigningAlg:        name,
	oauth.AttrRequestObjectAlg:          name,
	oauth.AttrIDTokenSigningAlg:         name,
	oauth.AttrIDTokenDetachedSignature:  name,
	oauth.AttrTokenEndpointAuthAlg:      name,
	oauth.AttrAccessTokenSigningAlg:     name,
	oauth.AttrCIBARequestSigningAlg:     name,
	oauth.AttrX509CASubjectDN:           name,
	oauth.AttrDefaultACRValues:          name,
	oauth.AttrMinimumACRValue:           name,
	oauth.AttrACRLevels:                 name,
	oauth.AttrSecretCreation:            number,
	oauth.AttrSecretExpiration:          number,
	oauth.AttrSecretRemainingTime:       number,
	oauth.AttrRotatedSecretCreation:     number,
	oauth.AttrRotatedSecretExpiration:   number,
	oauth.AttrMetadataCacheExpiry:       number,
	oauth.AttrRotatedSecret:             never,
}

// claimClasses are the claims that may be kept, by what they are claims of.
var claimClasses = map[class]map[string]class{
	assertionClaims: withTimes(map[string]class{
		oauth.ClaimIssuer:   clientID,
		"sub":               clientID,
		oauth.ClaimAudience: audience,
	}),
	tokenClaims: withTimes(map[string]class{
		oauth.ClaimIssuer:       uri,
		"sub":                   userID,
		"preferred_username":    userID,
		"username":              userID,
		oauth.ClaimAudience:     audience,
		"azp":                   clientID,
		"client_id":             clientID,
		"auth_time":             number,
		oauth.ClaimScope:        name,
		"acr":                   name,
		"amr":                   name,
		"typ":                   name,
		oauth.ClaimConfirmation: confirmation,
	}),
	objectClaims: withTimes(withParameters(map[string]class{
		oauth.ClaimIssuer:   clientID,
		oauth.ClaimAudience: audience,
	})),
	confirmation: {
		oauth.ConfirmationX5T: thumbprint,
		oauth.ConfirmationJKT: thumbprint,
	},
	// RFC 7591 section 2 and its extensions.
	documentMembers: {
		"client_id":                                  clientID,
		"redirect_uris":                              uri,
		"post_logout_redirect_uris":                  uri,
		"request_uris":                               uri,
		"client_uri":                                 uri,
		"logo_uri":                                   uri,
		"tos_uri":                                    uri,
		"policy_uri":                                 uri,
		"jwks_uri":                                   uri,
		"sector_identifier_uri":                      uri,
		"initiate_login_uri":                         uri,
		"backchannel_logout_uri":                     uri,
		"frontchannel_logout_uri":                    uri,
		"grant_types":                                name,
		"response_types":                             name,
		"scope":                                      name,
		"application_type":                           name,
		"subject_type":                               name,
		"token_endpoint_auth_method":                 name,
		"token_endpoint_auth_signing_alg":            name,
		"id_token_signed_response_alg":               name,
		"userinfo_signed_response_alg":               name,
		"request_object_signing_alg":                 name,
		"default_max_age":                            number,
		"require_auth_time":                          name,
		"dpop_bound_access_tokens":                   name,
		"require_pushed_authorization_requests":      name,
		"tls_client_certificate_bound_access_tokens": name,
	},
}

func withTimes(m map[string]class) map[string]class {
	for _, claim := range []string{oauth.ClaimExpiry, oauth.ClaimNotBefore, oauth.ClaimIssuedAt} {
		m[claim] = number
	}
	m[oauth.ClaimID] = presence
	return m
}

func withParameters(m map[string]class) map[string]class {
	for parameter, class := range parameterClasses {
		m[parameter] = class
	}
	return m
}
