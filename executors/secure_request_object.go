package executors

import (
	"fmt"
	"math"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/types/known/structpb"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "secure-request-object",
		Doc:    "Demands a time-limited request object for this issuer that repeats every query parameter.",
		Spec:   []string{"RFC 9101", "FAPI 1.0 Advanced 5.2.2-1", "FAPI 2.0 MS 5.3.1"},
		Events: pdp.On(pdp.AuthorizationRequest),
		New:    pdp.Configure(newSecureRequestObject),
	})
}

type secureRequestObjectConfig struct {
	// VerifyNotBefore demands nbf and bounds the lifetime.
	VerifyNotBefore bool `config:"verify-nbf" default:"true" doc:"Demand nbf, and hold the lifetime to available-period."`
	// AvailablePeriod is the greatest lifetime in seconds.
	AvailablePeriod int64 `config:"available-period" type:"String" default:"3600" doc:"Greatest time from nbf to exp, in seconds."`
	// EncryptionRequired demands a JWE.
	EncryptionRequired bool `config:"encryption-required" default:"false" doc:"Demand that the object came encrypted."`
	// AllowedClockSkew is allowed for nbf and iat, in seconds.
	AllowedClockSkew int64 `config:"allowed-clock-skew" type:"String" default:"15" doc:"Clock skew allowed for nbf and iat, in seconds; none is allowed for exp."`
}

// secureRequestObject judges the request object in Keycloak's order of steps
// (executors-request.md, secure-request-object).
type secureRequestObject struct{ secureRequestObjectConfig }

func newSecureRequestObject(c secureRequestObjectConfig) (pdp.Executor, error) {
	if err := fitsInt32("available-period", c.AvailablePeriod); err != nil {
		return nil, err
	}
	if err := fitsInt32("allowed-clock-skew", c.AllowedClockSkew); err != nil {
		return nil, err
	}
	return &secureRequestObject{c}, nil
}

// fitsInt32 refuses a number that Keycloak cannot read (executors-request.md,
// "Configuration reading"), and with which times could overflow.
func fitsInt32(key string, n int64) error {
	if n < math.MinInt32 || n > math.MaxInt32 {
		return pdp.KeyError(key, "must be from %d to %d, got %d", math.MinInt32, math.MaxInt32, n)
	}
	return nil
}

const objectClaimPointer = "/request/requestObject/claims/"

// comparedParameters must stand in the object when they stand in the query.
var comparedParameters = [...]string{
	oauth.ParamClientID, oauth.ParamResponseType, oauth.ParamResponseMode, oauth.ParamRedirectURI, oauth.ParamState,
	oauth.ParamScope, oauth.ParamResource, oauth.ParamLoginHint, oauth.ParamPrompt, oauth.ParamKeycloakIDPHint,
	oauth.ParamKeycloakAction, oauth.ParamNonce, oauth.ParamMaxAge, oauth.ParamUILocales, oauth.ParamClaims,
	oauth.ParamACRValues, oauth.ParamCodeChallenge, oauth.ParamCodeChallengeMethod, oauth.ParamDPoPJKT,
	oauth.ParamClientAssertionType, oauth.ParamClientAssertion, oauth.ParamClientSecret,
}

// Execute judges the request object.
func (e *secureRequestObject) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if !r.HasParameter(oauth.ParamRequest) && !r.HasParameter(oauth.ParamRequestURI) {
		e.refuseObject(v, "a request object is required", "request or request_uri", "neither")
		return nil
	}
	if came, readable := r.RequestObject(); !came || !readable || len(r.ObjectClaims()) == 0 {
		e.refuseObject(v, "there is no request object with claims", "a signed JWT with claims", "none that can be read")
		return nil
	}
	if !r.HasParameter(oauth.ParamScope) && r.ObjectClaim(oauth.ParamScope) == nil {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: oauth.ParamScope, Description: "scope is neither in the query nor in the request object",
			Expected: "scope", Actual: "none", Spec: "OIDC Core §6.1", Remedy: "send scope in the request object",
		})
	}
	e.times(r, v)
	e.audience(r, v)
	e.repeats(r, v)
	if e.EncryptionRequired && !r.RequestObjectEncrypted() {
		// The code does not follow the way by which the object came.
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequestObject, Field: oauth.ParamRequest, Description: "the request object is not encrypted",
			Expected: "a JWE", Actual: "a JWS", Spec: "Open Finance Brasil 5.2.2-1", Remedy: "encrypt the signed request object with a key of the provider",
		})
	}
	return nil
}

func (*secureRequestObject) refuseObject(v *pdp.Verdict, description, expected, actual string) {
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: oauth.ParamRequest, Description: description, Expected: expected, Actual: actual,
		Spec: "FAPI 1.0 Advanced 5.2.2-1", Remedy: "send a signed request object as request, by reference, or pushed",
	})
}

// refuse objects to a claim. A bad object by reference or pushed is a bad request_uri.
func (*secureRequestObject) refuse(r *pdp.Request, v *pdp.Verdict, claim string, f pdp.Finding) {
	f.Code, f.Field = oauth.InvalidRequestObject, objectClaimPointer+claim
	if r.HasParameter(oauth.ParamRequestURI) {
		f.Code = oauth.InvalidRequestURI
	}
	v.Reject(f)
}

