package executors

import (
	"fmt"
	"slices"
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
	c.RequiredProperties = slices.DeleteFunc(c.RequiredProperties, func(name string) bool { return strings.TrimSpace(name) == "" })
	return &clientIDMetadataDocument{c}, nil
}

// Bounds on fetching and keeping a document, as in Keycloak.
const (
	metadataMinCacheSeconds = 300
	metadataMaxCacheSeconds = 259200
	metadataMaxBytes        = 5000
)

const metadataSpec = "OAuth Client ID Metadata Document "

// Execute judges the client id, or the document.
func (e *clientIDMetadataDocument) Execute(r *pdp.Request, v *pdp.Verdict) error {
	j := metadataJudge{clientIDMetadataDocument: e, verdict: v}
	switch {
	case r.Event() == pdp.PreAuthorizationRequest:
		return j.clientID(r)
	case r.Channel() == pdp.ChannelMetadataDocument:
		j.document(r)
	default:
		r.Because("the client does not come from a metadata document")
	}
	return nil
}

// metadataJudge judges one request or document and remembers whether it refused.
type metadataJudge struct {
	*clientIDMetadataDocument
	verdict *pdp.Verdict
	refused bool
}

func (j *metadataJudge) refuse(f pdp.Finding) {
	j.refused = true
	f.Code, f.Actual = oauth.InvalidRequest, withoutUserinfo(f.Actual)
	j.verdict.Reject(f)
}

// clientID judges the parameters of the query (P1–P9) and asks for the document.
func (j *metadataJudge) clientID(r *pdp.Request) error {
	id, sent := j.required(r, oauth.ParamClientID)
	if redirect, ok := j.required(r, oauth.ParamRedirectURI); ok {
		if _, err := oauth.ParseURI(redirect); err != nil {
			j.refuse(pdp.Finding{
				Field: oauth.ParamRedirectURI, Description: "redirect_uri is no URI", Expected: "a URI", Actual: redirect,
				Spec: "RFC 6749 §3.1.2", Remedy: "write the URI out, with other characters as %XX",
			})
		}
	}
	if sent {
		j.identifier(id)
	}
	if j.refused {
		return nil
	}
	return j.fetch(r, id)
}

// required reads a parameter that must stand in the query itself.
func (j *metadataJudge) required(r *pdp.Request, name string) (value string, ok bool) {
	if !r.HasParameter(name) {
		j.refuse(pdp.Finding{
			Field: name, Description: name + " is missing from the query", Expected: name, Actual: "none",
			Spec: "RFC 6749 §4.1.1", Remedy: "send " + name + " in the query, beside a request_uri too",
		})
		return "", false
	}
	return r.ParameterValue(name), true
}

// identifier judges the form of a client id and whether its host is trusted (P2–P9).
func (j *metadataJudge) identifier(id string) {
	u, err := oauth.ParseURI(id)
	if err != nil {
		j.refuseID(id, "the client id is no URI", "a URL")
		return
	}
	if u.Scheme != "https" && !j.AllowHTTPScheme {
		j.refuseID(id, "the client id is no https URL", "https")
	}
	if u.Path == "" {
		j.refuseID(id, "the client id has no path", "a path")
	}
	if hasDotSegment(u.Path) {
		j.refuseID(id, "the client id has dot segments", "a path without . and .. segments")
	}
	if u.HasFragment {
		j.refuseID(id, "the client id has a fragment", "no fragment")
	}
	if u.HasUserinfo {
		j.refuseID(id, "the client id has user information", "no user information")
	}
	if u.HasQuery {
		j.refuseID(id, "the client id has a query", "no query")
	}
	if !j.trusts(u.Host) {
		j.refuseHost(oauth.ParamClientID, id)
	}
}

func (j *metadataJudge) refuseID(id, description, expected string) {
	j.refuse(pdp.Finding{
		Field: oauth.ParamClientID, Description: description, Expected: expected, Actual: id, Spec: metadataSpec + "§3",
		Remedy: "use as client id an https URL of host and path alone, and serve the document there",
	})
}

// separators writes encoded dots and slashes, and backslashes, as what they stand for.
var separators = strings.NewReplacer("%2e", ".", "%2E", ".", "%2f", "/", "%2F", "/", "%5c", "/", "%5C", "/", `\`, "/")

// hasDotSegment finds `.` and `..` segments, also with encoded dots and slashes and
// with backslashes.
func hasDotSegment(path string) bool {
	if !strings.Contains(path, "/.") && !strings.ContainsAny(path, `%\`) {
		return false // as most are
	}
	for segment := range strings.SplitSeq(separators.Replace(path), "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// trusts reports whether a host is trusted; no host is not.
func (j *metadataJudge) trusts(host string) bool {
	return slices.ContainsFunc(j.PermittedDomains, func(entry string) bool { return oauth.MatchDomain(entry, host) })
}

func (j *metadataJudge) refuseHost(field, url string) {
	f := pdp.Finding{
		Field: field, Description: "the host is not trusted", Expected: "a host of cimd-allow-permitted-domains", Actual: url,
		Spec: metadataSpec + "§6.8", Remedy: "use a trusted host, or add this one to cimd-allow-permitted-domains",
	}
	if len(j.PermittedDomains) == 0 {
		f.Description = "no host is trusted, since cimd-allow-permitted-domains is empty"
	}
	j.refuse(f)
}

func hostOf(url string) string {
	u, err := oauth.ParseURI(url)
	if err != nil {
		return ""
	}
	return u.Host
}

// fetch asks for the document unless the stored copy is still good (P10).
func (j *metadataJudge) fetch(r *pdp.Request, id string) error {
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
	j.verdict.Oblige(&pb.Obligation{Obligation: &pb.Obligation_FetchClientMetadata{FetchClientMetadata: &pb.FetchClientMetadata{
		Operation: operation, Url: id, MaxBytes: metadataMaxBytes,
		MinCacheSeconds: metadataMinCacheSeconds, MaxCacheSeconds: metadataMaxCacheSeconds,
	}}})
	return nil
}
