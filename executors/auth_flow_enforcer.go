package executors

import (
	"math"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/proto"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "auth-flow-enforcer",
		Doc:    "Chooses the authentication flow of a browser login.",
		Spec:   []string{"FAPI 1.0 Baseline 5.2.2-11"},
		Events: pdp.On(pdp.AuthorizationRequest),
		New:    pdp.Configure(newAuthFlowEnforcer),
	})
}

type authFlowEnforcerConfig struct {
	// Alias names the flow; nil chooses none.
	Alias *string `config:"auth-flow-alias" doc:"Alias of the authentication flow; without one the executor does nothing."`
	// LoA is the level reached when the flow completes; nil leaves it as it is.
	LoA *int64 `config:"auth-flow-loa" form:"1" doc:"Level of authentication that counts as reached when the flow completes."`
}

// authFlowEnforcer asks for an authentication flow in place of the client's and the
// realm's (executors-client.md, auth-flow-enforcer). Of several the last one wins;
// an earlier level stays unless a later one brings its own. Which flows there are
// only the identity provider knows: it must refuse an alias that it does not find.
type authFlowEnforcer struct {
	alias *string
	loa   *int32
}

func newAuthFlowEnforcer(c authFlowEnforcerConfig) (pdp.Executor, error) {
	// Keycloak takes it and fails each login (executors-client.md Δ6).
	if c.Alias != nil && *c.Alias == "" {
		return nil, pdp.KeyError("auth-flow-alias", "is empty and would fail every login; name a flow, or leave the key out")
	}
	e := &authFlowEnforcer{alias: c.Alias}
	if c.LoA == nil {
		return e, nil
	}
	if *c.LoA < math.MinInt32 || *c.LoA > math.MaxInt32 {
		return nil, pdp.KeyError("auth-flow-loa", "expected a whole number of 32 bits, got %d", *c.LoA)
	}
	e.loa = proto.Int32(int32(*c.LoA))
	return e, nil
}

// Execute asks for the flow. It never refuses.
func (e *authFlowEnforcer) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if e.alias == nil {
		r.Because("no flow is configured")
		return nil
	}
	flow := &pb.AuthenticationFlow{Alias: *e.alias}
	if e.loa != nil {
		flow.Loa = proto.Int32(*e.loa)
	}
	v.Oblige(&pb.Obligation{Obligation: &pb.Obligation_AuthenticationFlow{AuthenticationFlow: flow}})
	return nil
}
