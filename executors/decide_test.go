package executors_test

import (
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// The settings of a realm; vectors choose them in the same way.
var (
	safe     = &pb.RealmSettings{Compatibility: pb.RealmSettings_COMPATIBILITY_SAFE.Enum()}     //nolint:forbidigo // no provider
	keycloak = &pb.RealmSettings{Compatibility: pb.RealmSettings_COMPATIBILITY_KEYCLOAK.Enum()} //nolint:forbidigo // no provider
)

// realmOf compiles a policy for everything, with one executor.
func realmOf(t *testing.T, settings *pb.RealmSettings, executor string, config map[string]any) *pdp.Realm {
	t.Helper()
	configuration, err := structpb.NewStruct(config)
	if err != nil {
		t.Fatal(err)
	}
	compiler, err := catalog.Compiler("none")
	if err != nil {
		t.Fatal(err)
	}
	realm, problems := compiler.Compile(&pb.PolicySet{
		Profiles: []*pb.Profile{{
			Name: "p", Executors: []*pb.ProfileExecutor{{Executor: executor, Configuration: configuration}},
		}},
		Policies: []*pb.Policy{{
			Name: "all", Enabled: proto.Bool(true), Profiles: []string{"p"},
			Conditions: []*pb.PolicyCondition{{Condition: "any-client"}},
		}},
	}, settings)
	if err := pdp.JoinErrors(problems); err != nil {
		t.Fatal(err)
	}
	return realm
}

func decide(t *testing.T, realm *pdp.Realm, env pdp.Env, req *pb.EvaluateRequest) *pb.EvaluateResponse {
	t.Helper()
	env.Now = now
	resp := &pb.EvaluateResponse{}
	if err := realm.Evaluate(req, env, resp); err != nil {
		t.Fatal(err)
	}
	return resp
}

// soleObligation returns the one obligation of an answer that allows, without the
// names of who asks for it.
func soleObligation(t *testing.T, resp *pb.EvaluateResponse) *pb.Obligation {
	t.Helper()
	if resp.Decision != pb.EvaluateResponse_DECISION_ALLOW || len(resp.Obligations) != 1 {
		t.Fatalf("got %s with %d obligations, want an ALLOW with one: %v", resp.Decision, len(resp.Obligations), resp.Error)
	}
	o := resp.Obligations[0]
	if o.Policy != "all" || o.Profile != "p" || o.Executor == "" {
		t.Errorf("obligation of %q, %q, %q, want that of the executor of p in all", o.Policy, o.Profile, o.Executor)
	}
	o.Policy, o.Profile, o.Executor = "", "", ""
	return o
}
