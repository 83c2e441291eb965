package conditions

import (
	"slices"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ConditionInfo{
		ID:       "client-id-uri",
		Doc:      "Votes YES when the client id is a URI of a listed scheme and domain.",
		Spec:     []string{"Client ID Metadata Document §3"},
		Events:   pdp.ClientWrites | pdp.On(pdp.PreAuthorizationRequest),
		MayFault: true, // the client id may have been withheld
		New:      pdp.Configure(newClientIDURI),
	})
}

type clientIDURIConfig struct {
	// Schemes are URI schemes; letter case counts.
	Schemes []string `config:"client-id-uri-scheme" doc:"Schemes of the client id; one of them suffices. Letter case counts."`
	// Domains are hosts, or `*.` and a domain; letter case counts.
	Domains []string `config:"client-id-uri-allow-permitted-domains" doc:"Hosts of the client id, or *. and a domain; one of them suffices. Letter case counts."`
}

// clientIDURI votes on a client id that is a URI (conditions.md 15).
//
// Keycloak asks before the authorization request alone. Sidegate also asks where a
// metadata document becomes a client, so that the policy that had the document
// fetched is the one that judges it (D6); on other channels it abstains.
type clientIDURI struct{ schemes, domains []string }

func newClientIDURI(c clientIDURIConfig) (pdp.Condition, error) {
	return &clientIDURI{c.Schemes, c.Domains}, nil
}

// Vote votes YES when scheme and host of the client id are listed.
func (c *clientIDURI) Vote(r *pdp.Request) (pdp.Vote, error) {
	if r.Event() != pdp.PreAuthorizationRequest && r.Channel() != pdp.ChannelMetadataDocument {
		r.Because("the client does not come as a metadata document")
		return pdp.Abstain, nil
	}
	if len(c.schemes) == 0 || len(c.domains) == 0 {
		r.Because("schemes or domains are not configured")
		return pdp.No, nil
	}
	uri, err := oauth.ParseURI(clientIDOf(r))
	switch {
	case err != nil:
		r.Because("the client id is no URI")
	case uri.Scheme == "" || !slices.Contains(c.schemes, uri.Scheme):
		r.Because("the scheme of the client id is not listed")
	case !c.permits(uri.Host):
		r.Because("the domain of the client id is not listed")
	default:
		r.Because("scheme and domain of the client id are listed")
		return pdp.Yes, nil
	}
	return pdp.No, nil
}

func (c *clientIDURI) permits(host string) bool {
	for _, domain := range c.domains {
		if oauth.MatchDomain(domain, host) {
			return true
		}
	}
	return false
}

// clientIDOf returns the client id as the request asks with it, or the URL that
// the metadata document was fetched from, which is the client id as well.
func clientIDOf(r *pdp.Request) (id string) {
	if r.Event() == pdp.PreAuthorizationRequest {
		return r.ParameterValue(oauth.ParamClientID)
	}
	if url := r.MetadataURL(); url != "" {
		return url
	}
	client := r.StoredClient()
	if r.Event() == pdp.Register {
		client = r.ProposedClient()
	}
	id, _ = client.String(pdp.ClientID)
	return id
}
