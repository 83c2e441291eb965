package executors

import (
	"slices"
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "oid4vci-policy-executor",
		Doc:    "Refuses authorization requests for credentials that were not offered.",
		Spec:   []string{oid4VCIPolicySpec},
		Events: pdp.On(pdp.AuthorizationRequest),
		New:    pdp.Configure(newOID4VCIPolicyExecutor),
	})
}

// oid4VCIPolicyExecutor demands an offer for every credential that is asked for
// (executors-client.md, oid4vci-policy-executor). Which credentials a scope means,
// and what was offered, the identity provider tells.
type oid4VCIPolicyExecutor struct{}

func newOID4VCIPolicyExecutor(pdp.NoConfig) (pdp.Executor, error) {
	return oid4VCIPolicyExecutor{}, nil
}

const oid4VCIPolicySpec = "OpenID4VCI §5.1.3"

// Execute compares what is asked for with what was offered.
func (oid4VCIPolicyExecutor) Execute(r *pdp.Request, v *pdp.Verdict) error {
	offer := r.CredentialOffer()
	if offer == nil && asksOptionalScope(r) {
		r.RequireFact("/credentialOffer")
		return nil
	}
	offered := offer.GetOfferedConfigurationIds()
	for _, id := range offer.GetRequestedConfigurationIds() {
		if slices.Contains(offered, id) {
			continue
		}
		// OpenID4VCI §5.1.3: issuer_state binds the request to the offer. The code is
		// Keycloak's own; RFC 6749 §4.1.2.1 has none that fits.
		v.Reject(pdp.Finding{
			Code: oauth.NotAllowed, Field: oauth.ParamScope, Description: "the credential was not offered",
			Expected: orNone(strings.Join(offered, " ")), Actual: id, Spec: oid4VCIPolicySpec,
			Remedy: "ask only for credentials of the offer, and send its issuer_state",
		})
	}
	return nil
}

// asksOptionalScope reports whether the request may be for credentials: their
// scopes are optional ones of the client.
func asksOptionalScope(r *pdp.Request) bool {
	requested, _ := r.Effective(oauth.ParamScope)
	if requested == "" {
		return false
	}
	for optional := range r.OptionalClientScopes {
		for name := range strings.FieldsSeq(requested) {
			if name == optional {
				return true
			}
		}
	}
	return false
}
