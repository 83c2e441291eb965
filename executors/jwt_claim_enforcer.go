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
	text    string // the expression as configured
	allowed *regexp.Regexp
}

func newJWTClaimEnforcer(c jwtClaimEnforcerConfig) (pdp.Executor, error) {
	e := &jwtClaimEnforcer{claim: c.ClaimName, text: c.AllowedValue}
	if strings.TrimSpace(c.AllowedValue) == "" {
		return e, nil
	}
	patterns, err := compileWholeLines("allowed-value", []string{c.AllowedValue})
	if err != nil {
		return nil, err
	}
	e.allowed = patterns[0]
	return e, nil
}

// Execute judges the claim.
func (e *jwtClaimEnforcer) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if !subjectTokenUsable(r, v) {
		return nil
	}
	if e.claim == nil {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: "/configuration/claim-name", Description: "the executor names no claim, so no token is allowed",
			Expected: "the name of a claim", Actual: "none", Spec: subjectTokenSpec(r), Remedy: "set claim-name in the profile",
		})
		return nil
	}
	value := r.SubjectToken().Claim(*e.claim)
	if _, null := value.GetKind().(*structpb.Value_NullValue); value == nil || null {
		e.refuse(r, v, "the token lacks the claim", "the claim "+*e.claim, "none")
		return nil
	}
	if e.allowed != nil {
		e.match(r, v, value)
	}
	return nil
}

// match takes texts and numbers; other values never match. The value is the
// subject's and not told.
func (e *jwtClaimEnforcer) match(r *pdp.Request, v *pdp.Verdict, value *structpb.Value) {
	switch value.GetKind().(type) {
	case *structpb.Value_StringValue, *structpb.Value_NumberValue:
		if !e.allowed.MatchString(oauth.ClaimText(value)) {
			e.refuse(r, v, "the value of the claim is not allowed", e.text, "another value")
		}
	default:
		e.refuse(r, v, "the claim is neither a text nor a number", e.text, "another JSON value")
	}
}

func (e *jwtClaimEnforcer) refuse(r *pdp.Request, v *pdp.Verdict, description, expected, actual string) {
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: subjectClaimPointer(*e.claim), Description: description, Expected: expected, Actual: actual,
		Spec: subjectTokenSpec(r), Remedy: "use a token whose claim has an allowed value, or extend allowed-value",
	})
}
