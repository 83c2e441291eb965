package executors

import (
	"regexp"
	"regexp/syntax"
	"strconv"
	"unicode"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "secure-client-uris-pattern",
		Doc:    "Demands that the client's URIs match one of the given regular expressions.",
		Spec:   []string{"RFC 9700 §2.1", "RFC 7591 §5"},
		Events: pdp.On(pdp.Register, pdp.Update),
		Delta:  true,
		New:    pdp.Configure(newSecureClientURIsPattern),
	})
}

type secureClientURIsPatternConfig struct {
	// AllowedPatterns match whole values; none means that nothing is allowed.
	AllowedPatterns []string `config:"allowed-patterns" doc:"Regular expressions (RE2); a value must match one of them wholly. None means that no value is allowed."`
	// ClientURIFields are the fields to check; none means all.
	ClientURIFields []string `config:"client-uri-fields" type:"MultivaluedList" options:"rootUrl,adminUrl,baseUrl,redirectUris,webOrigins,jwksUri,requestUris,backchannelLogoutUrl,postLogoutRedirectUris,cibaClientNotificationEndpoint,logoUri,policyUri,tosUri,sectorIdentifierUri,saml_assertion_consumer_url_post,saml_assertion_consumer_url_redirect,saml_artifact_binding_url,saml_single_logout_service_url_post,saml_single_logout_service_url_artifact,saml_single_logout_service_url_redirect,saml_single_logout_service_url_soap,saml_artifact_resolution_service_url,saml.metadataDescriptorUrl" doc:"Fields to check, in this order; none means all. Unknown names are skipped."`
}

// secureClientURIsPattern matches the chosen fields as they stand: nothing is
// resolved (executors-client.md, secure-client-uris-pattern).
type secureClientURIsPattern struct {
	patterns []*regexp.Regexp
	fields   []uriField
}

// uriField is where the values of one field come from: one text, or a list.
type uriField struct {
	pointer string
	text    func(pdp.Client) string
	list    func(pdp.Client) []string
	places  bool // elements of the list have places of their own
}

func newSecureClientURIsPattern(c secureClientURIsPatternConfig) (pdp.Executor, error) {
	patterns, err := compileWholeLines("allowed-patterns", c.AllowedPatterns)
	if err != nil {
		return nil, err
	}
	e := &secureClientURIsPattern{}
	for i, pattern := range patterns {
		if c.AllowedPatterns[i] != "" {
			e.patterns = append(e.patterns, pattern)
		}
	}
	names := c.ClientURIFields
	if len(names) == 0 {
		names = uriFieldOrder
	}
	for _, name := range names {
		if f, known := uriFields[name]; known {
			e.fields = append(e.fields, f)
		}
	}
	return e, nil
}

// compileWholeLines is [compileWhole] with Java's dot, which takes none of Java's
// line ends: RE2's takes all of them but the line feed.
func compileWholeLines(key string, patterns []string) ([]*regexp.Regexp, error) {
	list, err := compileWhole(key, patterns)
	if err != nil {
		return nil, err
	}
	for i, pattern := range list {
		tree, err := syntax.Parse(pattern.String(), syntax.Perl)
		if err != nil {
			return nil, pdp.KeyError(key, "element %d: %s", i, err)
		}
		dotsWithoutLineEnds(tree)
		if list[i], err = regexp.Compile(tree.String()); err != nil {
			return nil, pdp.KeyError(key, "element %d: %s", i, err)
		}
	}
	return list, nil
}

// noLineEnd holds all characters but \n, \r, U+0085, U+2028 and U+2029, as ranges.
var noLineEnd = []rune{0, '\n' - 1, '\n' + 1, '\r' - 1, '\r' + 1, 0x84, 0x86, 0x2027, 0x202a, unicode.MaxRune}

func dotsWithoutLineEnds(tree *syntax.Regexp) {
	if tree.Op == syntax.OpAnyCharNotNL {
		tree.Op, tree.Rune = syntax.OpCharClass, noLineEnd
	}
	for _, sub := range tree.Sub {
		dotsWithoutLineEnds(sub)
	}
}

// uriFieldOrder is the order of checking when no fields are named.
var uriFieldOrder = []string{
	"rootUrl", "adminUrl", "baseUrl", "redirectUris", "webOrigins", "jwksUri", "requestUris", "backchannelLogoutUrl",
	"postLogoutRedirectUris", "cibaClientNotificationEndpoint", oauth.AttrLogoURI, oauth.AttrPolicyURI,
	oauth.AttrTermsOfServiceURI, oauth.AttrSectorIdentifierURI, oauth.AttrSAMLConsumerPOST, oauth.AttrSAMLConsumerRedirect,
	oauth.AttrSAMLArtifactBinding, oauth.AttrSAMLLogoutPOST, oauth.AttrSAMLLogoutArtifact, oauth.AttrSAMLLogoutRedirect,
	oauth.AttrSAMLLogoutSOAP, oauth.AttrSAMLArtifactResolution, oauth.AttrSAMLMetadataDescriptorURL,
}

