package executors

import (
	"fmt"
	"strconv"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "client-id-metadata-document",
		Doc:    "Registers clients whose id is a URL from the metadata document found there.",
		Spec:   []string{"OAuth Client ID Metadata Document §3", "OAuth Client ID Metadata Document §6"},
		Events: pdp.On(pdp.PreAuthorizationRequest, pdp.Register, pdp.Update),
		New:    pdp.Configure(newClientIDMetadataDocument),
	})
}

type clientIDMetadataConfig struct {
	// AllowHTTPScheme takes client ids of any scheme.
	AllowHTTPScheme bool `config:"cimd-allow-http-scheme" default:"false" doc:"Take client ids of other schemes than https."`
	// PermittedDomains are the trusted hosts; none means that nothing is allowed.
	PermittedDomains []string `config:"cimd-allow-permitted-domains" doc:"Trusted hosts: a name takes itself, *.d takes d and its subdomains. None means that every client id is refused."`
	// RestrictSameDomain wants all URLs under one trusted entry.
	RestrictSameDomain bool `config:"cimd-restrict-same-domain" default:"false" doc:"Demand that the client id, the redirect URI and the document's URLs share a trusted entry."`
	// RequiredProperties are members that the document must have.
	RequiredProperties []string `config:"cimd-required-properties" doc:"Members that the document must have."`
	// OnlyConfidential demands private_key_jwt or tls_client_auth with keys.
	OnlyConfidential bool `config:"only-allow-confidential-client" default:"false" doc:"Demand private_key_jwt or tls_client_auth, with exactly one of jwks and jwks_uri."`
}

// clientIDMetadataDocument takes two calls, since the decision point fetches
// nothing: PRE_AUTHORIZATION_REQUEST judges the client id and asks for the
// document, REGISTER or UPDATE judges the document (executors-client.md,
// client-id-metadata-document).
type clientIDMetadataDocument struct{ clientIDMetadataConfig }

func newClientIDMetadataDocument(c clientIDMetadataConfig) (pdp.Executor, error) {
	return &clientIDMetadataDocument{c}, nil
}

// Bounds on fetching and keeping a document, as in Keycloak.
const (
	metadataMinCacheSeconds = 300
	metadataMaxCacheSeconds = 259200
	metadataMaxBytes        = 5000
)

const metadataSpec = "OAuth Client ID Metadata Document §3"

// Execute judges the client id, or the document.
func (e *clientIDMetadataDocument) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if r.Event() == pdp.PreAuthorizationRequest {
		return e.clientID(r, v)
	}
	if r.Channel() != pdp.ChannelMetadataDocument {
		r.Because("the client does not come from a metadata document")
		return nil
	}
	e.document(r, v)
	return nil
}

func (e *clientIDMetadataDocument) clientID(r *pdp.Request, v *pdp.Verdict) error {
	id, hasID := r.Parameter(oauth.ParamClientID)
	redirect, hasRedirect := r.Parameter(oauth.ParamRedirectURI)
	if !hasID || !hasRedirect {
		e.refuse(v, oauth.ParamRedirectURI, "client_id and redirect_uri are required", "both parameters", "")
		return nil
	}
	if _, err := oauth.ParseURI(redirect); err != nil {
		e.refuse(v, oauth.ParamRedirectURI, "redirect_uri is no URI", "a URI", redirect)
		return nil
	}
	uri, err := oauth.ParseURI(id)
	if err != nil {
		e.refuse(v, oauth.ParamClientID, "the client id is no URI", "a URL", id)
		return nil
	}
	if problem, expected := e.wrongID(uri); problem != "" {
		e.refuse(v, oauth.ParamClientID, problem, expected, id)
		return nil
	}
	return e.fetch(r, v, id)
}

// wrongID returns what is wrong with a client id (OAuth Client ID Metadata Document §3).
func (e *clientIDMetadataDocument) wrongID(u oauth.URI) (problem, expected string) {
	switch {
	case u.Scheme != "https" && !e.AllowHTTPScheme:
		return "the client id must be an https URL", "https"
	case u.Path == "":
		return "the client id must have a path", "a path"
	case hasDotSegment(u.Path):
		return "the client id must not have dot segments", "a path without . and .. segments"
	case u.HasFragment:
		return "the client id must not have a fragment", "no fragment"
	case u.HasUserinfo:
		return "the client id must not have user information", "no user information"
	case u.HasQuery:
		return "the client id must not have a query", "no query"
	case !e.trusted(u.Host):
		return "the host of the client id is not trusted", "a host of cimd-allow-permitted-domains"
	}
	return "", ""
}

// hasDotSegment finds `.` and `..` segments, also with encoded dots and slashes and
// with backslashes.
func hasDotSegment(path string) bool {
	decoded := strings.NewReplacer("%2e", ".", "%2E", ".", "%2f", "/", "%2F", "/", "%5c", "/", "%5C", "/", `\`, "/").Replace(path)
	for segment := range strings.SplitSeq(decoded, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

func (e *clientIDMetadataDocument) trusted(host string) bool {
	for _, entry := range e.PermittedDomains {
		if oauth.MatchDomain(entry, host) {
			return true
		}
	}
	return false
}

// fetch asks for the document unless the stored copy is still good.
func (e *clientIDMetadataDocument) fetch(r *pdp.Request, v *pdp.Verdict, id string) error {
	operation := pb.FetchClientMetadata_OPERATION_CREATE
	if client := r.Client(); client.Known() {
		if text, cached := client.Attribute(oauth.AttrMetadataCacheExpiry); cached {
			expiry, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return fmt.Errorf("attribute %s is no whole number of seconds", oauth.AttrMetadataCacheExpiry)
			}
			if r.Now().Unix() <= expiry {
				r.Because("the stored copy of the document is still good")
				return nil
			}
			operation = pb.FetchClientMetadata_OPERATION_UPDATE
		}
	}
	v.Oblige(&pb.Obligation{Obligation: &pb.Obligation_FetchClientMetadata{FetchClientMetadata: &pb.FetchClientMetadata{
		Operation: operation, Url: id, MaxBytes: metadataMaxBytes,
		MinCacheSeconds: metadataMinCacheSeconds, MaxCacheSeconds: metadataMaxCacheSeconds,
	}}})
	return nil
}

func (e *clientIDMetadataDocument) refuse(v *pdp.Verdict, field, description, expected, actual string) {
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: field, Description: description, Expected: expected, Actual: actual,
		Spec: metadataSpec, Remedy: "serve a document that follows the rules of this profile, on a trusted host",
	})
}
