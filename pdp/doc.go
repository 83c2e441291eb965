// Package pdp is the policy decision point: it compiles a realm's client
// policies into immutable form and answers events from them.
//
// It owns the registry of conditions and executors, strict decoding of their
// configuration, compilation, the event and value index, votes, the order of
// executors, mutations, findings, obligations, faults and the trace. The
// behaviour is that of Keycloak 26.7 client policies; where Sidegate is stricter
// the difference stands in docs/differences.md, and a realm with compatibility
// KEYCLOAK takes Keycloak's side.
//
// # Design
//
// Messages are the language, the compiled realm is the model: requests, answers
// and documents are the protobuf messages of clientpolicy.v1; a [Realm] is what
// [Compiler.Compile] makes of them and is only read afterwards. A request is
// seen through one view, [Request]: parameters, facts and the effective client
// (stored, overlaid by proposed, overlaid by mutations so far). Nobody merges by
// hand. What compatibility changes, the view changes; no provider asks for it.
//
// A provider reads facts through the view, and so cannot forget facts that the
// identity provider does not look up: the view notes when such a fact was read
// and the engine turns it into a fault.
//
// # Caveats
//
// The package does no I/O, keeps no clock, starts no goroutine and logs nothing.
// A [Request] and a [Verdict] are valid only during the call they are given to.
package pdp
