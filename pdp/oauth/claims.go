package oauth

import (
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"
)

// ClaimText returns a claim as an authorization parameter reads it: a string as it
// is, a number or boolean printed, null as `null`, an object or array as compact
// JSON with its names sorted. It is "" for an absent claim and for what JSON cannot
// hold: a value without kind, a number that is not finite, inside an array or object
// also text that is not UTF-8, and anything nested deeper than [MaxJSONDepth].
func ClaimText(claim *structpb.Value) string {
	switch k := claim.GetKind().(type) {
	case *structpb.Value_StringValue:
		return k.StringValue
	case *structpb.Value_NullValue:
		return "null"
	case *structpb.Value_BoolValue:
		return strconv.FormatBool(k.BoolValue)
	}
	if !isJSON(claim, MaxJSONDepth) {
		return ""
	}
	return string(appendJSON(nil, claim))
}

// ScalarText returns a claim as Keycloak compares it with a parameter of the same
// name: as [ClaimText], but an object or array is "". It reports false for an
// absent claim and for null.
func ScalarText(claim *structpb.Value) (text string, ok bool) {
	switch claim.GetKind().(type) {
	case nil, *structpb.Value_NullValue:
		return "", false
	case *structpb.Value_StructValue, *structpb.Value_ListValue:
		return "", true
	}
	return ClaimText(claim), true
}

// maxClaimNumber bounds what [ClaimNumber] returns, so that sums and differences
// of two times cannot overflow; a float64 holds every integer up to it.
const maxClaimNumber = 1 << 53

// ClaimNumber returns a time claim in seconds: a number with its fraction cut, or
// the same of a text that is a decimal number; anything else, and no claim, is 0.
// Numbers beyond ±2⁵³ are taken for these bounds.
func ClaimNumber(claim *structpb.Value) int64 {
	switch k := claim.GetKind().(type) {
	case *structpb.Value_NumberValue:
		return cutFraction(k.NumberValue)
	case *structpb.Value_StringValue:
		return textNumber(strings.Trim(k.StringValue, " \t\r\n"))
	}
	return 0
}

// textNumber reads a decimal number. Only these characters: Go's reader would also
// take hexadecimal numbers, underscores and words.
func textNumber(s string) int64 {
	if s == "" || strings.Trim(s, "+-.eE"+digits) != "" {
		return 0
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.Abs(f) >= 1<<63 {
		return 0 // as Keycloak, for whom a text that no int64 holds is no number
	}
	return cutFraction(f)
}

func cutFraction(f float64) int64 {
	switch {
	case math.IsNaN(f), math.IsInf(f, 0):
		return 0
	case f > maxClaimNumber:
		return maxClaimNumber
	case f < -maxClaimNumber:
		return -maxClaimNumber
	}
	return int64(f)
}

// AudienceContains reports whether a claim `aud`, a text or an array whose members
// count as texts (RFC 7519 §4.1.3), names the issuer. An empty issuer is unknown
// and named by none.
func AudienceContains(aud *structpb.Value, issuer string) bool {
	if issuer == "" {
		return false
	}
	list, ok := aud.GetKind().(*structpb.Value_ListValue)
	if !ok {
		return ClaimText(aud) == issuer
	}
	for _, v := range list.ListValue.GetValues() {
		if ClaimText(v) == issuer {
			return true
		}
	}
	return false
}

// SoleAudience returns the one value of a claim `aud`: that of a text, or of an
// array of one. It reports false when there is none, null, or more than one.
func SoleAudience(aud *structpb.Value) (value string, ok bool) {
	switch k := aud.GetKind().(type) {
	case nil, *structpb.Value_NullValue:
		return "", false
	case *structpb.Value_ListValue:
		values := k.ListValue.GetValues()
		if len(values) != 1 {
			return "", false
		}
		return ClaimText(values[0]), true
	}
	return ClaimText(aud), true
}
