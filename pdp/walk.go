package pdp

import (
	"fmt"
	"math"
	"unicode/utf8"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"google.golang.org/protobuf/types/known/structpb"
)

// walker visits every text of a request. It is written out by hand because it
// runs on every decision; a test sets each field by reflection and proves that
// none is left out. The first problem ends the walk.
type walker struct {
	limits Limits
	err    *RequestError
}

func (w *walker) fail(field, problem string) {
	if w.err == nil {
		w.err = &RequestError{Field: field, Problem: problem}
	}
}

// The members of a client that are looked at one after the other, by their pointers.
var (
	clientTexts = [...]string{
		"/id", "/clientId", "/name", "/description", "/type", "/rootUrl", "/adminUrl", "/baseUrl", "/clientAuthenticatorType",
		"/secret", "/registrationAccessToken", "/protocol", "/clientTemplate", "/origin",
	}
	clientLists = [...]string{
		"/defaultRoles", "/redirectUris", "/webOrigins", "/defaultClientScopes", "/optionalClientScopes", "/clientRoles",
	}
)

func (w *walker) text(field, s string) {
	if problem := w.wrong(s); problem != "" {
		w.fail(field, problem)
	}
}

// member is [walker.text] for a pointer in two parts, put together for a problem alone.
func (w *walker) member(above, name, s string) {
	if problem := w.wrong(s); problem != "" {
		w.fail(above+name, problem)
	}
}

func (w *walker) wrong(s string) string {
	switch {
	case len(s) > w.limits.StringBytes:
		return fmt.Sprintf("a text has %d bytes, at most %d are allowed", len(s), w.limits.StringBytes)
	case !utf8.ValidString(s):
		return "a text is not valid UTF-8"
	}
	return ""
}

func (w *walker) list(field string, list []string) {
	for _, s := range list {
		w.text(field, s)
	}
}

func (w *walker) pairs(field string, m map[string]string) {
	for k, v := range m {
		w.text(field, k)
		w.text(field, v)
	}
}

func (w *walker) request(r *pb.EvaluateRequest) {
	w.text("/realm", r.Realm)
	w.client("/client", r.Client)
	w.client("/proposedClient", r.ProposedClient)
	w.list("/proposedMask", r.ProposedMask)
	w.list("/omitted", r.Omitted)
	w.oauth(r.Request)
	w.authentication(r.ClientAuthentication)
	w.connection(r)
	w.token("/token", r.Token)
	w.token("/subjectToken", r.SubjectToken)
	w.actor(r.Actor)
	w.session(r.Session)
	w.scopes(r)
	w.document(r.ClientMetadataDocument)
	for name := range r.AcrLoaMap {
		w.text("/acrLoaMap", name)
	}
	w.text("/identityProvider", r.IdentityProvider)
	w.text("/issuer", r.Issuer)
	w.object("/externalFacts", r.ExternalFacts)
}

func (w *walker) client(field string, c *pb.Client) {
	if c == nil {
		return
	}
	if len(c.RedirectUris) > w.limits.RedirectURIs {
		w.fail(field+"/redirectUris", fmt.Sprintf("there are %d redirect URIs, at most %d are allowed", len(c.RedirectUris), w.limits.RedirectURIs))
	}
	for i, s := range [...]*string{
		c.Id, c.ClientId, c.Name, c.Description, c.Type, c.RootUrl, c.AdminUrl, c.BaseUrl, c.ClientAuthenticatorType,
		c.Secret, c.RegistrationAccessToken, c.Protocol, c.ClientTemplate, c.Origin,
	} {
		if s != nil {
			w.member(field, clientTexts[i], *s)
		}
	}
	for i, list := range [...][]string{
		c.DefaultRoles, c.RedirectUris, c.WebOrigins, c.DefaultClientScopes, c.OptionalClientScopes, c.ClientRoles,
	} {
		for _, s := range list {
			w.member(field, clientLists[i], s)
		}
	}
	for key, value := range c.Attributes {
		w.member(field, "/attributes", key)
		if w.err == nil && w.wrong(value) != "" {
			w.fail(field+AttributePointer(key), w.wrong(value))
		}
	}
	w.pairs(field, c.AuthenticationFlowBindingOverrides)
	for name := range c.RegisteredNodes {
		w.text(field, name)
	}
	for name := range c.Access {
		w.text(field, name)
	}
	for _, mapper := range c.ProtocolMappers {
		w.object(field, mapper)
	}
	w.object(field, c.AuthorizationSettings)
	w.object(field, c.Extra)
}

