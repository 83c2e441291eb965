package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

// What the executors on exchanged and asserted tokens share.

// subjectTokenUsable refuses an exchange of anything but an access token, and a
// token that cannot be read (executors-request.md, fact 6).
func subjectTokenUsable(r *pdp.Request, v *pdp.Verdict) bool {
	if r.Event() == pdp.TokenExchangeRequest {
		if kind, _ := r.Parameter(oauth.ParamSubjectTokenType); kind != oauth.TokenTypeAccessToken {
			v.Reject(pdp.Finding{
				Code: oauth.InvalidRequest, Field: oauth.ParamSubjectTokenType, Description: "only access tokens can be exchanged",
				Expected: oauth.TokenTypeAccessToken, Actual: orNone(kind), Spec: "RFC 8693 §3", Remedy: "exchange an access token",
			})
			return false
		}
	}
	if !r.SubjectToken().Readable() {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: oauth.ParamSubjectToken, Description: "the token cannot be read",
			Expected: "a JWT of this issuer or an assertion", Spec: "RFC 8693 §2.1", Remedy: "send a JWT that can be decoded",
		})
		return false
	}
	return true
}
