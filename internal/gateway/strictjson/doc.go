// Package strictjson reads and prints the JSON of the REST surface: protojson in
// both directions, stricter in one and more regular in the other.
//
// It owns what a document may look like before anybody asks what it means:
// [Check] walks the JSON once beside the message's descriptor and reports every
// problem with JSON pointer (RFC 6901), line and column; [Unmarshal] then hands
// it to protojson. [Marshal] prints protojson without its random blanks, so that
// equal messages give equal bytes.
//
// # What it refuses
//
// Besides what RFC 8259 and protojson refuse: an empty body, a byte order mark,
// anything after the document, a member sent twice, members that are not known
// or spelled in snake_case, nesting beyond the limit, enum values by number or by
// an unknown name, whole numbers written as `1e2` or, for 32 bits, as strings,
// and, inside free-form values, integers that a double cannot hold.
//
// # Design
//
// Protobuf lists cannot say "present and empty". Where a document has to
// (`executors` of a profile), the message carries `empty_members`; this package
// alone translates it: in JSON the list itself is shown as `[]` and
// `emptyMembers` is neither shown nor taken. For that, [Check] returns the bytes
// that protojson must be given, which are not always those it was given.
//
// # Caveats
//
// Kinds of fields that no message of ours uses (bytes, floats, unsigned integers,
// maps with keys other than strings, Any, wrappers) are refused; a test names
// the first message that grows one.
package strictjson
