package pdp

import (
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// BoolField is a boolean member of the client.
type BoolField struct {
	path string
	of   func(*pb.Client) *bool
}

// StringField is a text member of the client.
type StringField struct {
	path string
	of   func(*pb.Client) *string
}

// ListField is a list member of the client.
type ListField struct {
	path string
	of   func(*pb.Client) []string
}

// Pointer returns the JSON pointer of the member.
func (f *BoolField) Pointer() string { return f.path }

// Pointer returns the JSON pointer of the member.
func (f *StringField) Pointer() string { return f.path }

// Pointer returns the JSON pointer of the member.
func (f *ListField) Pointer() string { return f.path }

// The members of the client that providers read.
var (
	PublicClient              = &BoolField{"/publicClient", func(c *pb.Client) *bool { return c.PublicClient }}
	BearerOnly                = &BoolField{"/bearerOnly", func(c *pb.Client) *bool { return c.BearerOnly }}
	ConsentRequired           = &BoolField{"/consentRequired", func(c *pb.Client) *bool { return c.ConsentRequired }}
	StandardFlowEnabled       = &BoolField{"/standardFlowEnabled", func(c *pb.Client) *bool { return c.StandardFlowEnabled }}
	ImplicitFlowEnabled       = &BoolField{"/implicitFlowEnabled", func(c *pb.Client) *bool { return c.ImplicitFlowEnabled }}
	DirectAccessGrantsEnabled = &BoolField{"/directAccessGrantsEnabled", func(c *pb.Client) *bool { return c.DirectAccessGrantsEnabled }}
	FullScopeAllowed          = &BoolField{"/fullScopeAllowed", func(c *pb.Client) *bool { return c.FullScopeAllowed }}
	FrontchannelLogout        = &BoolField{"/frontchannelLogout", func(c *pb.Client) *bool { return c.FrontchannelLogout }}

	ClientID                = &StringField{"/clientId", func(c *pb.Client) *string { return c.ClientId }}
	Protocol                = &StringField{"/protocol", func(c *pb.Client) *string { return c.Protocol }}
	ClientAuthenticatorType = &StringField{"/clientAuthenticatorType", func(c *pb.Client) *string { return c.ClientAuthenticatorType }}
	RootURL                 = &StringField{"/rootUrl", func(c *pb.Client) *string { return c.RootUrl }}
	AdminURL                = &StringField{"/adminUrl", func(c *pb.Client) *string { return c.AdminUrl }}
	BaseURL                 = &StringField{"/baseUrl", func(c *pb.Client) *string { return c.BaseUrl }}

	RedirectURIs         = &ListField{"/redirectUris", func(c *pb.Client) []string { return c.RedirectUris }}
	WebOrigins           = &ListField{"/webOrigins", func(c *pb.Client) []string { return c.WebOrigins }}
	ClientRoles          = &ListField{"/clientRoles", func(c *pb.Client) []string { return c.ClientRoles }}
	DefaultClientScopes  = &ListField{"/defaultClientScopes", func(c *pb.Client) []string { return c.DefaultClientScopes }}
	OptionalClientScopes = &ListField{"/optionalClientScopes", func(c *pb.Client) []string { return c.OptionalClientScopes }}
)

// AttributePointer returns the JSON pointer of a client attribute.
func AttributePointer(key string) string { return attributesPrefix + EscapePointer(key) }

const attributesPrefix = "/attributes/"

// Client is a client seen through a request: the stored one, overlaid by the
// proposed one, overlaid by mutations so far, or a part of that. Absent members
// that the identity provider does not look up are noted as faults.
type Client struct {
	r        *Request
	stored   *pb.Client
	proposed *pb.Client
	changes  []change
	// present keeps empty attributes: on REGISTER and UPDATE an empty attribute is
	// present and empty, elsewhere it counts as absent (executors-client.md 0.1-3).
	present bool
}

// Known reports whether there is a client at all.
func (c Client) Known() bool {
	if c.stored != nil || c.proposed != nil {
		return true
	}
	c.r.absent("/client", "")
	return false
}

// Bool returns a boolean member and whether it is there.
func (c Client) Bool(f *BoolField) (value, ok bool) {
	if ch := lookup(c.changes, f.path); ch != nil {
		return ch.flag, !ch.remove
	}
	if v := f.of(c.overlay()); v != nil {
		return *v, true
	}
	if !c.cleared(f.path) {
		c.unsent(f.path)
		if v := f.of(c.base()); v != nil {
			return *v, true
		}
	}
	c.absent(f.path)
	return false, false
}

// IsTrue reports whether a boolean member is there and true.
func (c Client) IsTrue(f *BoolField) bool {
	v, _ := c.Bool(f)
	return v
}

// String returns a text member and whether it is there.
func (c Client) String(f *StringField) (value string, ok bool) {
	if ch := lookup(c.changes, f.path); ch != nil {
		return ch.text, !ch.remove
	}
	if v := f.of(c.overlay()); v != nil {
		return *v, true
	}
	if !c.cleared(f.path) {
		c.unsent(f.path)
		if v := f.of(c.base()); v != nil {
			return *v, true
		}
	}
	c.absent(f.path)
	return "", false
}

// List returns a list member; absent and empty are one. It must not be changed.
func (c Client) List(f *ListField) []string {
	if ch := lookup(c.changes, f.path); ch != nil {
		return ch.list
	}
	if list := f.of(c.overlay()); len(list) > 0 {
		return list
	}
	if !c.cleared(f.path) {
		c.unsent(f.path)
		if list := f.of(c.base()); len(list) > 0 {
			return list
		}
		c.absent(f.path)
	}
	return nil
}

// Attribute returns a client attribute and whether it is there.
func (c Client) Attribute(key string) (value string, ok bool) {
	for i := len(c.changes) - 1; i >= 0; i-- {
		if c.changes[i].key == key && key != "" {
			return c.changes[i].text, !c.changes[i].remove
		}
	}
	if v, ok := c.overlay().Attributes[key]; ok {
		return c.attribute(v)
	}
	switch c.clearedAttribute(key) {
	case emptied:
		return "", c.present
	case removed:
		if c.r.omitsSome() {
			c.unsent(AttributePointer(key))
		}
		return "", false
	}
	if c.r.omitsSome() {
		c.unsent(AttributePointer(key))
	}
	// Keycloak drops blank attributes when it stores a client: executors-client.md 0.1-3.
	if v, ok := c.base().Attributes[key]; ok && !blank(v) {
		return v, true
	}
	if c.r.omitsSome() {
		c.absent(AttributePointer(key))
	}
	return "", false
}

func (c Client) attribute(v string) (string, bool) {
	if c.present || !blank(v) {
		return v, true
	}
	return "", false
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

var noClient = &pb.Client{}

func (c Client) overlay() *pb.Client {
	if c.proposed != nil {
		return c.proposed
	}
	return noClient
}

func (c Client) base() *pb.Client {
	if c.stored != nil {
		return c.stored
	}
	return noClient
}

// cleared reports whether the submitted change sets the member although it is empty.
func (c Client) cleared(path string) bool {
	if c.proposed == nil {
		return false
	}
	for _, p := range c.r.msg.ProposedMask {
		if p == path {
			return true
		}
	}
	return false
}

// clearing is what the mask of a change does to an attribute that it does not send.
type clearing int8

const (
	untouched clearing = iota
	removed            // all attributes are
	emptied            // it is named, and set to the empty text
)

func (c Client) clearedAttribute(key string) (done clearing) {
	if c.proposed == nil || len(c.r.msg.ProposedMask) == 0 {
		return untouched
	}
	for _, p := range c.r.msg.ProposedMask {
		switch {
		case strings.HasPrefix(p, attributesPrefix) && p[len(attributesPrefix):] == EscapePointer(key):
			return emptied
		case p == "/attributes":
			done = removed
		}
	}
	return done
}

// unsent notes that the change does not say whether it sets a member: what is
// stored counts only if it does not.
func (c Client) unsent(path string) {
	if c.proposed != nil {
		c.r.absent("/proposedClient", path)
	}
}

// absent notes that a member was read and is not there. The stored client lacks
// it when there is one, else the proposed client does.
func (c Client) absent(path string) {
	if c.stored != nil || c.proposed == nil {
		c.r.absent("/client", path)
	}
	if c.proposed != nil {
		c.r.absent("/proposedClient", path)
	}
}

// change is one mutation so far; the last one of a path counts.
type change struct {
	path   string
	key    string // attribute key, or empty
	remove bool
	flag   bool
	text   string
	list   []string
}

func lookup(changes []change, path string) *change {
	for i := len(changes) - 1; i >= 0; i-- {
		if changes[i].path == path {
			return &changes[i]
		}
	}
	return nil
}
