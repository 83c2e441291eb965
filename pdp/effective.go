package pdp

import (
	"slices"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/types/known/structpb"
)

// Effective returns a parameter of the effective authorization request, E(name)
// of executors-request.md, and whether it is there. An empty one is there.
func (r *Request) Effective(name string) (value string, ok bool) {
	q := r.msg.Request
	if len(q.GetEffectiveParameters()) > 0 {
		value, ok = q.GetEffectiveParameters()[name]
	} else {
		value, ok = r.merged(name)
	}
	if !ok {
		r.absentEffective(name)
	}
	return value, ok
}

// absentEffective notes every place from which a parameter could have come.
func (r *Request) absentEffective(name string) {
	for _, place := range [...]string{
		"/request/parameters/", "/request/effectiveParameters/", "/request/pushedParameters/", "/request/requestObject/claims/",
	} {
		r.absent(place, name)
	}
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

func (r *Request) merged(name string) (string, bool) {
	q := r.msg.Request
	// RFC 9449 section 10.1: the key of the proof sent with the pushed request.
	if name == oauth.ParamDPoPJKT && q.GetPushedDpopJkt() != "" && r.msg.Event != PushedAuthorizationRequest {
		return q.GetPushedDpopJkt(), true
	}
	if r.merge == 0 {
		r.merge = r.mergeRule()
	}
	switch r.merge {
	case objectFirst:
		if v, ok := r.ObjectText(name); ok {
			return v, true
		}
	case objectAlone:
		if v, ok := r.ObjectText(name); ok {
			return v, true
		}
		if name != oauth.ParamClientID && name != oauth.ParamResponseType {
			return "", false
		}
	case pushedFirst:
		if v, ok := q.GetPushedParameters()[name]; ok {
			return v, true
		}
	}
	return r.wire(name)
}

func (r *Request) mergeRule() mergeRule {
	object := r.msg.Request.GetRequestObject()
	switch {
	case object == nil && r.msg.Event != PushedAuthorizationRequest && r.byPushedURI():
		return pushedFirst
	case object == nil:
		return fromWire
	// At the PAR endpoint an object replaces all plain parameters (events.md A3).
	case r.msg.Event == PushedAuthorizationRequest, object.Source == pb.RequestObject_SOURCE_PUSHED:
		return objectAlone
	}
	return objectFirst
}

// wire reads a parameter of this endpoint; a withheld one is there and empty.
func (r *Request) wire(name string) (string, bool) {
	if v, ok := r.msg.Request.GetParameters()[name]; ok {
		return v, true
	}
	return "", slices.Contains(r.msg.Request.GetParameterNames(), name)
}

// byPushedURI reports whether the request refers to a pushed one.
func (r *Request) byPushedURI() bool {
	q := r.msg.Request
	if len(q.GetPushedParameters()) == 0 {
		return false
	}
	uri, ok := q.GetParameters()[oauth.ParamRequestURI]
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
	return r.msg.Request.GetRequestObject().GetEncrypted()
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
	r.absent("/request/requestObject/claims/", name)
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
