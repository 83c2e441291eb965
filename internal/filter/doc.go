// Package filter reads the `filter` of lists: terms `key=value` joined by ` AND `.
//
// It owns the form and its limits (contract of administration, section 2,
// "List"); what the keys are, and what a value means, is the business of the
// list.
//
// # Design
//
// A value runs to the next ` AND ` or to the end, and may hold anything else, `=`
// and `"` included. One that begins with a double quote runs to the next one that
// no backslash precedes; inside, `\"` and `\\` stand for `"` and `\`. So a value
// with a blank at either end, with ` AND ` in it or with a quote at its beginning
// is quoted, and no other needs to be.
//
// # What it refuses
//
// All that would quietly filter otherwise than was meant: unknown keys, a key
// that stands twice, terms without `=` or value, values that end in a blank or a
// dangling `AND`, other escapes, text that is not UTF-8, more than [MaxBytes] or
// [MaxTerms]. An error tells the character at which it was noticed, counted from
// 1, and the nearest known key.
package filter
