package pdp

import (
	"slices"
	"strings"
	"time"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/types/known/structpb"
)

// Request is the one view through which providers see a request: its facts and
// the effective client. Facts that are absent and named in `omitted` are noted
// when they are read, and the engine makes a fault of it (events.md C.2).
type Request struct {
	msg      *pb.EvaluateRequest
	now      time.Time
	keycloak bool     // compatibility KEYCLOAK
	omitted  []string // the realm's omittedFacts
	changes  []change // mutations so far
	ask      Ask

	delta      bool   // the running executor sees the submitted fields alone
	missing    string // first omitted fact that the running provider read
	unreadable bool   // it was sent, and cannot be read
	explaining bool
	because    string

	merge  mergeRule    // how parameters merge, found at most once
	object objectClaims // request object, parsed at most once
}

// Event returns the event.
func (r *Request) Event() Event { return r.msg.Event }

// Now returns the time that counts as now.
func (r *Request) Now() time.Time { return r.now }

// Issuer returns the issuer URL of the realm, or "".
func (r *Request) Issuer() string { return r.text(r.msg.Issuer, "/issuer") }

// IdentityProvider returns the alias of the identity provider that takes part, or "".
func (r *Request) IdentityProvider() string {
	return r.text(r.msg.IdentityProvider, "/identityProvider")
}

// Explaining reports whether somebody will read what [Request.Because] is told.
func (r *Request) Explaining() bool { return r.explaining }

// Because notes, for the trace, why the running provider came to its result.
// Texts that cost an allocation are built only under [Request.Explaining].
func (r *Request) Because(reason string) {
	if r.explaining {
		r.because = reason
	}
}

// text returns a fact that is absent when empty.
func (r *Request) text(value, pointer string) string {
	if value == "" {
		r.absent(pointer, "")
	}
	return value
}

// absent notes that a fact was read and is not there. The pointer comes in two
// parts, so that nothing is built unless a fact is omitted.
func (r *Request) absent(pointer, rest string) {
	if r.missing != "" || !r.omitsSome() {
		return
	}
	if fact := pointer + rest; omits(r.msg.Omitted, fact) || omits(r.omitted, fact) {
		r.missing = fact
	}
}

// omitsSome reports whether there are facts that nobody looked up.
func (r *Request) omitsSome() bool { return len(r.omitted) > 0 || len(r.msg.Omitted) > 0 }

// absentMember is absent for a member of a map or a free JSON object.
func (r *Request) absentMember(pointer, name string) { r.absent(pointer, EscapePointer(name)) }

// absentMeaning notes a fact whose absence has a meaning of its own beside what else
// was sent of its message: only the fact itself, not the message, makes it a fault.
func (r *Request) absentMeaning(fact string) {
	if r.lists(fact) {
		r.RequireFact(fact)
	}
}

// lists reports whether the fact itself is one that nobody looked up.
func (r *Request) lists(fact string) bool {
	return slices.Contains(r.msg.Omitted, fact) || slices.Contains(r.omitted, fact)
}

// omits reports whether the fact, or a message above it, is listed.
func omits(list []string, fact string) bool {
	return slices.ContainsFunc(list, func(p string) bool {
		return p == fact || strings.HasPrefix(fact, p+"/")
	})
}

// Client returns the effective client as the running executor may see it:
// stored, overlaid by proposed, overlaid by mutations so far.
func (r *Request) Client() Client {
	c := r.unchanged()
	if r.delta && r.msg.Event == Update {
		c.stored = nil
	}
	c.changes = r.changes
	return c
}

// unchanged returns the effective client without mutations. What was sent beside
// the client on REGISTERED and UPDATED is not laid over it (executors-client.md 0.1-4).
func (r *Request) unchanged() Client {
	c := Client{r: r, stored: r.msg.Client}
	if r.msg.Event == Register || r.msg.Event == Update {
		c.proposed, c.present = r.msg.ProposedClient, true
	}
	if r.msg.Event == Register {
		c.stored = nil
	}
	return c
}

// StoredClient returns the client as stored, without mutations: what conditions
// read (conditions.md 1). It is unknown on REGISTER.
func (r *Request) StoredClient() Client {
	if r.msg.Event == Register {
		return Client{r: r}
	}
	return Client{r: r, stored: r.msg.Client}
}

