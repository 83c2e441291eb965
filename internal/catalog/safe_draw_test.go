package catalog_test

import (
	"maps"
	"slices"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	"pgregory.net/rapid"
)

// pool are values of one member: those that no executor objects to, and others.
type pool struct{ good, other []string }

var (
	uriPool = pool{
		[]string{"https://app.example/cb", "https://www.app.example/"},
		[]string{"http://app.example/cb", "https://app.example/*", "/cb", "http://127.0.0.1/cb", "http://localhost:8080/cb", "https://[::1]/cb", "com.example.app:/cb", "https://evil.test/ x", "+", "-", "*", " "},
	}
	algPool  = pool{[]string{"PS256", "ES512"}, []string{"RS256", "none", "es256", ""}}
	flagPool = pool{[]string{"true"}, []string{"TRUE", "false", "1", ""}}
)

// attributePools are the attributes that executors read on UPDATE, and one that
// none reads.
var attributePools = map[string]pool{
	oauth.AttrPKCEMethod:               {[]string{"S256"}, []string{"plain", "s256", ""}},
	oauth.AttrCertificateBoundTokens:   flagPool,
	oauth.AttrDPoPBoundTokens:          flagPool,
	oauth.AttrIDTokenDetachedSignature: flagPool,
	oauth.AttrUserInfoSigningAlg:       algPool,
	oauth.AttrRequestObjectAlg:         algPool,
	oauth.AttrIDTokenSigningAlg:        algPool,
	oauth.AttrTokenEndpointAuthAlg:     algPool,
	oauth.AttrAccessTokenSigningAlg:    algPool,
	oauth.AttrCIBARequestSigningAlg:    algPool,
	oauth.AttrBackchannelLogoutURL:     uriPool,
	oauth.AttrJWKSURL:                  uriPool,
	oauth.AttrLogoURI:                  uriPool,
	oauth.AttrFrontchannelLogoutURL:    {nil, []string{"https://app.example/out", " "}},
	oauth.AttrRequestURIs:              {[]string{"https://app.example/a##https://app.example/b"}, []string{"https://app.example/a##/b", ""}},
	oauth.AttrPostLogoutRedirectURIs:   {[]string{"+", "https://app.example/out", "-"}, []string{"https://app.example/out## + ##http://x", "", "a## -"}},
	"tier":                             {[]string{"gold", ""}, nil},
}

// boolFields are the switches of a client, with the value that is good.
var boolFields = map[string]bool{
	"public_client": false, "bearer_only": false, "consent_required": true, "standard_flow_enabled": true, "implicit_flow_enabled": false,
	"direct_access_grants_enabled": false, "full_scope_allowed": false, "frontchannel_logout": false,
}

var textFields = map[string]pool{
	"protocol":                  {[]string{oauth.ProtocolOpenIDConnect}, []string{oauth.ProtocolSAML}},
	"client_authenticator_type": {[]string{"client-jwt", "client-x509"}, []string{"client-secret", ""}},
	"root_url":                  uriPool,
	"admin_url":                 uriPool,
	"base_url":                  uriPool,
	"name":                      {[]string{"Shop", "Bank"}, nil},
}

var listFields = map[string]pool{
	"redirect_uris": uriPool,
	"web_origins":   {[]string{"https://app.example", "+"}, []string{"*", "http://app.example"}},
	"client_roles":  {[]string{"bank"}, nil},
}

var clientFields = (*pb.Client)(nil).ProtoReflect().Descriptor().Fields()

