package executors

import (
	"fmt"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
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
	return &secureRequestObject{c}, nil
}

const (
	secureRequestObjectSpec   = "RFC 9101 §6"
	secureRequestObjectRemedy = "send a signed request object with exp, nbf and aud that holds every parameter of the request"
)

// comparedParameters must stand in the object when they stand in the query.
var comparedParameters = []string{
	oauth.ParamClientID, oauth.ParamResponseType, oauth.ParamResponseMode, oauth.ParamRedirectURI, oauth.ParamState,
	oauth.ParamScope, oauth.ParamResource, oauth.ParamLoginHint, oauth.ParamPrompt, oauth.ParamKeycloakIDPHint,
	oauth.ParamKeycloakAction, oauth.ParamNonce, oauth.ParamMaxAge, oauth.ParamUILocales, oauth.ParamClaims,
	oauth.ParamACRValues, oauth.ParamCodeChallenge, oauth.ParamCodeChallengeMethod, oauth.ParamDPoPJKT,
	oauth.ParamClientAssertionType, oauth.ParamClientAssertion, oauth.ParamClientSecret,
}

// Execute judges the request object.
func (e *secureRequestObject) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if !r.HasParameter(oauth.ParamRequest) && !r.HasParameter(oauth.ParamRequestURI) {
		e.refuse(v, oauth.InvalidRequest, oauth.ParamRequest, "a request object is required", "request or request_uri", "")
		return nil
	}
	if came, readable := r.RequestObject(); !came || !readable || len(r.ObjectClaims()) == 0 {
		e.refuse(v, oauth.InvalidRequest, oauth.ParamRequest, "there is no request object with claims", "a request object", "")
		return nil
	}
	if !r.HasParameter(oauth.ParamScope) && r.ObjectClaim(oauth.ParamScope) == nil {
		e.refuse(v, oauth.InvalidRequest, oauth.ParamScope, "scope is missing", "scope", "")
	}
	e.times(r, v)
	e.audience(r, v)
	e.repeats(r, v)
	if e.EncryptionRequired && !r.RequestObjectEncrypted() {
		e.refuse(v, oauth.InvalidRequestObject, oauth.ParamRequest, "the request object must be encrypted", "a JWE", "a JWS")
	}
	return nil
}

// code is that of a bad object; one by reference or pushed is a bad request_uri.
func (e *secureRequestObject) code(r *pdp.Request) string {
	if r.HasParameter(oauth.ParamRequestURI) {
		return oauth.InvalidRequestURI
	}
	return oauth.InvalidRequestObject
}

func (e *secureRequestObject) times(r *pdp.Request, v *pdp.Verdict) {
	now, expiry, claim := r.Now().Unix(), int64(0), r.ObjectClaims()
	if exp, ok := claim[oauth.ClaimExpiry]; !ok {
		e.refuse(v, e.code(r), oauth.ClaimExpiry, "exp is missing", "a time", "")
	} else if expiry = oauth.ClaimNumber(exp); now > expiry {
		// The code of an expired object does not follow the way it came.
		e.refuse(v, oauth.InvalidRequestObject, oauth.ClaimExpiry, "the request object has expired", fmt.Sprint("at least ", now), fmt.Sprint(expiry))
	}
	if e.VerifyNotBefore {
		e.notBefore(r, v, now, expiry)
	}
	if iat, ok := claim[oauth.ClaimIssuedAt]; ok && now < oauth.ClaimNumber(iat)-e.AllowedClockSkew {
		e.refuse(v, e.code(r), oauth.ClaimIssuedAt, "the request object was issued in the future", fmt.Sprint("at most ", now), fmt.Sprint(oauth.ClaimNumber(iat)))
	}
}

func (e *secureRequestObject) notBefore(r *pdp.Request, v *pdp.Verdict, now, expiry int64) {
	nbf, ok := r.ObjectClaims()[oauth.ClaimNotBefore]
	begin := oauth.ClaimNumber(nbf)
	switch {
	case !ok:
		e.refuse(v, e.code(r), oauth.ClaimNotBefore, "nbf is missing", "a time", "")
	case now < begin-e.AllowedClockSkew:
		e.refuse(v, e.code(r), oauth.ClaimNotBefore, "the request object is not valid yet", fmt.Sprint("at most ", now), fmt.Sprint(begin))
	case expiry-begin > e.AvailablePeriod:
		// FAPI 1.0 Advanced 5.2.2-13: a lifetime of no more than 60 minutes.
		e.refuse(v, e.code(r), oauth.ClaimExpiry, "the request object lives too long", fmt.Sprint("at most ", e.AvailablePeriod, " seconds"), fmt.Sprint(expiry-begin))
	}
}

func (e *secureRequestObject) audience(r *pdp.Request, v *pdp.Verdict) {
	if !oauth.AudienceContains(r.ObjectClaims()[oauth.ClaimAudience], r.Issuer()) {
		e.refuse(v, e.code(r), oauth.ClaimAudience, "aud must name the issuer", orNone(r.Issuer()), "")
	}
}

func (e *secureRequestObject) repeats(r *pdp.Request, v *pdp.Verdict) {
	for _, name := range comparedParameters {
		sent, ok := r.Parameter(name)
		if !ok {
			continue
		}
		claim := r.ObjectClaim(name)
		text, there := oauth.ScalarText(claim)
		switch {
		case !there:
			e.refuse(v, oauth.InvalidRequest, name, "the parameter is not in the request object", "the same as in the request", "")
		case !r.Withheld(name) && text != sent:
			e.refuse(v, oauth.InvalidRequest, name, "the parameter differs from the request object", sent, text)
		}
	}
}

func (e *secureRequestObject) refuse(v *pdp.Verdict, code, field, description, expected, actual string) {
	v.Reject(pdp.Finding{
		Code: code, Field: field, Description: description, Expected: expected, Actual: actual,
		Spec: secureRequestObjectSpec, Remedy: secureRequestObjectRemedy,
	})
}
