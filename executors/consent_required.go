package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "consent-required",
		Doc:    "Demands that users are asked for consent to what the client gets.",
		Spec:   []string{"FAPI 1.0 Baseline 5.2.2-12", "FAPI 2.0 SP 5.3.2.2-13"},
		Events: pdp.On(pdp.Register, pdp.Update),
		New:    pdp.Configure(newConsentRequired),
	})
}

type consentRequiredConfig struct {
	// AutoConfigure switches consent on instead of refusing a client without it.
	AutoConfigure bool `config:"auto-configure" default:"true" doc:"Switch consent on instead of refusing a client without it."`
}

// consentRequired demands `consentRequired` of every client that is written
// (executors-client.md, consent-required).
type consentRequired struct{ consentRequiredConfig }

func newConsentRequired(c consentRequiredConfig) (pdp.Executor, error) {
	return &consentRequired{c}, nil
}

// Execute switches consent on, or refuses a client without it.
func (e *consentRequired) Execute(r *pdp.Request, v *pdp.Verdict) error {
	asks, said := r.Client().Bool(pdp.ConsentRequired)
	switch {
	case asks:
		r.Because("the client asks users for consent")
	case e.AutoConfigure:
		v.SetBool(pdp.ConsentRequired, true)
	default:
		// FAPI 2.0 SP 5.3.2.2-13: consent of the user to what is asked for.
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRegistration, Field: pdp.ConsentRequired.Pointer(),
			Description: "the client must ask users for consent", Expected: "true", Actual: actualBool(asks, said),
			Spec: "FAPI 2.0 SP 5.3.2.2-13", Remedy: "set consentRequired to true, or turn auto-configure on",
		})
	}
	return nil
}
