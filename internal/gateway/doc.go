// Package gateway is the native REST surface: grpc-gateway in front of the gRPC
// services, which it calls through a connection given to it, so that every
// interceptor sees every call.
//
// It owns what HTTP adds: routes and their methods (RFC 9110), the JSON of
// bodies (package strictjson), query parameters, update masks, the headers that
// may pass, errors as `application/problem+json` (RFC 9457), whose status follows
// the reason of google.rpc.ErrorInfo, and the forms of streams. What a call means
// is left to the services, who may make it to their interceptors.
//
// A stream is one object a line (`application/x-ndjson`), items as `{"result":…}`,
// or server-sent events (WHATWG HTML, section 9.2); the export of decisions is one
// bare decision a line, or CSV (RFC 4180). `Accept` decides (RFC 9110 section
// 12.5.1). What goes wrong before the headers is a problem like any other; what
// goes wrong later is `{"error":…}` on the last line or `event: error`, with the
// code, message and details of google.rpc.Status. An export that fails is cut off
// besides, in CSV only that: nobody may take a part for the whole.
//
// `/openapi.json` shows the OpenAPI document (package gen/openapi) to everybody,
// credentials or none.
//
// # What it refuses
//
// Before the service is asked: bodies that are too large or not `application/json`
// (413, 415), that are not the document of the route (400, with JSON pointer, line
// and column), query parameters that are unknown, repeated, spelled in
// snake_case or without a value (400), revisions in the path that are no numbers
// (400), names that are empty (404), other methods (405 with `Allow`), streams in a
// form that they do not have (406), more than 256 streams at a time (503), writes
// that a page of another origin has a browser send (403). Only the headers named in
// headers.go are seen at all: neither `Grpc-Metadata-*`, `Grpc-Timeout` nor a method
// override has an effect.
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
// Streams do not go through the generated handlers (stream.go): those answer a
// refusal before the first item with a stream, have nothing to say while there is
// no item, and do not end when the server stops.
//
// # Caveats
//
// A stream is accepted once the service has sent its headers: a service that sends
// none keeps the caller waiting for the first item. The deadlines of a connection
// are lifted for streams; each write has a minute, and every 15 seconds without an
// item there is one, an empty line or a comment. An export has nothing of the kind.
//
// A name in a path is percent-encoded, `/` as `%2F`; the handler must see the
// path as it was sent, so no middleware in front may clean or decode it.
// [http.ServeMux] is harmless. A colon that is not encoded belongs to the name as
// long as no verb of the path follows it. A body is read and checked before the
// service can look at credentials, unless Options.Admit does.
package gateway
