package executors

import (
	"regexp"
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/types/known/structpb"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "jwt-claim-enforcer",
		Doc:    "Demands a claim of the exchanged or asserted token, and a value that matches.",
		Spec:   []string{"RFC 8693 §2.1", "RFC 7523 §3"},
		Events: pdp.On(pdp.TokenExchangeRequest, pdp.JWTAuthorizationGrant),
		New:    pdp.Configure(newJWTClaimEnforcer),
	})
}

type jwtClaimEnforcerConfig struct {
	// ClaimName is the literal name of a top-level claim; without one everything is refused.
	ClaimName *string `config:"claim-name" doc:"Name of a top-level claim, taken literally; without one every token is refused."`
	// AllowedValue must match the whole value.
	AllowedValue string `config:"allowed-value" doc:"Regular expression (RE2) that the whole value must match; blank allows any value."`
}

// jwtClaimEnforcer judges one claim (executors-request.md, jwt-claim-enforcer).
type jwtClaimEnforcer struct {
	claim   *string
	allowed *regexp.Regexp
}

func newJWTClaimEnforcer(c jwtClaimEnforcerConfig) (pdp.Executor, error) {
	e := &jwtClaimEnforcer{claim: c.ClaimName}
	if strings.TrimSpace(c.AllowedValue) == "" {
		return e, nil
	}
	allowed, err := regexp.Compile(`^(?:` + c.AllowedValue + `)$`)
	if err != nil {
		return nil, pdp.KeyError("allowed-value", "no regular expression of RE2 (look-around and back-references are not known): %s", err)
	}
	e.allowed = allowed
	return e, nil
}

// Execute judges the claim.
func (e *jwtClaimEnforcer) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if !subjectTokenUsable(r, v) {
		return nil
	}
	if e.claim == nil {
		e.refuse(v, "", "no claim-name is configured, so that no token is allowed", "a configured claim")
		return nil
	}
	value := r.SubjectToken().Claim(*e.claim)
	if _, null := value.GetKind().(*structpb.Value_NullValue); value == nil || null {
		e.refuse(v, *e.claim, "the claim is missing", "the claim "+*e.claim)
		return nil
	}
	if e.allowed != nil && !e.matches(value) {
		e.refuse(v, *e.claim, "the value of the claim is not allowed", e.allowed.String())
	}
	return nil
}

// matches takes texts and numbers; other values never match.
func (e *jwtClaimEnforcer) matches(value *structpb.Value) bool {
	switch value.GetKind().(type) {
	case *structpb.Value_StringValue, *structpb.Value_NumberValue:
		return e.allowed.MatchString(oauth.ClaimText(value))
	}
	return false
}

// refuse does not tell the value: it is the subject's.
func (e *jwtClaimEnforcer) refuse(v *pdp.Verdict, claim, description, expected string) {
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: "subject_token." + claim, Description: description, Expected: expected,
		Spec: "RFC 8693 §2.1", Remedy: "use a token whose claim has an allowed value",
	})
}
