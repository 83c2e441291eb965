package executors_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"
)

// TestAuthenticationFlow checks what stands in the obligation; vectors name it only.
func TestAuthenticationFlow(t *testing.T) {
	const alias, loa = "auth-flow-alias", "auth-flow-loa"
	type config = map[string]any
	for _, c := range []struct {
		name    string
		configs []config
		want    *pb.AuthenticationFlow
	}{
		{"flow alone", []config{{alias: "a"}}, &pb.AuthenticationFlow{Alias: "a"}},
		{"flow and level", []config{{alias: "a", loa: 2}}, &pb.AuthenticationFlow{Alias: "a", Loa: proto.Int32(2)}},
		{"level zero is a level", []config{{alias: "a", loa: 0}}, &pb.AuthenticationFlow{Alias: "a", Loa: proto.Int32(0)}},
		{"level of the form is no default", []config{{alias: "a", loa: ""}}, &pb.AuthenticationFlow{Alias: "a"}},
		{"level as a text", []config{{alias: "a", loa: " 3 "}}, &pb.AuthenticationFlow{Alias: "a", Loa: proto.Int32(3)}},
		{"fraction of a level is cut", []config{{alias: "a", loa: 1.9}}, &pb.AuthenticationFlow{Alias: "a", Loa: proto.Int32(1)}},
		{"flow named by a number", []config{{alias: 7}}, &pb.AuthenticationFlow{Alias: "7"}},
		{"the last flow wins, an earlier level stays", []config{{alias: "a", loa: 2}, {alias: "b"}},
			&pb.AuthenticationFlow{Alias: "b", Loa: proto.Int32(2)}},
		{"the last level wins", []config{{alias: "a", loa: 2}, {alias: "b", loa: 1}},
			&pb.AuthenticationFlow{Alias: "b", Loa: proto.Int32(1)}},
		{"a level alone changes nothing", []config{{alias: "a", loa: 2}, {loa: 5}},
			&pb.AuthenticationFlow{Alias: "a", Loa: proto.Int32(2)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			realm := flowRealm(t, c.configs)
			// Twice: what one answer does to its obligation must not reach the next.
			for range 2 {
				if diff := cmp.Diff(c.want, flowOf(t, realm), protocmp.Transform()); diff != "" {
					t.Errorf("authentication flow (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// flowRealm compiles a policy for everything, with one executor for each configuration.
func flowRealm(t *testing.T, configs []map[string]any) *pdp.Realm {
	t.Helper()
	profile := &pb.Profile{Name: "p"}
	for _, config := range configs {
		s, err := structpb.NewStruct(config)
		if err != nil {
			t.Fatal(err)
		}
		profile.Executors = append(profile.Executors, &pb.ProfileExecutor{Executor: "auth-flow-enforcer", Configuration: s})
	}
	compiler, err := catalog.Compiler("none")
	if err != nil {
		t.Fatal(err)
	}
	realm, problems := compiler.Compile(&pb.PolicySet{
		Profiles: []*pb.Profile{profile},
		Policies: []*pb.Policy{{
			Name: "all", Enabled: proto.Bool(true), Profiles: []string{"p"},
			Conditions: []*pb.PolicyCondition{{Condition: "any-client"}},
		}},
	}, nil)
	if err := pdp.JoinErrors(problems); err != nil {
		t.Fatal(err)
	}
	return realm
}

// flowOf returns the flow of the one obligation that an authorization request gets.
func flowOf(t *testing.T, realm *pdp.Realm) *pb.AuthenticationFlow {
	t.Helper()
	resp := &pb.EvaluateResponse{}
	req := &pb.EvaluateRequest{Event: pdp.AuthorizationRequest, Client: &pb.Client{}, Request: &pb.OAuthRequest{}}
	if err := realm.Evaluate(req, pdp.Env{Now: now}, resp); err != nil {
		t.Fatal(err)
	}
	if len(resp.Obligations) != 1 {
		t.Fatalf("got %d obligations, want one", len(resp.Obligations))
	}
	return resp.Obligations[0].GetAuthenticationFlow()
}
