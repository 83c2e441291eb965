package conditions

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ConditionInfo{
		ID:     "client-updater-source-host",
		Doc:    "Votes YES when the client is created or changed from one of the listed hosts.",
		Events: pdp.ClientWrites,
		New:    pdp.Configure(newClientUpdaterSourceHost),
	})
}

type clientUpdaterSourceHostConfig struct {
	// TrustedHosts are addresses, names, and `*.` with a domain. The key must be
	// there, if only with an empty list: without it Keycloak decides nothing.
	TrustedHosts []string `config:"trusted-hosts" doc:"IP addresses, host names, or *. and a domain; one of them suffices."`
}

const keyTrustedHosts = "trusted-hosts"

// clientUpdaterSourceHost votes on the address and the confirmed name of the peer
// (conditions.md 12). Where Keycloak asks DNS while it decides, Sidegate takes the
// name that the identity provider has confirmed (D2), and a wildcard takes whole
// labels (D1).
type clientUpdaterSourceHost struct {
	hosts []oauth.TrustedHost // without those that match nothing
	names bool                // some ask for the name of the peer
}

func newClientUpdaterSourceHost(c clientUpdaterSourceHostConfig) (pdp.Condition, error) {
	if c.TrustedHosts == nil {
		return nil, pdp.KeyError(keyTrustedHosts, "required key is missing; list hosts, or [] to match none")
	}
	condition := &clientUpdaterSourceHost{}
	for i, entry := range c.TrustedHosts {
		host, err := oauth.ParseTrustedHost(entry)
		switch {
		case err != nil:
			return nil, pdp.KeyError(keyTrustedHosts, "element %d: %q would match peers that nobody named: %s", i, entry, err)
		case host.Inert():
			continue
		}
		condition.hosts = append(condition.hosts, host)
		condition.names = condition.names || host.NeedsName()
	}
	return condition, nil
}

// Vote votes YES when an entry is the address of the peer, or names it.
func (c *clientUpdaterSourceHost) Vote(r *pdp.Request) (pdp.Vote, error) {
	if len(c.hosts) == 0 {
		r.Because("no host is listed that a peer could be")
		return pdp.No, nil
	}
	address := r.RemoteAddress()
	if address == "" {
		r.Because("the address of the peer is unknown")
		return pdp.No, nil
	}
	if c.listsAddress(address) {
		r.Because("the address of the peer is listed")
		return pdp.Yes, nil
	}
	if !c.names {
		r.Because("the address of the peer is not listed")
		return pdp.No, nil
	}
	return pdp.VoteIf(c.listsName(r)), nil
}

func (c *clientUpdaterSourceHost) listsAddress(text string) bool {
	peer, ok := oauth.ParseAddress(text)
	if !ok {
		return false
	}
	for _, host := range c.hosts {
		if host.MatchesAddress(peer) {
			return true
		}
	}
	return false
}

// listsName reads the name of the peer, which only entries that ask for it need. A
// peer whose name is its address has none.
func (c *clientUpdaterSourceHost) listsName(r *pdp.Request) bool {
	name := r.RemoteHost()
	if _, isAddress := oauth.ParseAddress(name); isAddress || name == "" {
		r.Because("the address of the peer is not listed, and it has no name")
		return false
	}
	for _, host := range c.hosts {
		if host.MatchesName(name) || r.HostUnder(name, host.Domain) {
			r.Because("the name of the peer is listed")
			return true
		}
	}
	r.Because("neither the address nor the name of the peer is listed")
	return false
}
