package gateway

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// verbs returns, by path, the verbs with which another path goes on after it.
func verbs(bindings []binding) map[string][]string {
	found := map[string][]string{}
	for _, b := range bindings {
		if path, verb, ok := strings.Cut(b.path, ":"); ok {
			found[path] = append(found[path], verb)
		}
	}
	return found
}

// missing reports whether a request's path names nothing that can exist there: an
// empty name, a realm or a revision with a colon, which is a verb that this path
// lacks, or a name that ends in a verb: one that really does so has its colon
// encoded.
func missing(r *http.Request, verbs []string, params map[string]string) bool {
	for name, value := range params {
		if value == "" || !utf8.ValidString(value) || name == "realm" && strings.ContainsAny(value, ":/") || name == "revision" && strings.Contains(value, ":") {
			return true
		}
	}
	escaped := r.URL.EscapedPath()
	for _, verb := range verbs {
		if strings.HasSuffix(escaped, ":"+verb) {
			return true
		}
	}
	return false
}

// readNumbers refuses numbers in the path that no revision has.
func (r *route) readNumbers(params map[string]string) *problem {
	for _, fd := range r.numbers {
		value := params[string(fd.Name())]
		if n, err := strconv.ParseInt(value, 10, 64); err != nil || n < 1 || strconv.FormatInt(n, 10) != value {
			return invalid(violation{Field: fd.JSONName(), Description: fmt.Sprintf(
				"expected the number of a %s in the path, a whole number from 1 on in digits such as 7, of 64 bits at most", fd.JSONName())})
		}
	}
	return nil
}
