// Package keycloak compares Sidegate's engine with a real Keycloak 26.7.3.
//
// It holds one test and nothing to import. The test starts Keycloak, gives it and
// Sidegate the same generated policies, sends it the same client registrations,
// updates and protocol requests, and compares what Keycloak's endpoints answer and
// store with what Sidegate decides under the setting `compatibility: KEYCLOAK`.
//
// # Method
//
// Two realms run side by side. The realm under test carries the policies. Its twin
// has none: a write that Sidegate allows is sent there with Sidegate's mutations
// laid over it, and both realms must then store the same client. Protocol requests
// are sent twice to the realm under test, without and with policies, and only
// those count that pass without.
//
// # Caveats
//
// Keycloak has no TLS here, so no client certificate ever reaches a policy. What
// needs the network is left out: metadata documents, intent checks and client
// notification. A crash of Keycloak counts as such, and only when a rule names
// the documented difference that it falls under.
package keycloak
