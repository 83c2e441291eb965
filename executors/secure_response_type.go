package executors

import (
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "secure-response-type",
		Doc:    "Lets `code id_token` through, or `code` answered as a JWT.",
		Spec:   []string{"FAPI 1.0 Advanced 5.2.2-2", "FAPI 1.0 Advanced 5.2.2.1-4"},
		Events: pdp.On(pdp.Register, pdp.Update, pdp.AuthorizationRequest),
		Delta:  true,
		New:    pdp.Configure(newSecureResponseType),
	})
}

type secureResponseTypeConfig struct {
	// AutoConfigure makes ID tokens detached signatures instead of refusing.
	AutoConfigure bool `config:"auto-configure" default:"false" doc:"Make the client's ID token a detached signature instead of refusing a client without."`
	// AllowTokenResponseType lets code id_token token through.
	AllowTokenResponseType bool `config:"allow-token-response-type" default:"false" doc:"Let the response type code id_token token through."`
}

// secureResponseType holds the answer of the authorization endpoint to forms that
// the client can check (executors-request.md, secure-response-type).
type secureResponseType struct{ secureResponseTypeConfig }

func newSecureResponseType(c secureResponseTypeConfig) (pdp.Executor, error) {
	return &secureResponseType{c}, nil
}

// Execute judges the client on its writes, and the response type on requests.
func (e *secureResponseType) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if r.Event() == pdp.AuthorizationRequest {
		e.authorize(r, v)
	} else {
		e.configure(r, v)
	}
	return nil
}

func (e *secureResponseType) configure(r *pdp.Request, v *pdp.Verdict) {
	if e.AutoConfigure {
		v.SetAttribute(oauth.AttrIDTokenDetachedSignature, "true")
	}
	detached, _ := r.Client().Attribute(oauth.AttrIDTokenDetachedSignature)
	if !strings.EqualFold(detached, "true") {
		// FAPI 1.0 Advanced 5.2.2.1-4: the ID token is a detached signature.
		v.Reject(pdp.Finding{
			Code: oauth.InvalidClientMetadata, Field: pdp.AttributePointer(oauth.AttrIDTokenDetachedSignature),
			Description: "the ID token must be a detached signature", Expected: "true", Actual: orNone(detached),
			Spec: "FAPI 1.0 Advanced 5.2.2.1-4", Remedy: "set the attribute to true, or turn auto-configure on",
		})
	}
}

func (e *secureResponseType) authorize(r *pdp.Request, v *pdp.Verdict) {
	types, _ := r.Effective(oauth.ParamResponseType)
	// FAPI 1.0 Advanced 5.2.2-2: code id_token, or code with response_mode jwt.
	hybrid := oauth.HasWord(types, oauth.ResponseTypeCode) && oauth.HasWord(types, oauth.ResponseTypeIDToken)
	if hybrid && (e.AllowTokenResponseType || !oauth.HasWord(types, oauth.ResponseTypeToken)) {
		return
	}
	actual := orNone(types)
	if strings.TrimRight(types, " ") == oauth.ResponseTypeCode {
		mode, _ := r.Effective(oauth.ParamResponseMode)
		if strings.EqualFold(mode, oauth.ResponseModeJWT) {
			return
		}
		actual += " with response_mode=" + mode
	}
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: oauth.ParamResponseType, Description: "the response type is not allowed",
		Expected: e.allowed(), Actual: actual, Spec: "FAPI 1.0 Advanced 5.2.2-2",
		Remedy: "use response_type=code id_token, or response_type=code with response_mode=jwt",
	})
}

func (e *secureResponseType) allowed() string {
	if e.AllowTokenResponseType {
		return "code id_token, code id_token token, or code with response_mode=jwt"
	}
	return "code id_token, or code with response_mode=jwt"
}
