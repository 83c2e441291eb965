package executors

import (
	"net/url"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/pdp/oauth"
)

// requestedRedirect is a redirect URI that is looked for among registered ones by
// the identity provider's ordinary rule.
type requestedRedirect struct {
	text      string
	portless  string // the same without port, for a loopback one
	wildcards bool   // wildcards of registered ones count
}

// readRequestedRedirect prepares a redirect URI; one that is malformed, or that
// carries parameters of an authorization response, matches nothing.
func readRequestedRedirect(text string) requestedRedirect {
	u, err := oauth.ParseURI(text)
	if err != nil || carriesResponse(u.Query) || carriesResponse(u.Fragment) {
		return requestedRedirect{}
	}
	q := requestedRedirect{text: text}
	q.wildcards = !u.HasUserinfo && (u.Authority == "" || u.Host != "") && !hasParentSegment(u.Path)
	// RFC 8252 §7.3: the port of a loopback redirect URI is free.
	if u.Scheme == schemeHTTP && (u.Host == "localhost" || u.Host == "127.0.0.1" || u.Host == "[::1]") {
		u.Authority = u.Authority[:strings.LastIndex(u.Authority, u.Host)+len(u.Host)]
		q.portless = u.String()
	}
	return q
}

// matches reports whether the redirect URI is the registered one, or lies below a
// registered one that ends in a wildcard. A wildcard counts in the path only; query
// and fragment of the request do not.
func (q requestedRedirect) matches(registered, root string) bool {
	if strings.HasPrefix(registered, "/") {
		registered = root + registered
	}
	if registered == "" || q.text == "" {
		return false
	}
	if registered == q.text || registered == q.portless {
		return true
	}
	prefix, wildcard := strings.CutSuffix(registered, "*")
	if !wildcard || !q.wildcards || strings.ContainsAny(registered, "?#") {
		return false
	}
	if u, err := oauth.ParseURI(registered); err != nil || u.Host == "" {
		return false
	}
	return isBelow(q.text, prefix) || q.portless != "" && isBelow(q.portless, prefix)
}

func isBelow(uri, prefix string) bool {
	plain, _, found := strings.Cut(uri, "?")
	if !found {
		plain, _, _ = strings.Cut(uri, "#")
	}
	return strings.HasPrefix(plain, prefix) || plain == strings.TrimSuffix(prefix, "/")
}

// responseParameters are those of an authorization response, which a redirect URI
// must not bring along.
var responseParameters = []string{
	"code", "id_token", "access_token", "token_type", "expires_in", "state", "iss", "error", "error_description",
	"session_state", "response", "kc_action", "kc_action_status",
}

func carriesResponse(part string) bool {
	for pair := range strings.SplitSeq(part, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			name = decoded
		}
		if slices.Contains(responseParameters, strings.ToLower(name)) {
			return true
		}
	}
	return false
}

// segmentEnds writes what a server may take for a dot or the end of a segment.
var segmentEnds = strings.NewReplacer("%252e", ".", "%2e", ".", "%2f", "/", "%5c", "/", `\`, "/",
	";", "/", "%3b", "/", "%09", "/", "%0a", "/", "%0d", "/", "%00", "/")

// hasParentSegment finds `..` segments, however they are written.
func hasParentSegment(path string) bool {
	if !strings.Contains(path, "..") && !strings.ContainsAny(path, `%\`) {
		return false // as most have none
	}
	for segment := range strings.SplitSeq(segmentEnds.Replace(strings.ToLower(path)), "/") {
		if segment == ".." {
			return true
		}
	}
	return false
}
