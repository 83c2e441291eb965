package pdp

import (
	"strings"

	"github.com/sidegate/sidegate/pdp/oauth"
)

// This file holds what compatibility KEYCLOAK loosens besides the client that an
// executor sees. Providers ask these questions and never for the setting.

// PasswordGrantImplied reports whether the provider will store the password grant
// as on although the submitted client leaves it out (executors-client.md Δ11).
// Keycloak does not ask.
func (r *Request) PasswordGrantImplied() bool {
	if r.keycloak || r.msg.Event != Register {
		return false
	}
	protocol, _ := r.Client().String(Protocol)
	return protocol == oauth.ProtocolOpenIDConnect
}

// LocalHTTP reports whether a URI is http to this machine (executors-client.md
// Δ3): the host must be exactly `localhost` or `127.0.0.1`; Keycloak compares
// the beginning of the text.
func (r *Request) LocalHTTP(uri string) bool {
	if r.keycloak {
		return strings.HasPrefix(uri, "http://localhost") || strings.HasPrefix(uri, "http://127.0.0.1")
	}
	u, err := oauth.ParseURI(uri)
	return err == nil && u.Scheme == "http" && (u.Host == "localhost" || u.Host == "127.0.0.1")
}

// LooseAnswers reports whether texts and whole numbers in the answer of an endpoint
// that an executor asks count as booleans, as Keycloak reads them
// (executors-request.md, intent-client-bind-checker). Else only JSON booleans count.
func (r *Request) LooseAnswers() bool { return r.keycloak }

// HostUnder reports whether a host lies under a domain (conditions.md D1): whole
// labels must match; Keycloak compares the end of the text.
func (r *Request) HostUnder(host, domain string) bool {
	if r.keycloak {
		return oauth.HostEndsWith(host, domain)
	}
	return oauth.HostUnder(host, domain)
}

// HasProposal reports whether conditions judge a client besides the stored one,
// so that [Request.ProposedClient] is known (conditions.md 1, "Target client T").
// Once the client is written only Keycloak still reads the proposal, and only that
// of its administration API (D5).
func (r *Request) HasProposal() bool {
	switch r.msg.Event {
	case Register, Update:
		return r.msg.ProposedClient != nil
	case Updated:
		if !r.keycloak || r.Channel() != ChannelAdmin {
			return false
		}
		if r.msg.ProposedClient == nil {
			r.absent("/proposedClient", "")
		}
		return r.msg.ProposedClient != nil
	}
	return false
}

// ProtocolImplied reports whether [Request.ProposedClient] counts as one of OpenID
// Connect when it has no protocol (conditions.md 8, D5): the effective client
// does; the bare proposal of a change, which Keycloak reads, does not.
func (r *Request) ProtocolImplied() bool {
	return !r.keycloak || r.msg.Event == Register
}
