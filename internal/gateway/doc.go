// Package gateway is the native REST surface: grpc-gateway in front of the gRPC
// services, which it calls through a connection given to it, so that every
// interceptor sees every call.
//
// It owns what HTTP adds: routes and their methods (RFC 9110), the JSON of
// bodies (package strictjson), query parameters, update masks, the headers that
// may pass, and errors as `application/problem+json` (RFC 9457), whose status
// follows the reason of google.rpc.ErrorInfo. What a call means is left to the
// services, who may make it to their interceptors.
//
// `/openapi.json` shows the OpenAPI document (package gen/openapi) to everybody,
// credentials or none.
//
// # What it refuses
//
// Before the service is asked: bodies that are too large or not `application/json`
// (413, 415), that are not the document of the route (400, with JSON pointer, line
// and column), query parameters that are unknown, repeated, spelled in
// snake_case or without a value (400), names that are empty (404), other methods
// (405 with `Allow`). Only the headers named in headers.go are seen at all:
// neither `Grpc-Metadata-*`, `Grpc-Timeout` nor a method override has an effect.
//
// # Design
//
// Everything that is refused here is refused in the middleware (guard.go), before
// the generated handler runs, because that flattens errors of a decoder to text.
// For the same reason the update mask is worked out in the middleware and put
// into the request on its way out (upstream.go): the generated code takes paths
// from the query unconverted and cannot tell `{"settings":{}}` from
// `{"settings":null}`. Query parameters are checked in the middleware too, and
// left to the gateway's default parser, which is one variable for the whole
// process.
//
// # Caveats
//
// A name in a path is percent-encoded, `/` as `%2F`; the handler must see the
// path as it was sent, so no middleware in front may clean or decode it.
// [http.ServeMux] is harmless. A body is read and checked before the service can
// look at credentials, unless Options.Admit does.
package gateway
