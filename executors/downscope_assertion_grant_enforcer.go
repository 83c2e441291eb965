package executors

import (
	"slices"

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
	held, ok := e.held(r)
	if !ok {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: "subject_token.scope", Description: "the claim scope is not a text",
			Expected: "a text", Spec: "RFC 8693 §4.2", Remedy: "use a token with a scope claim of words",
		})
		return nil
	}
	if asked, sent := r.Parameter(oauth.ParamScope); sent {
		e.compare(asked, held, v)
	}
	v.Oblige(&pb.Obligation{Obligation: &pb.Obligation_RestrictScopes{
		RestrictScopes: &pb.RestrictScopes{Scopes: union(held, r.ScopesNotInToken())},
	}})
	return nil
}

func (downscopeAssertionGrantEnforcer) held(r *pdp.Request) (scopes []string, ok bool) {
	claim := r.SubjectToken().Claim(oauth.ClaimScope)
	switch kind := claim.GetKind().(type) {
	case nil, *structpb.Value_NullValue:
		return nil, true
	case *structpb.Value_StringValue:
		return slices.Collect(oauth.Words(kind.StringValue)), true
	}
	return nil, false
}

func (downscopeAssertionGrantEnforcer) compare(asked string, held []string, v *pdp.Verdict) {
	for scope := range oauth.Words(asked) {
		if !slices.Contains(held, scope) {
			v.Reject(pdp.Finding{
				Code: oauth.InvalidScope, Field: oauth.ParamScope, Description: "a scope is asked for that the token lacks",
				Expected: "scopes of the presented token", Actual: scope, Spec: "RFC 8693 §2.1", Remedy: "ask for scopes of the presented token only",
			})
		}
	}
}

// union keeps the order and drops repetitions and empty words.
func union(a, b []string) []string {
	var all []string
	for _, list := range [][]string{a, b} {
		for _, s := range list {
			if s != "" && !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}
