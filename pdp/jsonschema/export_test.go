package jsonschema

// Space is what may stand around a text that is trimmed.
const Space = space
