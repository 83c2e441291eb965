package executors

import (
	"slices"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "secure-par-content",
		Doc:    "Demands pushed authorization requests, with nothing besides what was pushed.",
		Spec:   []string{"RFC 9126", "FAPI 2.0 SP 5.3.2.2-2"},
		Events: pdp.On(pdp.PushedAuthorizationRequest, pdp.PreAuthorizationRequest),
		New:    pdp.Configure(newSecurePARContent),
	})
}

// securePARContent takes authorization requests through PAR alone
// (executors-request.md, secure-par-content).
type securePARContent struct{}

func newSecurePARContent(pdp.NoConfig) (pdp.Executor, error) { return securePARContent{}, nil }

const securePARContentSpec = "FAPI 2.0 SP 5.3.2.2-2"

// Execute judges the pushed request, and the query that refers to it.
func (e securePARContent) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if r.Event() == pdp.PushedAuthorizationRequest {
		e.push(r, v)
	} else {
		e.refer(r, v)
	}
	return nil
}

func (securePARContent) push(r *pdp.Request, v *pdp.Verdict) {
	// FAPI 2.0 SP 5.3.2.2-6: redirect_uri is required in pushed requests.
	if !r.HasEffective(oauth.ParamRedirectURI) {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: oauth.ParamRedirectURI, Description: "redirect_uri is missing from the pushed request",
			Expected: "a registered redirect URI", Actual: "none", Spec: "FAPI 2.0 SP 5.3.2.2-6", Remedy: "push redirect_uri",
		})
	}
}

func (e securePARContent) refer(r *pdp.Request, v *pdp.Verdict) {
	uri, _ := r.Parameter(oauth.ParamRequestURI)
	withheld := r.Withheld(oauth.ParamRequestURI)
	switch {
	case withheld && !r.PushedObject():
		// It came, and nothing can be said about it.
		r.RequireFact("/request/parameters/" + oauth.ParamRequestURI)
	// RFC 9126 §4: the client refers to the pushed request by request_uri.
	case !withheld && !oauth.IsPushedRequestURI(uri):
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: oauth.ParamRequestURI, Description: "authorization requests must be pushed",
			Expected: oauth.PushedRequestURIPrefix + "…", Actual: orNone(withoutUserinfo(uri)), Spec: securePARContentSpec,
			Remedy: "push the request first and send the request_uri of the answer",
		})
	// The reference itself is not told: whoever holds it may use what was pushed.
	case !r.PushedRequestFound():
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequestURI, Field: oauth.ParamRequestURI, Description: "request_uri names no pushed request",
			Expected: "the request_uri of a pushed request", Actual: "another", Spec: "RFC 9126 §4", Remedy: "push the request again",
		})
	default:
		e.compare(r, v)
	}
}

// compare refuses every parameter of the query that was not pushed; the values do
// not matter, the pushed ones win. On an object that cannot be read Keycloak crashes.
func (securePARContent) compare(r *pdp.Request, v *pdp.Verdict) {
	pushed := r.PushedObject()
	if pushed && !readablePushedObject(r) {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequestObject, Field: oauth.ParamRequest, Description: "the pushed request object cannot be read",
			Expected: "a signed JWT with claims", Actual: "something else", Spec: "RFC 9101 §6", Remedy: "push the request again",
		})
		return
	}
	var strange []string
	for name := range r.ParameterNames {
		if name != oauth.ParamRequestURI && !r.HasPushedParameter(name) && (!pushed || r.ObjectClaim(name) == nil) {
			strange = append(strange, name)
		}
	}
	slices.Sort(strange)
	for _, name := range slices.Compact(strange) {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequestObject, Field: name, Description: "the parameter was not pushed",
			Expected: "a parameter of the pushed request", Actual: name, Spec: securePARContentSpec,
			Remedy: "push " + name + ", or leave it out of the query",
		})
	}
}

// readablePushedObject reports whether the pushed object is a JWT with claims; one
// of which nothing was sent is none.
func readablePushedObject(r *pdp.Request) bool {
	_, readable := r.RequestObject()
	return readable && len(r.ObjectClaims()) > 0
}
