package pdp

import (
	"slices"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/types/known/structpb"
)

// Effective returns a parameter of the effective authorization request, E(name)
// of executors-request.md, and whether it is there. An empty one is there. One
// whose value was withheld is there too, but nothing can be said about it: reading
// it is a fault. Who needs no value asks [Request.HasEffective].
func (r *Request) Effective(name string) (value string, ok bool) {
	value, from := r.effective(name)
	if from == withheld {
		r.RequireFact("/request/parameters/" + EscapePointer(name))
	}
	return value, from != nowhere
}

// HasEffective reports whether a parameter of the effective authorization request
// is there; a withheld one is.
func (r *Request) HasEffective(name string) bool {
	_, from := r.effective(name)
	return from != nowhere
}

// origin tells whether a parameter is there.
type origin int8

const (
	nowhere  origin = iota
	valued          // it is there with its value
	withheld        // it came, and its value was kept back
)

// originIf is that of a parameter that was looked for where nothing is withheld.
func originIf(there bool) origin {
	if there {
		return valued
	}
	return nowhere
}

func (r *Request) effective(name string) (value string, from origin) {
	// What the provider sends as merged counts alone.
	if merged := r.msg.Request.GetEffectiveParameters(); len(merged) > 0 {
		value, ok := merged[name]
		if !ok {
			r.absentMember("/request/effectiveParameters/", name)
		}
		return value, originIf(ok)
	}
	r.absentMerged(name)
	if value, from = r.merged(name); from == nowhere {
		r.absentEffective(name)
	}
	return value, from
}

// absentMerged notes that the provider does not tell what it merged.
func (r *Request) absentMerged(name string) {
	const merged = "/request/effectiveParameters"
	if !r.omitsSome() {
		return
	}
	if member := merged + "/" + EscapePointer(name); r.lists(merged) || r.lists(member) {
		r.RequireFact(member)
	}
}

// absentEffective notes the last places from which a parameter could have come.
func (r *Request) absentEffective(name string) {
	if r.merge != objectAlone || besideObject(name) {
		r.absentMember("/request/parameters/", name)
	}
	r.absentMember("/request/effectiveParameters/", name)
	if name == oauth.ParamDPoPJKT {
		r.absent("/request/pushedDpopJkt", "")
	}
}

// mergeRule is a row of the table E(name) of executors-request.md.
type mergeRule int8

const (
	_           mergeRule = iota
	fromWire              // the parameters of this endpoint
	objectFirst           // the request object, else the parameters
	objectAlone           // a pushed object: absent there is absent
	pushedFirst           // what was pushed, else the parameters
)

func (r *Request) merged(name string) (string, origin) {
	q := r.msg.Request
	// RFC 9449 section 10.1: the key of the proof sent with the pushed request.
	if name == oauth.ParamDPoPJKT && q.GetPushedDpopJkt() != "" && r.msg.Event != PushedAuthorizationRequest {
		return q.GetPushedDpopJkt(), valued
	}
	if r.merge == 0 {
		r.merge = r.mergeRule()
	}
	switch r.merge {
	case fromWire:
		value, from := r.wire(name)
		if from == nowhere {
			r.absentMember("/request/parameters/", name)
		}
		r.absentSources(name)
		return value, from
	case objectFirst, objectAlone:
		r.absentSource()
		r.unreadObject()
		if v, ok := r.ObjectText(name); ok {
			return v, valued
		}
		r.absentMember("/request/requestObject/claims/", name)
		if r.merge == objectAlone && !besideObject(name) {
			return "", nowhere
		}
	case pushedFirst:
		if v, ok := q.GetPushedParameters()[name]; ok {
			return v, valued
		}
		r.absentMember("/request/pushedParameters/", name)
	}
	return r.wire(name)
}

// besideObject reports whether a parameter counts beside a pushed object.
func besideObject(name string) bool {
	return name == oauth.ParamClientID || name == oauth.ParamResponseType
}

func (r *Request) mergeRule() mergeRule {
	object := r.msg.Request.GetRequestObject()
	switch {
	// At the PAR endpoint an object replaces all plain parameters (events.md A3),
	// also one of which nothing was sent but that it came.
	case r.msg.Event == PushedAuthorizationRequest:
		if object != nil || r.received(oauth.ParamRequest) {
			return objectAlone
		}
		return fromWire
	case object == nil && r.byPushedURI():
		return pushedFirst
	case object == nil:
		return fromWire
	case object.Source == pb.RequestObject_SOURCE_PUSHED:
		return objectAlone
	}
	return objectFirst
}

