package pdp

import (
	"slices"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Limits are the bounds that a server puts on input. The zero value allows nothing.
type Limits struct {
	// DecisionMessageBytes is the greatest size of a decision message.
	DecisionMessageBytes int
	// DocumentBytes is the greatest size of a policy set or another document.
	DocumentBytes int
	// BatchItems is the greatest number of requests in a batch.
	BatchItems int
	// StringBytes is the greatest length of one string.
	StringBytes int
	// Depth is the greatest nesting of JSON objects and arrays.
	Depth int
	// RedirectURIs is the greatest number of redirect URIs of a client.
	RedirectURIs int
}

// DefaultLimits returns the limits of a server that is not told otherwise.
func DefaultLimits() Limits {
	return Limits{
		DecisionMessageBytes: 1 << 20, DocumentBytes: 16 << 20, BatchItems: 100,
		StringBytes: 64 << 10, Depth: 64, RedirectURIs: 1000,
	}
}

// CheckInput refuses a request that is over a limit, holds text that is not UTF-8,
// names facts that do not exist, or carries a secret. The error is a [RequestError]
// and never repeats a value.
func CheckInput(req *pb.EvaluateRequest, l Limits) error {
	w := walker{limits: l}
	w.request(req)
	if w.err == nil {
		w.secrets(req)
	}
	if w.err == nil {
		w.pointers(req)
	}
	if w.err == nil {
		w.enums(req)
	}
	if w.err == nil {
		w.times(req)
	}
	if w.err != nil {
		return w.err
	}
	return nil
}

const secretRemedy = "it is a secret; leave the value out and keep its name in parameterNames"

// secretParameters may not be in a parameter map (contract 2.1).
var secretParameters = []string{
	"code", "client_secret", "client_assertion", "refresh_token", "access_token", "token", "subject_token",
	"actor_token", "assertion", "id_token_hint", "password", "request", "device_code", "auth_req_id",
}

// secretHeaders may not be among the headers (contract 2.1).
var secretHeaders = []string{"authorization", "proxy-authorization", "cookie", "dpop"}

// secretExtra may not be among the members of a client.
var secretExtra = []string{"secret", "registrationAccessToken"}

const secretAttribute = "client.secret.rotated"

func (w *walker) secrets(req *pb.EvaluateRequest) {
	q := req.Request
	w.secretKeys("/request/parameters/", q.GetParameters(), secretParameters)
	w.secretKeys("/request/effectiveParameters/", q.GetEffectiveParameters(), secretParameters)
	w.secretKeys("/request/pushedParameters/", q.GetPushedParameters(), secretParameters)
	if name := secretHeader(q.GetHeaders()); name != "" {
		w.fail("/request/headers/"+EscapePointer(name), "a credential must not be sent; leave the header out")
	}
	w.secretClient("/client", req.Client)
	w.secretClient("/proposedClient", req.ProposedClient)
}

// secretHeader returns the first header, by name, that holds a credential, or "".
func secretHeader(headers map[string]string) (first string) {
	for name := range headers {
		if slices.Contains(secretHeaders, strings.ToLower(name)) && (first == "" || name < first) {
			first = name
		}
	}
	return first
}

func (w *walker) secretKeys(pointer string, values map[string]string, secret []string) {
	if len(values) == 0 {
		return
	}
	for _, name := range secret {
		if _, sent := values[name]; sent {
			w.fail(pointer+name, secretRemedy)
		}
	}
}

func (w *walker) secretClient(pointer string, c *pb.Client) {
	if c == nil {
		return
	}
	const remedy = "a secret of the client must not be sent; leave it out"
	switch _, rotated := c.Attributes[secretAttribute]; {
	case c.Secret != nil:
		w.fail(pointer+"/secret", remedy)
	case c.RegistrationAccessToken != nil:
		w.fail(pointer+"/registrationAccessToken", remedy)
	case rotated:
		w.fail(pointer+AttributePointer(secretAttribute), remedy)
	}
	for _, name := range secretExtra {
		if c.Extra.GetFields()[name] != nil {
			w.fail(pointer+"/extra/"+name, remedy)
		}
	}
}

func (w *walker) pointers(req *pb.EvaluateRequest) {
	for _, p := range req.Omitted {
		if problem := CheckFact(p); problem != "" {
			w.fail("/omitted", problem)
		}
	}
	for _, p := range req.ProposedMask {
		if problem := CheckClientPointer(p); problem != "" {
			w.fail("/proposedMask", problem)
		}
	}
}

// enums refuses numbers that no enum value has; protojson and binary let them through.
func (w *walker) enums(req *pb.EvaluateRequest) {
	q := req.Request
	for _, e := range []struct {
		field   string
		number  int32
		greater int32
	}{
		{"/registration/channel", int32(req.Registration.GetChannel()), int32(ChannelMetadataDocument)},
		{"/registration/operation", int32(req.Registration.GetOperation()), int32(pb.Registration_OPERATION_DELETE)},
		{"/request/pushedRequest", int32(q.GetPushedRequest()), int32(pb.OAuthRequest_PUSHED_REQUEST_NOT_FOUND)},
		{"/request/logout", int32(q.GetLogout()), int32(pb.OAuthRequest_LOGOUT_FRONT_CHANNEL)},
		{"/request/samlBinding", int32(q.GetSamlBinding()), int32(pb.OAuthRequest_SAML_BINDING_ARTIFACT)},
		{"/request/requestObject/source", int32(q.GetRequestObject().GetSource()), int32(pb.RequestObject_SOURCE_PUSHED)},
		{"/dpop/state", int32(req.Dpop.GetState()), int32(pb.DPoPProof_STATE_INVALID)},
		{"/token/kind", int32(req.Token.GetKind()), int32(pb.TokenFacts_KIND_ASSERTION)},
		{"/token/state", int32(req.Token.GetState()), int32(pb.TokenFacts_STATE_UNDECODABLE)},
		{"/subjectToken/kind", int32(req.SubjectToken.GetKind()), int32(pb.TokenFacts_KIND_ASSERTION)},
		{"/subjectToken/state", int32(req.SubjectToken.GetState()), int32(pb.TokenFacts_STATE_UNDECODABLE)},
	} {
		if e.number < 0 || e.number > e.greater {
			w.fail(e.field, "unknown enum value; see the contract for the known ones")
		}
	}
}

// times refuses points in time that no calendar has; binary lets them through.
func (w *walker) times(req *pb.EvaluateRequest) {
	if t := req.Options.GetEvaluationTime(); t != nil && !t.IsValid() {
		w.fail("/options/evaluationTime", "the time is not between the years 1 and 9999")
	}
	if t := req.Session.GetAuthTime(); t != nil && !t.IsValid() {
		w.fail("/session/authTime", "the time is not between the years 1 and 9999")
	}
}
