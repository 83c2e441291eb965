package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

// What the executors on exchanged and asserted tokens share.

const subjectTokenPointer = "/subjectToken"

// subjectClaimPointer returns the JSON pointer of a claim of the subject token.
func subjectClaimPointer(claim string) string {
	return subjectTokenPointer + "/claims/" + pdp.EscapePointer(claim)
}

// subjectTokenUsable refuses an exchange of anything but an access token, and a
// token that cannot be read (executors-request.md, fact 6).
func subjectTokenUsable(r *pdp.Request, v *pdp.Verdict) bool {
	if r.Event() == pdp.TokenExchangeRequest {
		if kind := r.ParameterValue(oauth.ParamSubjectTokenType); kind != oauth.TokenTypeAccessToken {
			v.Reject(pdp.Finding{
				Code: oauth.InvalidRequest, Field: oauth.ParamSubjectTokenType, Description: "only access tokens can be exchanged",
				Expected: oauth.TokenTypeAccessToken, Actual: orNone(kind), Spec: "RFC 8693 §3", Remedy: "exchange an access token",
			})
			return false
		}
	}
	if !r.SubjectToken().Readable() {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: subjectTokenPointer, Description: "the token cannot be read",
			Expected: "a JWT", Actual: "no JWT that can be decoded", Spec: subjectTokenSpec(r), Remedy: "send a signed JWT",
		})
		return false
	}
	return true
}

// subjectTokenSpec is the clause on the token of an exchange or an assertion.
func subjectTokenSpec(r *pdp.Request) string {
	if r.Event() == pdp.JWTAuthorizationGrant {
		return "RFC 7523 §3"
	}
	return "RFC 8693 §2.1"
}