// ProposedClient returns the client that conditions judge besides the stored one
// (conditions.md 1, "Target client T"): on REGISTER the proposed one, on UPDATE
// and on UPDATED by the administration API the effective one, or under
// compatibility KEYCLOAK the bare proposal (D5). Elsewhere it is unknown.
func (r *Request) ProposedClient() Client {
	switch {
	case r.msg.Event == Register:
		return Client{r: r, proposed: r.msg.ProposedClient, present: true}
	case r.msg.ProposedClient == nil:
		return Client{r: r}
	case r.msg.Event == Update && !r.keycloak:
		return r.unchanged()
	case r.msg.Event == Update, r.keycloak && r.msg.Event == Updated && r.Channel() == ChannelAdmin:
		return Client{r: r, proposed: r.msg.ProposedClient, present: true}
	}
	return Client{r: r}
}

// Method returns the HTTP method of the request in upper case, or "".
func (r *Request) Method() string {
	return r.text(strings.ToUpper(r.msg.Request.GetMethod()), "/request/method")
}

// HasParameter reports whether a parameter came at this endpoint, withheld ones
// included (executors-request.md, "Parameter presence").
func (r *Request) HasParameter(name string) bool {
	q := r.msg.Request
	if _, ok := q.GetParameters()[name]; ok || slices.Contains(q.GetParameterNames(), name) {
		return true
	}
	switch q.GetRequestObject().GetSource() {
	case pb.RequestObject_SOURCE_REQUEST:
		if name == oauth.ParamRequest {
			return true
		}
	case pb.RequestObject_SOURCE_REQUEST_URI, pb.RequestObject_SOURCE_PUSHED:
		if name == oauth.ParamRequestURI {
			return true
		}
	}
	r.absentMember("/request/parameters/", name)
	if len(q.GetParameterNames()) == 0 {
		r.absentMeaning("/request/parameterNames")
	}
	return false
}

// Parameter returns a parameter as it came at this endpoint and whether it came.
// A withheld one came and is empty.
func (r *Request) Parameter(name string) (value string, ok bool) {
	if v, ok := r.msg.Request.GetParameters()[name]; ok {
		return v, true
	}
	return "", r.HasParameter(name)
}

// ParameterValue returns the value of a parameter as it came at this endpoint, or
// "". Reading one that was withheld is a fault.
func (r *Request) ParameterValue(name string) string {
	value, _ := r.Parameter(name)
	if r.Withheld(name) {
		r.RequireFact("/request/parameters/" + EscapePointer(name))
	}
	return value
}

// Withheld reports whether a parameter came whose value was kept back.
func (r *Request) Withheld(name string) bool {
	if _, sent := r.msg.Request.GetParameters()[name]; sent {
		return false
	}
	return r.HasParameter(name)
}

// ParameterNames calls yield with the name of every parameter that came at this
// endpoint, sorted, until it returns false.
func (r *Request) ParameterNames(yield func(string) bool) {
	r.absentParameters()
	var room [32]string // most requests have fewer, and cost no allocation
	names := append(room[:0], r.msg.Request.GetParameterNames()...)
	for name := range r.msg.Request.GetParameters() {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if !yield(name) {
			return
		}
	}
}

// absentParameters notes a parameter that nobody looked up, for who reads them all.
func (r *Request) absentParameters() {
	const prefix = "/request/parameters"
	if q := r.msg.Request; len(q.GetParameters()) == 0 && len(q.GetParameterNames()) == 0 {
		r.absent(prefix, "")
	}
	if len(r.msg.Request.GetParameterNames()) == 0 {
		r.absentMeaning("/request/parameterNames")
	}
	for _, list := range [...][]string{r.msg.Omitted, r.omitted} {
		for _, p := range list {
			if name, ok := strings.CutPrefix(p, prefix+"/"); ok && !r.received(unescapePointer(name)) {
				r.RequireFact(p)
			}
		}
	}
}

// RedirectURI returns the redirect URI that the provider matched against the
// client, else the effective parameter, and whether there is one.
func (r *Request) RedirectURI() (string, bool) {
	if uri := r.msg.Request.GetRedirectUri(); uri != "" {
		return uri, true
	}
	r.absent("/request/redirectUri", "")
	return r.Effective(oauth.ParamRedirectURI)
}

// PushedRequestFound reports whether `request_uri` names a stored pushed request
// (executors-request.md, fact 2).
func (r *Request) PushedRequestFound() bool {
	q := r.msg.Request
	switch q.GetPushedRequest() {
	case pb.OAuthRequest_PUSHED_REQUEST_FOUND:
		return true
	case pb.OAuthRequest_PUSHED_REQUEST_NOT_FOUND:
		return false
	}
	r.absentMeaning("/request/pushedRequest")
	if len(q.GetPushedParameters()) > 0 || r.PushedObject() {
		return true
	}
	r.absent("/request/pushedRequest", "")
	return false
}

