package catalog_test

import (
	"strings"
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/pdptest"
	recorded "github.com/sidegate/sidegate/pdp/pdptest/testdata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// FuzzProviders walks the registry with any configuration, event and facts: no
// provider panics, and what could not be decided is never allowed. Seeds are the
// recorded cases.
func FuzzProviders(f *testing.F) {
	registry, err := catalog.Registry()
	if err != nil {
		f.Fatal(err)
	}
	compiler, err := catalog.Compiler("")
	if err != nil {
		f.Fatal(err)
	}
	conditions, executors := registry.ConditionIDs(), registry.ExecutorIDs()
	seed(f, conditions, executors)
	f.Fuzz(func(t *testing.T, condition, executor uint8, conditionConfig, executorConfig, request string, keycloak bool) {
		set, ok := drawn(conditions[int(condition)%len(conditions)], executors[int(executor)%len(executors)], conditionConfig, executorConfig)
		req := &pb.EvaluateRequest{}
		if !ok || protojson.Unmarshal([]byte(request), req) != nil || pdp.CheckInput(req, pdp.DefaultLimits()) != nil {
			return
		}
		settings := &pb.RealmSettings{}
		if keycloak {
			settings.Compatibility = pb.RealmSettings_COMPATIBILITY_KEYCLOAK.Enum()
		}
		realm, errs := compiler.Compile(set, settings)
		if len(errs) > 0 {
			return
		}
		resp := &pb.EvaluateResponse{}
		if realm.Evaluate(req, pdp.Env{Now: now}, resp) == nil {
			sound(t, resp)
		}
	})
}

func sound(t *testing.T, resp *pb.EvaluateResponse) {
	t.Helper()
	for _, finding := range resp.Findings {
		if strings.Contains(finding.Description, "panicked") {
			t.Errorf("a provider panicked: %v", finding)
		}
		if finding.Enforced && resp.Decision != pb.EvaluateResponse_DECISION_REJECT {
			t.Errorf("got %v with the finding %v", resp.Decision, finding)
		}
	}
	if resp.Decision == pb.EvaluateResponse_DECISION_REJECT && (len(resp.Mutations) > 0 || len(resp.Obligations) > 0) {
		t.Errorf("a rejection carries mutations or obligations: %v", resp)
	}
	if resp.Decision == 0 || resp.Reason == 0 {
		t.Errorf("no decision or reason: %v", resp)
	}
}

func drawn(condition, executor, conditionConfig, executorConfig string) (*pb.PolicySet, bool) {
	c, x := &structpb.Struct{}, &structpb.Struct{}
	if protojson.Unmarshal([]byte(conditionConfig), c) != nil || protojson.Unmarshal([]byte(executorConfig), x) != nil {
		return nil, false
	}
	return &pb.PolicySet{
		Profiles: []*pb.Profile{{Name: "p", Executors: []*pb.ProfileExecutor{{Executor: executor, Configuration: x}}}},
		Policies: []*pb.Policy{
			{Name: "a", Enabled: proto.Bool(true), Profiles: []string{"p"}, Conditions: []*pb.PolicyCondition{{Condition: condition, Configuration: c}}},
			{Name: "b", Enabled: proto.Bool(true), Profiles: []string{"p"}, Conditions: []*pb.PolicyCondition{{Condition: "any-client"}}},
		},
	}, true
}

func seed(f *testing.F, conditions, executors []string) {
	f.Helper()
	for _, kind := range []string{"conditions", "executors"} {
		files, err := pdptest.Load(recorded.FS(), kind, now)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			for i := 0; i < len(file.Cases); i += 7 {
				seedCase(f, conditions, executors, file.Cases[i])
			}
		}
	}
}

func seedCase(f *testing.F, conditions, executors []string, c *pdptest.Case) {
	f.Helper()
	if len(c.Set.Profiles) == 0 || len(c.Set.Profiles[0].Executors) == 0 {
		return
	}
	condition, executor := c.Set.Policies[0].Conditions[0], c.Set.Profiles[0].Executors[0]
	f.Add(position(conditions, condition.Condition), position(executors, executor.Executor),
		text(condition.Configuration), text(executor.Configuration), string(c.RequestJSON), underKeycloak(c))
}

func position(ids []string, id string) uint8 {
	for i := range ids {
		if ids[i] == id {
			return uint8(i)
		}
	}
	return 0
}

func text(s *structpb.Struct) string {
	if s == nil {
		return "{}"
	}
	return protojson.Format(s)
}

func underKeycloak(c *pdptest.Case) bool {
	return c.Compatibility == pb.RealmSettings_COMPATIBILITY_KEYCLOAK
}
