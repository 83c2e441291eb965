package executors

import (
	"regexp"
	"strconv"

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

// uriField is where the values of one field come from.
type uriField struct {
	pointer string
	values  func(pdp.Client) []string
	list    bool // values have places of their own
}

func newSecureClientURIsPattern(c secureClientURIsPatternConfig) (pdp.Executor, error) {
	e := &secureClientURIsPattern{}
	for i, text := range c.AllowedPatterns {
		if text == "" {
			continue
		}
		pattern, err := regexp.Compile(`^(?:` + text + `)$`)
		if err != nil {
			return nil, pdp.KeyError("allowed-patterns", "element %d is no regular expression of RE2 (look-around and back-references are not known): %s", i, err)
		}
		e.patterns = append(e.patterns, pattern)
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
	return uriField{f.Pointer(), func(c pdp.Client) []string {
		if value, _ := c.String(f); value != "" {
			return []string{value}
		}
		return nil
	}, false}
}

func listURI(f *pdp.ListField) uriField {
	return uriField{f.Pointer(), func(c pdp.Client) []string { return c.List(f) }, true}
}

func attributeURI(key string) uriField {
	return uriField{pdp.AttributePointer(key), func(c pdp.Client) []string {
		if value, _ := c.Attribute(key); value != "" {
			return []string{value}
		}
		return nil
	}, false}
}

func splitURI(key string) uriField {
	return uriField{pdp.AttributePointer(key), func(c pdp.Client) []string {
		if value, there := c.Attribute(key); there {
			return oauth.SplitList(value)
		}
		return nil
	}, false}
}

const secureClientURIsPatternSpec = "RFC 9700 §2.1"

// Execute judges the effective client.
func (e *secureClientURIsPattern) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if r.Channel() == pdp.ChannelMetadataDocument {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: "registration.channel", Description: "clients from metadata documents are not allowed",
			Expected: "the administration API or dynamic registration", Actual: "metadata document", Spec: "RFC 7591 §5",
			Remedy: "narrow the policy to the other channels",
		})
		return nil
	}
	client := r.Client()
	for i := range e.fields {
		e.check(&e.fields[i], e.fields[i].values(client), v)
	}
	return nil
}

func (e *secureClientURIsPattern) check(f *uriField, values []string, v *pdp.Verdict) {
	if len(values) > 0 && len(e.patterns) == 0 {
		e.refuse(v, f.pointer, "no pattern is allowed, so the field must be empty", "no value", values[0])
		return
	}
	for i, value := range values {
		if value == "" || e.matches(value) {
			continue
		}
		pointer := f.pointer
		if f.list {
			pointer += "/" + strconv.Itoa(i)
		}
		e.refuse(v, pointer, "the URI matches none of the allowed patterns", "a match of allowed-patterns", value)
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

func (e *secureClientURIsPattern) refuse(v *pdp.Verdict, pointer, description, expected, actual string) {
	v.Reject(pdp.Finding{
		Code: oauth.InvalidClientMetadata, Field: pointer, Description: description, Expected: expected, Actual: actual,
		Spec: secureClientURIsPatternSpec, Remedy: "register a URI that an allowed pattern matches, or extend allowed-patterns",
	})
}
