// Package policydiff tells what one state of a realm has that another has not:
// documents added, removed, changed and moved, and of the changed ones which
// members.
//
// # Design
//
// Documents are known by kind and name, so that a renamed one was removed and
// added. Which of them moved is the smallest set that can be: all others stand in
// the same order on both sides. Members are those of the document as JSON
// (contract of administration, section 3), named by JSON pointers (RFC 6901);
// output-only members do not count. An absent member has no value on its side, one
// that is null has the value null, and an empty list is there.
//
// Lists are aligned, so that an executor put in front does not make all others
// look changed: elements that are equal belong together, then executors and
// conditions of one id, as many as possible without crossing. Between those,
// elements without an id are compared one by one when both sides have equally many
// of them. All others were removed or added.
//
// # Pointers
//
// Numbers in a pointer count elements of the list as it is after, except the last
// number in the pointer of an element that was removed, which counts those of
// before. Whoever takes the removed elements out, puts the added ones in at their
// places, in ascending order, and then sets the changed ones, has made the one
// document from the other.
//
// # Mirror
//
// Told the other way round, the same documents are added for removed, changed by
// the same values, and moved: every choice between equally good answers depends on
// names and content alone.
//
// # Limits
//
// A list of more than a thousand by a thousand changed elements is told as one
// change, as are all once [maxCells] comparisons were made. Pointers take no more
// than [maxPaths] bytes: documents beyond that are told by one change of the whole
// document, whose pointer is empty. The answer is therefore not much larger than
// both states.
package policydiff
