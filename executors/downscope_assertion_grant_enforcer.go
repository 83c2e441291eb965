package executors

import (
	"slices"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/types/known/structpb"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "downscope-assertion-grant-enforcer",
		Doc:    "Gives the new token no scope that the presented one lacks.",
		Spec:   []string{"RFC 8693 §2.1", "RFC 7523 §2.1"},
		Events: pdp.On(pdp.TokenExchangeRequest, pdp.JWTAuthorizationGrant),
		New:    pdp.Configure(newDownscopeAssertionGrantEnforcer),
	})
}

// downscopeAssertionGrantEnforcer restricts the scopes to those of the presented
// token (executors-request.md, downscope-assertion-grant-enforcer).
type downscopeAssertionGrantEnforcer struct{}

func newDownscopeAssertionGrantEnforcer(pdp.NoConfig) (pdp.Executor, error) {
	return downscopeAssertionGrantEnforcer{}, nil
}

// Execute compares the scopes asked for with those of the token.
func (e downscopeAssertionGrantEnforcer) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if !subjectTokenUsable(r, v) {
		return nil
	}
	held, ok := e.held(r, v)
	if !ok || !e.within(r, v, held) {
		return nil
	}
	v.Oblige(&pb.Obligation{Obligation: &pb.Obligation_RestrictScopes{
		RestrictScopes: &pb.RestrictScopes{Scopes: union(held, r.ScopesNotInToken())},
	}})
	return nil
}

// held returns the scopes of the token; one without the claim has none.
func (downscopeAssertionGrantEnforcer) held(r *pdp.Request, v *pdp.Verdict) (scopes []string, ok bool) {
	claim := r.SubjectToken().Claim(oauth.ClaimScope)
	switch kind := claim.GetKind().(type) {
	case nil, *structpb.Value_NullValue:
		return nil, true
	case *structpb.Value_StringValue:
		return slices.Collect(oauth.Words(kind.StringValue)), true
	}
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: subjectClaimPointer(oauth.ClaimScope), Description: "the claim scope of the token is no text",
		Expected: "scopes with single spaces between", Actual: "another JSON value", Spec: "RFC 8693 §4.2",
		Remedy: "have the token issued with its scopes in one text",
	})
	return nil, false
}

// within refuses each scope asked for that the token lacks. An empty parameter
// asks for the empty scope.
func (downscopeAssertionGrantEnforcer) within(r *pdp.Request, v *pdp.Verdict, held []string) bool {
	if !r.HasParameter(oauth.ParamScope) {
		return true
	}
	refused := false
	for scope := range oauth.Words(r.ParameterValue(oauth.ParamScope)) {
		if slices.Contains(held, scope) {
			continue
		}
		refused = true
		v.Reject(pdp.Finding{
			Code: oauth.InvalidScope, Field: oauth.ParamScope, Description: "a scope is asked for that the token lacks",
			Expected: orNone(strings.Join(held, " ")), Actual: orEmpty(scope), Spec: subjectTokenSpec(r),
			Remedy: "ask for scopes of the token only, or leave the parameter out",
		})
	}
	return !refused
}

// orEmpty tells an empty value.
func orEmpty(value string) string {
	if value == "" {
		return "an empty text"
	}
	return value
}

// union keeps the order and drops repetitions and empty words.
func union(a, b []string) []string {
	all := make([]string, 0, len(a)+len(b))
	for _, list := range [...][]string{a, b} {
		for _, s := range list {
			if s != "" && !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}
