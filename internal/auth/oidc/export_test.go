package oidc

import "net/http"

// Through makes an issuer ask by another transport.
func Through(i *Issuer, t http.RoundTripper) { i.keys.source.client.Transport = t }
