package auth

import "strings"

// TraceID returns the trace id of a traceparent of version 00, or empty when there is
// none, several or an unclear one.
// W3C Trace Context section 3.2.2: two hexadecimal digits of version, 32 of trace
// id, 16 of parent id and two of flags, in lower case; neither id is all zeros.
func TraceID(values []string) string {
	if len(values) != 1 {
		return ""
	}
	s := values[0]
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(s) != length || s[:3] != "00-" || s[35] != '-' || s[52] != '-' {
		return ""
	}
	trace, parent, flags := s[3:35], s[36:52], s[53:]
	if !hexadecimal(trace) || !hexadecimal(parent) || !hexadecimal(flags) || zeros(trace) || zeros(parent) {
		return ""
	}
	return trace
}

func hexadecimal(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func zeros(s string) bool { return strings.Trim(s, "0") == "" }
