package executors

import (
	"net/http"
	"strconv"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/types/known/structpb"
)

// Members of a client id metadata document (RFC 7591 §2).
const (
	metaClientID     = "client_id"
	metaAuthMethod   = "token_endpoint_auth_method"
	metaSecret       = "client_secret"
	metaSecretExpiry = "client_secret_expires_at"
	metaRedirectURIs = "redirect_uris"
	metaClientURI    = "client_uri"
	metaJWKS         = "jwks"
	metaJWKSURI      = "jwks_uri"
)

const (
	metaDocument = "/clientMetadataDocument"
	metaPointer  = metaDocument + "/content/"
)

// metaURLs are the single URLs of a document, in the order of checking.
var metaURLs = [...]string{"logo_uri", metaClientURI, "tos_uri", "policy_uri", metaJWKSURI}

// metadata are the members of a document; one that is null is none.
type metadata map[string]*structpb.Value

func (m metadata) member(name string) *structpb.Value {
	if _, null := m[name].GetKind().(*structpb.Value_NullValue); null {
		return nil
	}
	return m[name]
}

// text returns a member that is a text; any other is "".
func (m metadata) text(name string) string { return m.member(name).GetStringValue() }

// document judges the fetched document in Keycloak's order (M1–M10).
func (j *metadataJudge) document(r *pdp.Request) {
	d := r.MetadataDocument()
	j.served(r, d)
	if d.GetContent() == nil {
		j.refuse(pdp.Finding{
			Field: metaDocument + "/content", Description: "there is no metadata document", Expected: "a JSON object", Actual: "none",
			Spec: metadataSpec + "§4", Remedy: "serve the metadata as a JSON object at the URL that is the client id",
		})
		return
	}
	m := metadata(d.Content.Fields)
	j.self(d.Url, m)
	j.method(m)
	redirect, requested := r.ParameterValue(oauth.ParamRedirectURI), r.HasParameter(oauth.ParamRedirectURI)
	j.redirects(m, redirect, requested)
	j.hosts(d.Url, m)
	if j.RestrictSameDomain {
		target := redirect
		if !requested {
			target = d.Url // what shares an entry with the one shares it with the other
		}
		j.sameDomain(m, d.Url, hostOf(target))
	}
	j.properties(m)
	if j.OnlyConfidential {
		j.confidential(m)
	}
}

// served refuses what the provider should not have taken for the document.
func (j *metadataJudge) served(r *pdp.Request, d *pb.ClientMetadataDocument) {
	status := d.GetHttpStatus()
	current := status == http.StatusNotModified && r.Event() == pdp.Update
	if status != 0 && status != http.StatusOK && !current {
		j.refuse(pdp.Finding{
			Field: metaDocument + "/httpStatus", Description: "the document was not served", Expected: "200",
			Actual: strconv.Itoa(int(status)), Spec: metadataSpec + "§4", Remedy: "serve the document with status 200, without redirect",
		})
	}
	if size := d.GetSizeBytes(); size > metadataMaxBytes {
		j.refuse(pdp.Finding{
			Field: metaDocument + "/sizeBytes", Description: "the document is too large", Expected: "at most " + strconv.Itoa(metadataMaxBytes),
			Actual: strconv.FormatInt(size, 10), Spec: metadataSpec + "§6.6", Remedy: "leave out what clients need not tell",
		})
	}
}

// self demands that the document names its own URL, compared as texts (M2, M3).
func (j *metadataJudge) self(url string, m metadata) {
	if id := m.text(metaClientID); id == "" || id != url {
		j.refuse(pdp.Finding{
			Field: metaPointer + metaClientID, Description: "client_id of the document is not its URL", Expected: orNone(withoutUserinfo(url)),
			Actual: orNone(id), Spec: metadataSpec + "§4.1", Remedy: "set client_id to the URL of the document, character by character",
		})
	}
}

// method refuses shared secrets (M4, M5).
func (j *metadataJudge) method(m metadata) {
	_, text := m.member(metaAuthMethod).GetKind().(*structpb.Value_StringValue)
	switch method := m.text(metaAuthMethod); {
	case m.member(metaAuthMethod) != nil && !text,
		method == oauth.AuthMethodClientSecretBasic, method == oauth.AuthMethodClientSecretPost, method == oauth.AuthMethodClientSecretJWT:
		j.refuse(pdp.Finding{
			Field: metaPointer + metaAuthMethod, Description: "the client would authenticate by a shared secret, or in no known way",
			Expected: "none, private_key_jwt or tls_client_auth", Actual: orNone(method), Spec: metadataSpec + "§4.1",
			Remedy: "use private_key_jwt, or none for a public client",
		})
	}
	for _, name := range [...]string{metaSecret, metaSecretExpiry} {
		if m.member(name) != nil {
			j.refuse(pdp.Finding{
				Field: metaPointer + name, Description: "the document tells a secret or its expiry", Expected: "no " + name, Actual: name,
				Spec: metadataSpec + "§4.1", Remedy: "take " + name + " out of the document, and never use the secret again",
			})
		}
	}
}