const (
	lifetimeSpec   = "FAPI 1.0 Advanced 5.2.2-13"
	notBeforeSpec  = "FAPI 1.0 Advanced 5.2.2-17"
	lifetimeRemedy = "sign a fresh request object with nbf now and exp soon after"
)

func (e *secureRequestObject) times(r *pdp.Request, v *pdp.Verdict) {
	now := r.Now().Unix()
	exp := r.ObjectClaim(oauth.ClaimExpiry)
	expiry := oauth.ClaimNumber(exp)
	switch {
	case exp == nil:
		e.refuse(r, v, oauth.ClaimExpiry, pdp.Finding{
			Description: "exp is missing", Expected: "a time", Actual: "none", Spec: lifetimeSpec, Remedy: lifetimeRemedy,
		})
	case now > expiry:
		// The code of an expired object does not follow the way by which it came.
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequestObject, Field: objectClaimPointer + oauth.ClaimExpiry, Description: "the request object has expired",
			Expected: fmt.Sprint("at least ", now), Actual: fmt.Sprint(expiry), Spec: "RFC 7519 §4.1.4", Remedy: lifetimeRemedy,
		})
	}
	if e.VerifyNotBefore {
		e.notBefore(r, v, exp)
	}
	// FAPI 2.0 SP 5.3.2.1-13: a clock that runs ahead a little is borne with.
	if iat := r.ObjectClaim(oauth.ClaimIssuedAt); iat != nil && now+e.AllowedClockSkew < oauth.ClaimNumber(iat) {
		e.refuse(r, v, oauth.ClaimIssuedAt, pdp.Finding{
			Description: "the request object was issued in the future", Expected: fmt.Sprint("at most ", now+e.AllowedClockSkew),
			Actual: fmt.Sprint(oauth.ClaimNumber(iat)), Spec: "FAPI 2.0 SP 5.3.2.1-13", Remedy: "set the clock of the client",
		})
	}
}

func (e *secureRequestObject) notBefore(r *pdp.Request, v *pdp.Verdict, exp *structpb.Value) {
	nbf := r.ObjectClaim(oauth.ClaimNotBefore)
	if nbf == nil {
		e.refuse(r, v, oauth.ClaimNotBefore, pdp.Finding{
			Description: "nbf is missing", Expected: "a time", Actual: "none", Spec: notBeforeSpec, Remedy: lifetimeRemedy,
		})
		return
	}
	begin, latest := oauth.ClaimNumber(nbf), r.Now().Unix()+e.AllowedClockSkew
	if latest < begin {
		e.refuse(r, v, oauth.ClaimNotBefore, pdp.Finding{
			Description: "the request object is not valid yet", Expected: fmt.Sprint("at most ", latest), Actual: fmt.Sprint(begin),
			Spec: "FAPI 2.0 SP 5.3.2.1-13", Remedy: lifetimeRemedy,
		})
	}
	if life := oauth.ClaimNumber(exp) - begin; exp != nil && life > e.AvailablePeriod {
		e.refuse(r, v, oauth.ClaimExpiry, pdp.Finding{
			Description: "the request object lives too long", Expected: fmt.Sprintf("at most %d seconds after nbf", e.AvailablePeriod),
			Actual: fmt.Sprintf("%d seconds", life), Spec: lifetimeSpec, Remedy: lifetimeRemedy,
		})
	}
}

func (e *secureRequestObject) audience(r *pdp.Request, v *pdp.Verdict) {
	if aud := r.ObjectClaim(oauth.ClaimAudience); !oauth.AudienceContains(aud, r.Issuer()) {
		e.refuse(r, v, oauth.ClaimAudience, pdp.Finding{
			Description: "aud does not name the issuer", Expected: orNone(r.Issuer()), Actual: orNone(oauth.ClaimText(aud)),
			Spec: "FAPI 1.0 Advanced 5.2.2-15", Remedy: "set aud to the issuer URL, character by character",
		})
	}
}

// repeats compares the query with the object. The values are not told: they may
// bind the session, or name a person. Of a withheld one only the name is compared.
func (e *secureRequestObject) repeats(r *pdp.Request, v *pdp.Verdict) {
	for _, name := range comparedParameters {
		sent, ok := r.Parameter(name)
		if !ok {
			continue
		}
		text, there := oauth.ScalarText(r.ObjectClaim(name))
		switch {
		case !there:
			e.differs(v, name, "the parameter is not in the request object", "none")
		case text != sent && !r.Withheld(name):
			e.differs(v, name, "the parameter is another one in the request object", "another value")
		}
	}
}

func (*secureRequestObject) differs(v *pdp.Verdict, name, description, actual string) {
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: name, Description: description, Expected: "the value of the query", Actual: actual,
		Spec: "FAPI 1.0 Advanced 5.2.2-10", Remedy: "send " + name + " in the request object, and in the query the same or nothing",
	})
}
