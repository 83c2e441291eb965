// Package openapi compares the OpenAPI document with a server that runs.
//
// It holds tests and nothing to import. They send requests of every operation of
// the document, compare requests and answers with it, and fail when
//
//   - an operation, or a status that it names, was not seen,
//   - an answer has a status, a header, a type or a member that the document lacks,
//   - the document and the bindings in proto/ do not name the same routes,
//   - a line or an event of a stream is not what the document says that it is.
//
// They also break every rule that operations have in common (rules_test.go), and
// fail when the answer is not the one promised, or when something was stored.
//
// Answers are read more strictly than the document demands of clients: a member
// that it does not know is a failure here, while clients must pass over it.
//
// # Caveats
//
// `default`, which stands for failures that nobody foresees, is not provoked.
package openapi
