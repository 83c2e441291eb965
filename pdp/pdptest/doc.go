// Package pdptest reads decision vectors and replays them against anything that
// decides.
//
// A vector file is data: policies, a request, and what the answer must be. The
// package owns the format, the loader and the comparison. It does not know the
// engine: a [Decide] function stands for the engine, a gRPC client, a REST
// client or the command line, so that all of them answer to the same files.
//
// # What it refuses
//
// Unknown members are an error wherever they stand, as are duplicate members,
// duplicate case names, output-only members of profiles and policies, `realm`
// in a request, text after the document, more than 64 levels and more than
// 16 MiB. A `want` that checks nothing is an error. All problems of a file are
// reported, each as a [FileError].
//
// # Time
//
// The strings "@now", "@now+300" and "@now-60" in a request or in `want` are
// replaced when the file is loaded: by a timestamp where the message has one, by
// the digits where it has a string (an attribute), else by a number of seconds.
// `options.evaluationTime` becomes the same now unless the case sets it.
//
// # Caveats
//
// Only the members that `want` names are compared, and a description never is.
// A [Case] is shared: a Decide function must not change it, and takes
// [Case.RequestFor] when it needs a request of its own.
package pdptest
