package oauth

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/structpb"
)

// isJSON reports whether v is a JSON value in which at most levels objects and
// arrays nest.
func isJSON(v *structpb.Value, levels int) bool {
	switch k := v.GetKind().(type) {
	case *structpb.Value_NullValue, *structpb.Value_BoolValue:
		return true
	case *structpb.Value_NumberValue:
		return !math.IsNaN(k.NumberValue) && !math.IsInf(k.NumberValue, 0)
	case *structpb.Value_StringValue:
		return utf8.ValidString(k.StringValue)
	case *structpb.Value_ListValue:
		for _, e := range k.ListValue.GetValues() {
			if levels <= 0 || !isJSON(e, levels-1) {
				return false
			}
		}
		return levels > 0
	case *structpb.Value_StructValue:
		for name, e := range k.StructValue.GetFields() {
			if levels <= 0 || !utf8.ValidString(name) || !isJSON(e, levels-1) {
				return false
			}
		}
		return levels > 0
	}
	return false
}

// appendJSON prints a value that [isJSON] has passed, without blanks, with sorted
// names and with no more escapes than RFC 8259 §7 asks for.
func appendJSON(b []byte, v *structpb.Value) []byte {
	switch k := v.GetKind().(type) {
	case *structpb.Value_BoolValue:
		return strconv.AppendBool(b, k.BoolValue)
	case *structpb.Value_NumberValue:
		return appendNumber(b, k.NumberValue)
	case *structpb.Value_StringValue:
		return appendString(b, k.StringValue)
	case *structpb.Value_ListValue:
		return appendArray(b, k.ListValue.GetValues())
	case *structpb.Value_StructValue:
		return appendObject(b, k.StructValue.GetFields())
	}
	return append(b, "null"...)
}

func appendArray(b []byte, values []*structpb.Value) []byte {
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(b, v)
	}
	return append(b, ']')
}

func appendObject(b []byte, members map[string]*structpb.Value) []byte {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		b = appendJSON(b, members[name])
	}
	return append(b, '}')
}

// appendNumber prints plain digits, and an exponent only where the digits would
// run long.
func appendNumber(b []byte, f float64) []byte {
	format := byte('f')
	if abs := math.Abs(f); abs >= 1e21 || abs < 1e-6 && abs > 0 {
		format = 'e'
	}
	return strconv.AppendFloat(b, f+0, format, -1, 64) // +0 takes the sign off zero
}

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"', c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ':
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
