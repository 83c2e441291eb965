package executors

import (
	"fmt"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "secure-ciba-signed-authn-req",
		Doc:    "Demands signed, short-lived CIBA authentication requests.",
		Spec:   []string{"FAPI-CIBA 5.2.2", "CIBA Core §7.1.1"},
		Events: pdp.On(pdp.BackchannelAuthenticationRequest),
		New:    pdp.Configure(newSecureCIBASignedAuthnReq),
	})
}

type secureCIBASignedAuthnReqConfig struct {
	// AvailablePeriod is the greatest lifetime in seconds.
	AvailablePeriod int64 `config:"available-period" type:"String" default:"3600" doc:"Greatest time from nbf to exp, in seconds."`
}

// secureCIBASignedAuthnReq judges the signed request in Keycloak's order of steps
// (executors-request.md, secure-ciba-signed-authn-req). No clock skew is allowed.
type secureCIBASignedAuthnReq struct{ secureCIBASignedAuthnReqConfig }

func newSecureCIBASignedAuthnReq(c secureCIBASignedAuthnReqConfig) (pdp.Executor, error) {
	return &secureCIBASignedAuthnReq{c}, nil
}

// Execute judges the signed authentication request.
func (e *secureCIBASignedAuthnReq) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if !r.HasParameter(oauth.ParamRequest) && !r.HasParameter(oauth.ParamRequestURI) {
		e.refuse(v, oauth.ParamRequest, "a signed request is required", "request or request_uri", "")
		return nil
	}
	if came, readable := r.RequestObject(); !came || !readable || len(r.ObjectClaims()) == 0 {
		e.refuse(v, oauth.ParamRequest, "there is no signed request with claims", "a signed request", "")
		return nil
	}
	e.times(r, v)
	e.parties(r, v)
	for _, name := range []string{oauth.ClaimIssuedAt, oauth.ClaimID} {
		// CIBA Core §7.1.1: iat and jti are required.
		if _, ok := r.ObjectClaims()[name]; !ok {
			e.refuse(v, name, name+" is missing", name, "")
		}
	}
	return nil
}

func (e *secureCIBASignedAuthnReq) times(r *pdp.Request, v *pdp.Verdict) {
	now := r.Now().Unix()
	exp, hasExpiry := r.ObjectClaims()[oauth.ClaimExpiry]
	nbf, hasBegin := r.ObjectClaims()[oauth.ClaimNotBefore]
	expiry, begin := oauth.ClaimNumber(exp), oauth.ClaimNumber(nbf)
	if !hasExpiry {
		e.refuse(v, oauth.ClaimExpiry, "exp is missing", "a time", "")
	} else if now > expiry {
		e.refuse(v, oauth.ClaimExpiry, "the signed request has expired", fmt.Sprint("at least ", now), fmt.Sprint(expiry))
	}
	switch {
	case !hasBegin:
		e.refuse(v, oauth.ClaimNotBefore, "nbf is missing", "a time", "")
	case now < begin:
		e.refuse(v, oauth.ClaimNotBefore, "the signed request is not valid yet", fmt.Sprint("at most ", now), fmt.Sprint(begin))
	case expiry-begin > e.AvailablePeriod:
		e.refuse(v, oauth.ClaimExpiry, "the signed request lives too long", fmt.Sprint("at most ", e.AvailablePeriod, " seconds"), fmt.Sprint(expiry-begin))
	}
}

func (e *secureCIBASignedAuthnReq) parties(r *pdp.Request, v *pdp.Verdict) {
	if !oauth.AudienceContains(r.ObjectClaims()[oauth.ClaimAudience], r.Issuer()) {
		e.refuse(v, oauth.ClaimAudience, "aud must name the issuer", orNone(r.Issuer()), "")
	}
	clientID, _ := r.Client().String(pdp.ClientID)
	issuer, there := r.ObjectClaims()[oauth.ClaimIssuer]
	if !there || oauth.ClaimText(issuer) != clientID {
		e.refuse(v, oauth.ClaimIssuer, "iss must be the client id", clientID, "")
	}
}

func (e *secureCIBASignedAuthnReq) refuse(v *pdp.Verdict, field, description, expected, actual string) {
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: field, Description: description, Expected: expected, Actual: actual,
		Spec: "CIBA Core §7.1.1", Remedy: "sign the request with exp, nbf, aud, iss, iat and jti",
	})
}