// drawPart draws some members of a client. Of a healthy one executors have little
// to say; any member is there with a chance of one in sparse.
func drawPart(t *rapid.T, label string, healthy bool, sparse int) *pb.Client {
	c := &pb.Client{}
	m := c.ProtoReflect()
	sent := func(name string) bool { return rapid.IntRange(1, sparse).Draw(t, label+" has "+name) == 1 }
	for _, name := range slices.Sorted(maps.Keys(boolFields)) {
		if sent(name) {
			value := boolFields[name] != (!healthy && rapid.Bool().Draw(t, label+" "+name))
			m.Set(clientFields.ByName(protoreflect.Name(name)), protoreflect.ValueOfBool(value))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(textFields)) {
		if sent(name) {
			m.Set(clientFields.ByName(protoreflect.Name(name)), protoreflect.ValueOfString(textFields[name].draw(t, label+" "+name, healthy)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(listFields)) {
		if sent(name) {
			list := m.Mutable(clientFields.ByName(protoreflect.Name(name))).List()
			for range rapid.IntRange(1, 2).Draw(t, label+" length of "+name) {
				list.Append(protoreflect.ValueOfString(listFields[name].draw(t, label+" "+name, healthy)))
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(attributePools)) {
		p := attributePools[key]
		if (!healthy || len(p.good) > 0) && sent(key) {
			setAttribute(c, key, p.draw(t, label+" "+key, healthy))
		}
	}
	return c
}

func (p pool) draw(t *rapid.T, label string, healthy bool) string {
	values := p.good
	if !healthy || len(values) == 0 {
		values = slices.Concat(p.good, p.good, p.other)
	}
	return rapid.SampledFrom(values).Draw(t, label)
}

func setAttribute(c *pb.Client, key, value string) {
	if c.Attributes == nil {
		c.Attributes = map[string]string{}
	}
	c.Attributes[key] = value
}

// drawStored draws a client as an identity provider keeps it.
func drawStored(t *rapid.T) *pb.Client {
	c := drawPart(t, "stored", rapid.IntRange(0, 3).Draw(t, "healthy") > 0, rapid.SampledFrom([]int{1, 2, 4}).Draw(t, "sparse"))
	c.ClientId = proto.String("https://app.example/client")
	return kept(c)
}

// kept returns a client as an identity provider keeps it: without blank attributes
// and list elements (executors-client.md 0.1-3).
func kept(c *pb.Client) *pb.Client {
	c = proto.CloneOf(c)
	maps.DeleteFunc(c.Attributes, func(_, value string) bool { return strings.TrimSpace(value) == "" })
	if len(c.Attributes) == 0 {
		c.Attributes = nil
	}
	blank := func(s string) bool { return strings.TrimSpace(s) == "" }
	c.RedirectUris = slices.DeleteFunc(c.RedirectUris, blank)
	c.WebOrigins = slices.DeleteFunc(c.WebOrigins, blank)
	return c
}

// change is what an update says: fields, and those that it empties.
type change struct {
	fields *pb.Client
	mask   []string
}

func drawChange(t *rapid.T, label string) change {
	u := change{fields: drawPart(t, label, rapid.IntRange(0, 3).Draw(t, label+" healthy") == 0, rapid.SampledFrom([]int{2, 6, 12}).Draw(t, label+" sparse"))}
	for _, path := range maskable() {
		if !u.says(path) && rapid.IntRange(1, 30).Draw(t, label+" empties "+path) == 1 {
			u.mask = append(u.mask, path)
		}
	}
	return u
}

// maskable are the pointers of all members that are drawn.
func maskable() []string {
	var paths []string
	for _, names := range [][]string{slices.Sorted(maps.Keys(boolFields)), slices.Sorted(maps.Keys(textFields)), slices.Sorted(maps.Keys(listFields))} {
		for _, name := range names {
			paths = append(paths, "/"+clientFields.ByName(protoreflect.Name(name)).JSONName())
		}
	}
	for _, key := range slices.Sorted(maps.Keys(attributePools)) {
		paths = append(paths, pdp.AttributePointer(key))
	}
	return paths
}

// says reports whether the change sets or empties a member.
func (u change) says(path string) bool {
	return slices.Contains(u.mask, path) || has(u.fields, path)
}

func has(c *pb.Client, path string) bool {
	if key, ok := strings.CutPrefix(path, "/attributes/"); ok {
		_, there := c.Attributes[key]
		return there
	}
	return c.ProtoReflect().Has(clientFields.ByJSONName(path[1:]))
}

// copyMember copies a member as it is, also its absence.
func copyMember(from, to *pb.Client, path string) {
	if key, ok := strings.CutPrefix(path, "/attributes/"); ok {
		if value, there := from.Attributes[key]; there {
			setAttribute(to, key, value)
		} else {
			delete(to.Attributes, key)
		}
		return
	}
	f := clientFields.ByJSONName(path[1:])
	if !from.ProtoReflect().Has(f) {
		to.ProtoReflect().Clear(f)
		return
	}
	to.ProtoReflect().Set(f, proto.CloneOf(from).ProtoReflect().Get(f))
}

// repeating returns the change with members of the stored client besides, as they are.
func (u change) repeating(stored *pb.Client, chosen func(path string) bool) change {
	full := change{proto.CloneOf(u.fields), u.mask}
	for _, path := range maskable() {
		if has(stored, path) && !u.says(path) && chosen(path) {
			copyMember(stored, full.fields, path)
		}
	}
	return full
}

// then returns both changes as one: the later one counts where both speak.
func (u change) then(later change) change {
	both := change{fields: proto.CloneOf(u.fields)}
	for _, path := range maskable() {
		switch {
		case has(later.fields, path):
			copyMember(later.fields, both.fields, path)
		case slices.Contains(later.mask, path):
			copyMember(&pb.Client{}, both.fields, path)
			both.mask = append(both.mask, path)
		case slices.Contains(u.mask, path):
			both.mask = append(both.mask, path)
		}
	}
	return both
}

// lasting returns the change without the attributes and list elements that it makes
// empty and a later one does not speak of: those are there and empty for this update
// and not there for the next (executors-client.md 0.1-3), which is no matter of splitting.
func (u change) lasting(later change) change {
	rest := change{fields: kept(u.fields)}
	for path, value := range u.fields.Attributes {
		if later.says(pdp.AttributePointer(path)) {
			setAttribute(rest.fields, path, value)
		}
	}
	for _, path := range u.mask {
		if !strings.HasPrefix(path, "/attributes/") || later.says(path) {
			rest.mask = append(rest.mask, path)
		}
	}
	return rest
}

// carriedOut returns the change together with the mutations that it was answered with.
func (u change) carriedOut(resp *pb.EvaluateResponse) change {
	stored := change{proto.CloneOf(u.fields), u.mask}
	for _, m := range resp.Mutations {
		copyMember(resp.Client, stored.fields, m.Path)
	}
	return stored
}

// setting is what an update comes with, besides the clients.
type setting struct{ req *pb.EvaluateRequest }

func drawSetting(t *rapid.T) setting {
	req := &pb.EvaluateRequest{
		Event:        pdp.Update,
		Issuer:       rapid.SampledFrom([]string{"", "https://idp.example/realms/main"}).Draw(t, "issuer"),
		Registration: &pb.Registration{Channel: rapid.SampledFrom(channels).Draw(t, "channel")},
		Actor:        &pb.Actor{Groups: []string{"/staff"}, RealmRoles: []string{"user"}},
		Source:       &pb.Source{RemoteAddress: "192.0.2.1", RemoteHost: "host.example"},
		Options:      &pb.EvaluateOptions{ReturnClient: true},
	}
	if req.Registration.Channel == pdp.ChannelMetadataDocument {
		req.ClientMetadataDocument = &pb.ClientMetadataDocument{Url: "https://app.example/client", Content: metadata(t)}
	}
	return setting{req}
}

var channels = []pdp.Channel{
	pdp.ChannelAdmin, pdp.ChannelAdmin, pdp.ChannelAnonymous, pdp.ChannelInitialAccessToken,
	pdp.ChannelRegistrationAccessToken, pdp.ChannelAuthenticatedUser, pdp.ChannelMetadataDocument,
}

func metadata(t *rapid.T) *structpb.Struct {
	members := map[string]*structpb.Value{
		"client_id":     structpb.NewStringValue("https://app.example/client"),
		"redirect_uris": structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewStringValue("https://app.example/cb")}}),
	}
	if rapid.Bool().Draw(t, "logo") {
		members["logo_uri"] = structpb.NewStringValue("https://app.example/logo")
	}
	return &structpb.Struct{Fields: members}
}

func (s setting) request(stored *pb.Client, u change) *pb.EvaluateRequest {
	req := proto.CloneOf(s.req)
	req.Client, req.ProposedClient, req.ProposedMask = stored, u.fields, u.mask
	return req
}