var uriFields = func() map[string]uriField {
	fields := map[string]uriField{
		"rootUrl": memberURI(pdp.RootURL), "adminUrl": memberURI(pdp.AdminURL), "baseUrl": memberURI(pdp.BaseURL),
		"redirectUris": listURI(pdp.RedirectURIs), "webOrigins": listURI(pdp.WebOrigins),
		"jwksUri": attributeURI(oauth.AttrJWKSURL), "requestUris": splitURI(oauth.AttrRequestURIs),
		"backchannelLogoutUrl":           attributeURI(oauth.AttrBackchannelLogoutURL),
		"postLogoutRedirectUris":         splitURI(oauth.AttrPostLogoutRedirectURIs),
		"cibaClientNotificationEndpoint": attributeURI(oauth.AttrCIBANotificationURL),
	}
	for _, name := range uriFieldOrder {
		if _, done := fields[name]; !done {
			fields[name] = attributeURI(name)
		}
	}
	return fields
}()

func memberURI(f *pdp.StringField) uriField {
	return uriField{pointer: f.Pointer(), text: func(c pdp.Client) string {
		value, _ := c.String(f)
		return value
	}}
}

func listURI(f *pdp.ListField) uriField {
	return uriField{pointer: f.Pointer(), list: func(c pdp.Client) []string { return c.List(f) }, places: true}
}

func attributeURI(key string) uriField {
	return uriField{pointer: pdp.AttributePointer(key), text: func(c pdp.Client) string {
		value, _ := c.Attribute(key)
		return value
	}}
}

// splitURI reads an attribute of several values; an empty one holds none.
func splitURI(key string) uriField {
	return uriField{pointer: pdp.AttributePointer(key), list: func(c pdp.Client) []string {
		value, _ := c.Attribute(key)
		if value == "" {
			return nil
		}
		return oauth.SplitList(value)
	}}
}

// Execute judges the effective client.
func (e *secureClientURIsPattern) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if refuseMetadataDocument(r, v) {
		return nil
	}
	client := r.Client()
	for i := range e.fields {
		f := &e.fields[i]
		if f.list != nil {
			e.check(f, f.list(client), v)
		} else if value := f.text(client); value != "" && !e.matches(value) {
			e.refuse(f, f.pointer, value, v)
		}
	}
	return nil
}

// check judges a list. Without patterns it must be absent, even one of empty texts.
func (e *secureClientURIsPattern) check(f *uriField, values []string, v *pdp.Verdict) {
	if len(values) > 0 && len(e.patterns) == 0 {
		e.refuse(f, f.pointer, values[0], v)
		return
	}
	for i, value := range values {
		if value == "" || e.matches(value) {
			continue
		}
		pointer := f.pointer
		if f.places {
			pointer += "/" + strconv.Itoa(i)
		}
		e.refuse(f, pointer, value, v)
	}
}

func (e *secureClientURIsPattern) matches(value string) bool {
	for _, p := range e.patterns {
		if p.MatchString(value) {
			return true
		}
	}
	return false
}

func (e *secureClientURIsPattern) refuse(f *uriField, pointer, value string, v *pdp.Verdict) {
	finding := pdp.Finding{
		Code: oauth.InvalidClientMetadata, Field: pointer, Description: "the URI matches none of the allowed patterns",
		Expected: "a whole match of one of allowed-patterns", Actual: withoutUserinfo(orEmpty(value)), Spec: "RFC 7591 §5",
		Remedy: "register a URI that an allowed pattern matches, or extend allowed-patterns",
	}
	if len(e.patterns) == 0 {
		finding.Description, finding.Expected = "no pattern is allowed, so the field must be absent", "no value"
	}
	if f.redirects() {
		// RFC 9700 §2.1: redirect URIs are restricted to what the client is trusted with.
		finding.Spec = "RFC 9700 §2.1"
	}
	v.Reject(finding)
}

// redirects reports whether the field holds redirect URIs.
func (f *uriField) redirects() bool {
	return f.pointer == pdp.RedirectURIs.Pointer() || f.pointer == pdp.AttributePointer(oauth.AttrPostLogoutRedirectURIs)
}