// PushedObject reports whether a request object was pushed.
func (r *Request) PushedObject() bool {
	object := r.msg.Request.GetRequestObject()
	if object == nil {
		r.absent("/request/requestObject", "")
	}
	r.absentSource()
	return object.GetSource() == pb.RequestObject_SOURCE_PUSHED
}

// HasPushedParameter reports whether the pushed request stored a parameter.
func (r *Request) HasPushedParameter(name string) bool {
	_, ok := r.msg.Request.GetPushedParameters()[name]
	if !ok {
		r.absentMember("/request/pushedParameters/", name)
	}
	return ok
}

// Session returns the facts kept with the session and the code; never nil. Its
// members are read through the accessors below.
func (r *Request) session() *pb.SessionFacts { return r.msg.Session }

// SessionScope returns the scope granted at authorization, or "".
func (r *Request) SessionScope() string { return r.text(r.session().GetScope(), "/session/scope") }

// CodeChallenge returns the challenge stored with the code, or "" (RFC 7636).
func (r *Request) CodeChallenge() string {
	return r.text(r.session().GetCodeChallenge(), "/session/codeChallenge")
}

// CodeChallengeMethod returns the challenge method stored with the code, or "".
func (r *Request) CodeChallengeMethod() string {
	return r.text(r.session().GetCodeChallengeMethod(), "/session/codeChallengeMethod")
}

// CertificateThumbprint returns `x5t#S256` of the client certificate, or "" (RFC 8705).
func (r *Request) CertificateThumbprint() string {
	return r.text(r.msg.Tls.GetClientCertificateSha256(), "/tls/clientCertificateSha256")
}

// ProofPresented reports whether a DPoP header came, in any state (RFC 9449).
func (r *Request) ProofPresented() bool {
	if r.msg.Dpop == nil {
		r.absent("/dpop", "")
		return false
	}
	return true
}

// ProofVerified reports whether a valid DPoP proof came (executors-request.md, fact 5).
func (r *Request) ProofVerified() bool {
	if !r.ProofPresented() {
		return false
	}
	switch r.msg.Dpop.State {
	case pb.DPoPProof_STATE_VERIFIED:
		return true
	case pb.DPoPProof_STATE_UNSPECIFIED:
		r.absentMeaning("/dpop/state")
		return r.msg.Dpop.Jkt != ""
	}
	return false
}

// ProofThumbprint returns the thumbprint of the DPoP key, or "".
func (r *Request) ProofThumbprint() string { return r.text(r.msg.Dpop.GetJkt(), "/dpop/jkt") }

// Token returns the token that the event is about.
func (r *Request) Token() Token { return Token{r, r.msg.Token, "/token"} }

// SubjectToken returns the subject of a token exchange, or the assertion of a JWT grant.
func (r *Request) SubjectToken() Token { return Token{r, r.msg.SubjectToken, "/subjectToken"} }

// Token is a token seen through a request.
type Token struct {
	r       *Request
	facts   *pb.TokenFacts
	pointer string
}

// Readable reports whether the token was sent and can be decoded
// (executors-request.md, fact 6).
func (t Token) Readable() bool {
	if t.facts == nil {
		t.r.absent(t.pointer, "")
		return false
	}
	if t.facts.State == pb.TokenFacts_STATE_UNSPECIFIED {
		t.absentState()
	}
	return t.facts.State != pb.TokenFacts_STATE_UNDECODABLE
}

func (t Token) absentState() {
	if t.r.omitsSome() {
		t.r.absentMeaning(t.pointer + "/state")
	}
}

// Claim returns a claim, or nil.
func (t Token) Claim(name string) *structpb.Value {
	if v := t.facts.GetClaims().GetFields()[name]; v != nil {
		return v
	}
	t.r.absentMember(t.pointer+"/claims/", name)
	return nil
}

// Confirmation returns a text member of the claim `cnf`, or "" (RFC 7800).
func (t Token) Confirmation(member string) string {
	v := t.Claim(oauth.ClaimConfirmation).GetStructValue().GetFields()[member]
	if v == nil {
		t.r.absentMember(t.pointer+"/claims/"+oauth.ClaimConfirmation+"/", member)
	}
	return v.GetStringValue()
}