// absentSource notes that nobody told how the request object came.
func (r *Request) absentSource() {
	if o := r.msg.Request.GetRequestObject(); o.GetSource() == pb.RequestObject_SOURCE_UNSPECIFIED {
		r.absentMeaning("/request/requestObject/source")
	}
}

// unreadObject makes a fault of a request object that came and cannot be read, or of
// which nothing was told: what it holds would come before the parameters.
func (r *Request) unreadObject() {
	if o := r.msg.Request.GetRequestObject(); o != nil && o.Claims == nil && o.Compact == "" {
		r.RequireFact("/request/requestObject/claims")
	}
	if r.parseObject().bad {
		r.requireReadable("/request/requestObject/compact")
	}
}

// absentSources notes what would come before the parameters of this endpoint and
// was not sent although the request refers to it.
func (r *Request) absentSources(name string) {
	if !r.omitsSome() {
		return
	}
	// Contract 2.1: without parameterNames the names are those of the parameters.
	reference, named := r.received(oauth.ParamRequestURI), len(r.msg.Request.GetParameterNames()) > 0
	if reference || r.received(oauth.ParamRequest) {
		r.absent("/request/requestObject", "")
	}
	if !reference {
		r.absentMeaning("/request/parameters/" + oauth.ParamRequestURI)
	}
	if !named {
		r.absentMeaning("/request/parameterNames")
	}
	if reference && r.mayBePushedURI() {
		r.absentMember("/request/pushedParameters/", name)
	}
}

// wire reads a parameter of this endpoint.
func (r *Request) wire(name string) (string, origin) {
	if v, ok := r.msg.Request.GetParameters()[name]; ok {
		return v, valued
	}
	if slices.Contains(r.msg.Request.GetParameterNames(), name) {
		return "", withheld
	}
	return "", nowhere
}

// received reports whether a parameter came at this endpoint, and notes nothing.
func (r *Request) received(name string) bool {
	_, from := r.wire(name)
	return from != nowhere
}

// byPushedURI reports whether the request refers to a pushed one that was sent.
func (r *Request) byPushedURI() bool {
	return len(r.msg.Request.GetPushedParameters()) > 0 && r.mayBePushedURI()
}

// mayBePushedURI reports whether `request_uri` names a pushed request, as far as
// it was told.
func (r *Request) mayBePushedURI() bool {
	uri, ok := r.msg.Request.GetParameters()[oauth.ParamRequestURI]
	return !ok || oauth.IsPushedRequestURI(uri)
}

// objectClaims are the claims of the request object, parsed at most once.
type objectClaims struct {
	parsed bool
	claims *structpb.Struct
	alg    string
	bad    bool
}

// RequestObject reports whether a request object came and can be read.
func (r *Request) RequestObject() (came, readable bool) {
	if r.msg.Request.GetRequestObject() == nil {
		r.absent("/request/requestObject", "")
		return false, false
	}
	return true, !r.parseObject().bad
}

// RequestObjectEncrypted reports whether the request object came as a JWE.
func (r *Request) RequestObjectEncrypted() bool {
	encrypted := r.msg.Request.GetRequestObject().GetEncrypted()
	if !encrypted {
		r.absentMeaning("/request/requestObject/encrypted")
	}
	return encrypted
}

// ObjectClaims returns the claims of the request object, or nil.
func (r *Request) ObjectClaims() map[string]*structpb.Value {
	return r.parseObject().claims.GetFields()
}

// ObjectClaim returns a claim of the request object, or nil.
func (r *Request) ObjectClaim(name string) *structpb.Value {
	if v := r.ObjectClaims()[name]; v != nil {
		return v
	}
	r.absentMember("/request/requestObject/claims/", name)
	return nil
}

// ObjectText returns a claim of the request object as text and whether it is
// there; JSON null is there, as the text null.
func (r *Request) ObjectText(name string) (string, bool) {
	v, ok := r.ObjectClaims()[name]
	if !ok {
		return "", false
	}
	return oauth.ClaimText(v), true
}

func (r *Request) parseObject() *objectClaims {
	if !r.object.parsed {
		o := r.msg.Request.GetRequestObject()
		r.object = readJWT(o.GetAlg(), o.GetClaims(), o.GetCompact())
	}
	return &r.object
}
