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
	if err := fitsInt32("available-period", c.AvailablePeriod); err != nil {
		return nil, err
	}
	return &secureCIBASignedAuthnReq{c}, nil
}

const signedAuthnReqSpec = "CIBA Core §7.1.1"

// Execute judges the signed authentication request.
func (e *secureCIBASignedAuthnReq) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if !r.HasParameter(oauth.ParamRequest) && !r.HasParameter(oauth.ParamRequestURI) {
		e.refuse(v, oauth.ParamRequest, pdp.Finding{
			Description: "a signed request is required", Expected: "request or request_uri", Actual: "neither", Spec: "FAPI-CIBA 5.2.2-6",
		})
		return nil
	}
	if came, readable := r.RequestObject(); !came || !readable || len(r.ObjectClaims()) == 0 {
		e.refuse(v, oauth.ParamRequest, pdp.Finding{
			Description: "there is no signed request with claims", Expected: "a signed JWT with claims", Actual: "none that can be read",
			Spec: "FAPI-CIBA 5.2.2-6",
		})
		return nil
	}
	e.times(r, v)
	e.parties(r, v)
	// CIBA Core §7.1.1: iat and jti are required. Their values are not judged.
	for _, name := range [...]string{oauth.ClaimIssuedAt, oauth.ClaimID} {
		if r.ObjectClaim(name) == nil {
			e.refuse(v, objectClaimPointer+name, pdp.Finding{
				Description: name + " is missing", Expected: name, Actual: "none", Spec: signedAuthnReqSpec,
			})
		}
	}
	return nil
}

// times holds the lifetime from nbf to exp to the period (FAPI-CIBA 5.2.2-9).
func (e *secureCIBASignedAuthnReq) times(r *pdp.Request, v *pdp.Verdict) {
	now := r.Now().Unix()
	exp := r.ObjectClaim(oauth.ClaimExpiry)
	expiry := oauth.ClaimNumber(exp)
	switch {
	case exp == nil:
		e.refuseTime(v, oauth.ClaimExpiry, "exp is missing", "a time", "none")
	case now > expiry:
		e.refuseTime(v, oauth.ClaimExpiry, "the signed request has expired", fmt.Sprint("at least ", now), fmt.Sprint(expiry))
	}
	nbf := r.ObjectClaim(oauth.ClaimNotBefore)
	begin := oauth.ClaimNumber(nbf)
	switch {
	case nbf == nil:
		e.refuseTime(v, oauth.ClaimNotBefore, "nbf is missing", "a time", "none")
		return
	case now < begin:
		e.refuseTime(v, oauth.ClaimNotBefore, "the signed request is not valid yet", fmt.Sprint("at most ", now), fmt.Sprint(begin))
	}
	if life := expiry - begin; exp != nil && life > e.AvailablePeriod {
		e.refuseTime(v, oauth.ClaimExpiry, "the signed request lives too long",
			fmt.Sprintf("at most %d seconds after nbf", e.AvailablePeriod), fmt.Sprintf("%d seconds", life))
	}
}

func (e *secureCIBASignedAuthnReq) refuseTime(v *pdp.Verdict, claim, description, expected, actual string) {
	e.refuse(v, objectClaimPointer+claim, pdp.Finding{
		Description: description, Expected: expected, Actual: actual, Spec: "FAPI-CIBA 5.2.2-9",
	})
}

// parties demands that the client addresses the issuer.
func (e *secureCIBASignedAuthnReq) parties(r *pdp.Request, v *pdp.Verdict) {
	if aud := r.ObjectClaim(oauth.ClaimAudience); !oauth.AudienceContains(aud, r.Issuer()) {
		e.refuse(v, objectClaimPointer+oauth.ClaimAudience, pdp.Finding{
			Description: "aud does not name the issuer", Expected: orNone(r.Issuer()), Actual: orNone(oauth.ClaimText(aud)), Spec: signedAuthnReqSpec,
		})
	}
	clientID, _ := r.Client().String(pdp.ClientID)
	if iss := r.ObjectClaim(oauth.ClaimIssuer); clientID == "" || oauth.ClaimText(iss) != clientID {
		e.refuse(v, objectClaimPointer+oauth.ClaimIssuer, pdp.Finding{
			Description: "iss is not the client id", Expected: orNone(clientID), Actual: orNone(oauth.ClaimText(iss)), Spec: signedAuthnReqSpec,
		})
	}
}

func (e *secureCIBASignedAuthnReq) refuse(v *pdp.Verdict, field string, f pdp.Finding) {
	f.Code, f.Field = oauth.InvalidRequest, field
	f.Remedy = "sign a fresh request with aud the issuer, iss the client id, nbf now, exp soon after, iat and jti"
	v.Reject(f)
}