func (w *walker) oauth(q *pb.OAuthRequest) {
	if q == nil {
		return
	}
	const field = "/request"
	w.pairs(field+"/parameters", q.Parameters)
	w.list(field+"/parameterNames", q.ParameterNames)
	w.list(field+"/duplicateParameters", q.DuplicateParameters)
	w.pairs(field+"/effectiveParameters", q.EffectiveParameters)
	w.pairs(field+"/headers", q.Headers)
	w.pairs(field+"/pushedParameters", q.PushedParameters)
	w.text(field+"/redirectUri", q.RedirectUri)
	w.text(field+"/method", q.Method)
	w.text(field+"/pushedDpopJkt", q.PushedDpopJkt)
	w.text(field+"/samlProtocolBinding", q.SamlProtocolBinding)
	w.text(field+"/assertionConsumerServiceUrl", q.AssertionConsumerServiceUrl)
	if o := q.RequestObject; o != nil {
		w.jwt(field+"/requestObject", o.Alg, o.Kid, o.Typ, o.Compact, o.Claims)
	}
}

func (w *walker) jwt(field, alg, kid, typ, compact string, claims *structpb.Struct) {
	for _, s := range [...]string{alg, kid, typ, compact} {
		w.text(field, s)
	}
	w.object(field+"/claims", claims)
}

func (w *walker) authentication(a *pb.ClientAuthentication) {
	if a == nil {
		return
	}
	const field = "/clientAuthentication"
	w.text(field+"/authenticator", a.Authenticator)
	w.text(field+"/assertionType", a.AssertionType)
	if j := a.Assertion; j != nil {
		w.jwt(field+"/assertion", j.Alg, j.Kid, j.Typ, j.Compact, j.Claims)
	}
}

func (w *walker) connection(r *pb.EvaluateRequest) {
	if t := r.Tls; t != nil {
		for _, s := range [...]string{t.Version, t.Cipher, t.ClientCertificateSha256, t.SubjectDn, t.IssuerDn} {
			w.text("/tls", s)
		}
	}
	if d := r.Dpop; d != nil {
		for _, s := range [...]string{d.Jkt, d.Alg, d.Htm, d.Htu} {
			w.text("/dpop", s)
		}
	}
	if s := r.Source; s != nil {
		w.text("/source/remoteAddress", s.RemoteAddress)
		w.text("/source/remoteHost", s.RemoteHost)
	}
}

func (w *walker) token(field string, t *pb.TokenFacts) {
	if t != nil {
		w.object(field+"/claims", t.Claims)
	}
}

func (w *walker) actor(a *pb.Actor) {
	if a == nil {
		return
	}
	w.text("/actor/username", a.Username)
	w.list("/actor/realmRoles", a.RealmRoles)
	w.list("/actor/groups", a.Groups)
	for id, roles := range a.ClientRoles {
		w.text("/actor/clientRoles", id)
		w.list("/actor/clientRoles", roles.GetRoles())
	}
}

func (w *walker) session(s *pb.SessionFacts) {
	if s == nil {
		return
	}
	for _, t := range [...]string{s.Scope, s.Acr, s.CodeChallenge, s.CodeChallengeMethod, s.DpopJkt} {
		w.text("/session", t)
	}
}

func (w *walker) scopes(r *pb.EvaluateRequest) {
	if s := r.ClientScopes; s != nil {
		w.list("/clientScopes/default", s.Default)
		w.list("/clientScopes/optional", s.Optional)
		w.list("/clientScopes/notInTokenScope", s.NotInTokenScope)
	}
	if o := r.CredentialOffer; o != nil {
		w.list("/credentialOffer", o.RequestedConfigurationIds)
		w.list("/credentialOffer", o.OfferedConfigurationIds)
	}
}

func (w *walker) document(d *pb.ClientMetadataDocument) {
	if d == nil {
		return
	}
	w.text("/clientMetadataDocument/url", d.Url)
	w.text("/clientMetadataDocument/cacheControl", d.CacheControl)
	w.object("/clientMetadataDocument/content", d.Content)
}

func (w *walker) object(field string, s *structpb.Struct) {
	if s != nil {
		w.members(field, s, 1)
	}
}

func (w *walker) members(field string, s *structpb.Struct, depth int) {
	if depth > w.limits.Depth {
		w.fail(field, fmt.Sprintf("objects nest deeper than %d", w.limits.Depth))
		return
	}
	for name, value := range s.GetFields() {
		w.text(field, name)
		w.value(field, value, depth)
	}
}

func (w *walker) value(field string, v *structpb.Value, depth int) {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		w.text(field, kind.StringValue)
	case *structpb.Value_StructValue:
		w.members(field, kind.StructValue, depth+1)
	case *structpb.Value_ListValue:
		if depth >= w.limits.Depth {
			w.fail(field, fmt.Sprintf("lists nest deeper than %d", w.limits.Depth))
			return
		}
		for _, element := range kind.ListValue.GetValues() {
			w.value(field, element, depth+1)
		}
	case *structpb.Value_NumberValue:
		if math.IsNaN(kind.NumberValue) || math.IsInf(kind.NumberValue, 0) {
			w.fail(field, "a number is not finite")
		}
	case nil:
		w.fail(field, "a value has no kind; send null for none")
	}
}
