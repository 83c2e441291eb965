// Package server runs a decision point: it opens the store, loads every realm,
// listens, answers, and stops without losing what it has acknowledged.
//
// It owns the life of the process ([Run]), its three listeners and what is in
// front of the services: codec, size limits, recovery from a panic, the access
// log, health. What a call means it leaves to internal/service, who may make it
// to internal/auth, and its REST form to internal/gateway.
//
// # Design
//
//   - Decisions: gRPC over a Unix socket that only the server's own user can
//     open, and over TCP when asked for. A server each, with the limit of a
//     decision message and a codec that uses generated marshalling code.
//   - Administration: one HTTP server that answers gRPC and REST on one address.
//     REST is the gateway calling an internal gRPC server through memory, so that
//     every interceptor sees every call.
//   - Operations: `/livez` and `/readyz`, which answer while the rest starts.
//
// To stop, the server first says that it is not ready, lets calls under way end
// until the deadline, then cuts them off. A health watch is ended as soon as it
// has been told, so that it does not hold up the stop.
//
// # What it refuses
//
// A socket path where something other than a socket lies, or on which another
// process listens; a data directory in use by another process. A listener
// without TLS that turns out to be reachable from other machines is closed
// before its first connection, whatever the configuration said.
//
// # Caveats
//
// Generated unmarshalling checks neither UTF-8 nor depth; internal/service does,
// by pdp.CheckInput, before anything is read. Certificates are read once.
package server
