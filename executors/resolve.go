package executors

import (
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

// resolveRedirect makes a redirect URI absolute: one that begins with a slash goes
// behind the client's root URL, else behind the origin of the issuer
// (executors-client.md, secure-redirect-uris-enforcer step 4). It fails when there
// is neither.
func resolveRedirect(r *pdp.Request, client pdp.Client, uri string) (resolved string, ok bool) {
	if !strings.HasPrefix(uri, "/") {
		return uri, true
	}
	if root, _ := client.String(pdp.RootURL); root != "" {
		return root + uri, true
	}
	origin, ok := issuerOrigin(r.Issuer())
	return origin + uri, ok
}

// issuerOrigin returns scheme and authority of the issuer URL.
func issuerOrigin(issuer string) (string, bool) {
	u, err := oauth.ParseURI(issuer)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return "", false
	}
	scheme, rest, _ := strings.Cut(issuer, "://")
	authority, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + authority, true
}
