// Package client asks a Sidegate decision point on behalf of an identity
// provider and fails closed.
//
// It owns the connection (Unix socket or TCP), the deadline and the single
// retry of a decision, the reading of an answer so that nothing but a complete,
// understood ALLOW lets the provider go on ([Client.Decide]), and the
// application of mutations to client documents ([Documents.Apply]).
//
// It refuses to speak plain text beyond loopback, to treat any RPC error or any
// answer it does not fully understand as permission, to apply a mutation whose
// `previous` is not what the provider holds, and to change anything but
// top-level members of the client and single attributes.
//
// It does not cache: facts differ from request to request. It does not know
// HTTP: [Verdict] says which OAuth error, status and delivery the provider's
// endpoint owes its caller.
//
// # Caveats
//
// While the decision point is away every question costs the whole timeout (200
// ms by default), because the one retry waits for the connection to come back.
// A mutation or obligation that comes with ALLOW is a condition of it: a
// provider that drops one has ignored its policies.
package client