// redirects wants redirect URIs, and the requested one among them (M6).
func (j *metadataJudge) redirects(m metadata, redirect string, requested bool) {
	registered := m.member(metaRedirectURIs).GetListValue().GetValues()
	if len(registered) == 0 {
		j.refuse(pdp.Finding{
			Field: metaPointer + metaRedirectURIs, Description: "the document has no redirect URIs", Expected: "at least one", Actual: "none",
			Spec: metadataSpec + "§4.5", Remedy: "list the redirect URIs of the client in redirect_uris",
		})
		return
	}
	if !requested {
		return
	}
	asked, root := readRequestedRedirect(redirect), m.text(metaClientURI)
	for _, uri := range registered {
		if asked.matches(uri.GetStringValue(), root) {
			return
		}
	}
	j.refuse(pdp.Finding{
		Field: oauth.ParamRedirectURI, Description: "the redirect URI is not one of the document's", Expected: "one of redirect_uris",
		Actual: redirect, Spec: metadataSpec + "§6.1", Remedy: "send a redirect_uri of the document, or add it there",
	})
}

// hosts wants every URL of the document on a trusted host (M7).
func (j *metadataJudge) hosts(url string, m metadata) {
	if !j.trusts(hostOf(url)) {
		j.refuseHost(metaPointer+metaClientID, url)
	}
	for i, uri := range m.member(metaRedirectURIs).GetListValue().GetValues() {
		if !j.trusts(hostOf(uri.GetStringValue())) {
			j.refuseHost(metaPointer+metaRedirectURIs+"/"+strconv.Itoa(i), uri.GetStringValue())
		}
	}
	for _, name := range metaURLs {
		if value := m.member(name); value != nil && !j.trusts(hostOf(value.GetStringValue())) {
			j.refuseHost(metaPointer+name, value.GetStringValue())
		}
	}
}

// sameDomain wants one trusted entry for the client id and the redirect URI, and
// one for each other URL and the redirect URI (M8).
func (j *metadataJudge) sameDomain(m metadata, id, target string) {
	j.shares(metaClientID, id, target)
	for _, name := range metaURLs {
		if value := m.member(name); value != nil {
			j.shares(name, value.GetStringValue(), target)
		}
	}
}

func (j *metadataJudge) shares(name, url, target string) {
	host := hostOf(url)
	for _, entry := range j.PermittedDomains {
		if oauth.MatchDomain(entry, host) && oauth.MatchDomain(entry, target) {
			return
		}
	}
	j.refuse(pdp.Finding{
		Field: metaPointer + name, Description: name + " and the redirect URI are of different domains",
		Expected: "one entry of cimd-allow-permitted-domains for both", Actual: url, Spec: metadataSpec + "§6.1",
		Remedy: "serve both from one domain, or turn cimd-restrict-same-domain off",
	})
}

// properties wants the configured members (M9). The authentication method always
// counts as there: absent means none.
func (j *metadataJudge) properties(m metadata) {
	for _, name := range j.RequiredProperties {
		if name != metaAuthMethod && m.member(name) == nil {
			j.refuse(pdp.Finding{
				Field: metaPointer + pdp.EscapePointer(name), Description: "the document lacks a required member", Expected: name, Actual: "none",
				Spec: metadataSpec + "§4.1", Remedy: "add " + name + " to the document",
			})
		}
	}
}

// confidential wants a client that authenticates by a key of its own (M10).
func (j *metadataJudge) confidential(m metadata) {
	method := m.text(metaAuthMethod)
	if method != oauth.AuthMethodPrivateKeyJWT && method != oauth.AuthMethodTLSClientAuth {
		j.refuse(pdp.Finding{
			Field: metaPointer + metaAuthMethod, Description: "only confidential clients are allowed",
			Expected: "private_key_jwt or tls_client_auth", Actual: orNone(method), Spec: metadataSpec + "§6.2",
			Remedy: "use private_key_jwt and publish the keys",
		})
		return
	}
	if (m.member(metaJWKS) == nil) == (m.member(metaJWKSURI) == nil) {
		actual := "none"
		if m.member(metaJWKS) != nil {
			actual = "both"
		}
		j.refuse(pdp.Finding{
			Field: metaPointer + metaJWKS, Description: "the client must publish its keys in one place",
			Expected: "exactly one of jwks and jwks_uri", Actual: actual, Spec: "RFC 7591 §2", Remedy: "publish the keys at jwks_uri alone",
		})
	}
}
