// Package login exchanges user name and password for short-lived tokens, for tools
// that log in before they administer.
//
// It owns the principals that have a password ([User]), their sessions and the two
// paths that Keycloak's clients use: `POST /realms/{realm}/protocol/openid-connect/token`
// (RFC 6749: password, section 4.3; client_credentials, section 4.4; refresh_token,
// section 6) and `…/logout`. Without users both are 404.
//
// # Design
//
// Everything is in memory and ends with the process: the signing key, the key of
// the refresh tokens, the sessions. Of a password only a salted PBKDF2 hash is kept.
//
// An access token is a JWT (RFC 9068), because clients read its expiry, good for
// five minutes and as long as its session lasts. A refresh token is good once: it
// holds the session, its turn and a MAC over both. One that is used a second time
// ends the session, since one of the two who used it stole it (RFC 9700 section
// 4.14.2). Client credentials give no refresh token (RFC 6749 section 4.4.3).
//
// The realm in the path does not matter: a token is good in all realms where its
// user has roles. So the path does not tell strangers which realms there are.
//
// Wrong passwords close the door to further ones, for the address that they come
// from and for the user name, longer each time; see [Server]. Passwords are hashed
// one after the other, and only few wait: guessing cannot take the processor away
// from decisions.
//
// # What it refuses
//
// Repeated parameters, parameters in the URL, bodies above 16 KiB or of another
// type, two ways of client authentication at once. Whether a user exists shows
// neither in the answer nor in its time.
//
// # Caveats
//
// Password files are read by whoever makes the [User]; a new password needs a new
// start. Scopes mean nothing here.
package login
