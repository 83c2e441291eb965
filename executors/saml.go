package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

// What the three SAML executors share.

// samlClientWrite reports whether the client itself is judged.
func samlClientWrite(r *pdp.Request) bool { return pdp.ClientWrites.Has(r.Event()) }

func samlClient(c pdp.Client) bool {
	protocol, _ := c.String(pdp.Protocol)
	return protocol == oauth.ProtocolSAML
}

// samlAttribute reads a SAML flag: exactly `true` (executors-client.md 0.1-7).
func samlAttribute(c pdp.Client, key string) bool {
	value, _ := c.Attribute(key)
	return value == "true"
}

// samlCode is the error code for the client's metadata or for a request.
func samlCode(r *pdp.Request) string {
	if samlClientWrite(r) {
		return oauth.InvalidClientMetadata
	}
	return oauth.InvalidRequest
}
