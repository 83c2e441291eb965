package config

// Auth says who may call besides the holders of API tokens. It stands in the
// configuration file only.
type Auth struct {
	// OIDC are the issuers whose tokens are taken.
	OIDC []Issuer `koanf:"oidc"`
	// Certificates map client certificates to roles.
	Certificates []Certificate `koanf:"certificates"`
	// Principals are users with a password, who exchange it for a token.
	Principals []Principal `koanf:"principals"`
}

// Issuer is an OpenID Connect issuer whose tokens are taken.
type Issuer struct {
	// Issuer is its URL, exactly as tokens have it in `iss`.
	Issuer string `koanf:"issuer"`
	// Audience must be among a token's audiences.
	Audience string `koanf:"audience"`
	// JWKSURL is where its keys are; empty means that discovery tells.
	JWKSURL string `koanf:"jwks-url"`
	// CAFile is a PEM file of the CAs that it is trusted by; empty means those of
	// the system.
	CAFile string `koanf:"ca-file"`
	// Algorithms are the signature algorithms taken; never empty once loaded.
	Algorithms []string `koanf:"algorithms"`
	// Roles say which claims give which role.
	Roles []ClaimRole `koanf:"roles"`
	// KeycloakRoles takes Keycloak's view-realm, manage-realm, view-clients and
	// manage-clients as viewer and editor.
	KeycloakRoles bool `koanf:"keycloak-roles"`
}

// ClaimRole gives a role to tokens with a value in a claim.
type ClaimRole struct {
	// Claim is the name of a claim, or a path of names joined by dots.
	Claim string `koanf:"claim"`
	// Value is what the claim is, or has among its elements.
	Value string `koanf:"value"`
	// Realm is where the role is given; "*" is every realm.
	Realm string `koanf:"realm"`
	// Role is viewer, editor, admin or evaluator.
	Role string `koanf:"role"`
}

// Certificate maps client certificates to roles: those with one subject, or with
// one subject alternative name. Exactly one of the two is set.
type Certificate struct {
	// Subject is the distinguished name of RFC 4514, as Go prints it.
	Subject string `koanf:"subject"`
	// SAN is a DNS name, an e-mail address, an IP address or a URI.
	SAN string `koanf:"san"`
	// Name is how the principal is recorded; never empty once loaded.
	Name string `koanf:"name"`
	// Roles by name of the realm; "*" is every realm.
	Roles map[string]string `koanf:"roles"`
}

// Principal is a user with a password.
type Principal struct {
	// Username is unique, and not that of the environment's principal.
	Username string `koanf:"username"`
	// PasswordFile holds the password in its first line; nobody else may read it.
	PasswordFile string `koanf:"password-file"`
	// Roles by name of the realm; "*" is every realm.
	Roles map[string]string `koanf:"roles"`
}
