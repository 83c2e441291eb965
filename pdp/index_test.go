package pdp_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"
)

// conditionPool mixes conditions that are indexed, not indexed, negated and able
// to end in a fault.
var conditionPool = []string{
	`{"condition":"any-client"}`,
	`{"condition":"client-roles","configuration":{"roles":["a"]}}`,
	`{"condition":"client-roles","configuration":{"roles":["b","c"]}}`,
	`{"condition":"client-roles","configuration":{"roles":[]}}`,
	`{"condition":"client-roles","configuration":{"roles":["a"],"is-negative-logic":true}}`,
	`{"condition":"client-attributes","configuration":{"attributes":"[{\"key\":\"k\",\"value\":\"v\"}]"}}`,
	`{"condition":"client-attributes","configuration":{"attributes":"[{\"key\":\"k\",\"value\":\"v\"},{\"key\":\"l\",\"value\":\"w\"}]"}}`,
	`{"condition":"client-attributes","configuration":{"attributes":"[]"}}`,
	`{"condition":"grant-type","configuration":{"grant_types":["authorization_code","password"]}}`,
	`{"condition":"grant-type","configuration":{"grant_types":["refresh_token"],"is-negative-logic":true}}`,
	`{"condition":"client-access-type","configuration":{"type":["public"]}}`,
	`{"condition":"client-updater-source-groups","configuration":{"groups":["g"]}}`,
}

var eventPool = []pb.Event{
	pdp.Register, pdp.Update, pdp.Updated, pdp.View, pdp.PreAuthorizationRequest, pdp.AuthorizationRequest, pdp.TokenRefresh,
	pdp.DeviceTokenRequest, pdp.ImplicitHybridTokenResponse, pdp.ResourceOwnerPasswordCredentialsRequest,
}

// The index leaves out only policies that could neither apply nor end in a fault:
// explaining asks every policy in order and comes to the same answer.
func TestIndexChangesNothing(t *testing.T) {
	c := compiler(t)
	rapid.Check(t, func(t *rapid.T) {
		realm, errs := c.Compile(drawSet(t), &pb.RealmSettings{OmittedFacts: rapid.SampledFrom([][]string{nil, nil, {"/client/clientRoles"}}).Draw(t, "omitted")})
		if len(errs) > 0 {
			t.Fatal(pdp.JoinErrors(errs))
		}
		req := drawRequest(t)
		indexed, linear := &pb.EvaluateResponse{}, &pb.EvaluateResponse{}
		if err := realm.Evaluate(req, pdp.Env{Now: now}, indexed); err != nil {
			t.Fatal(err)
		}
		req.Options = &pb.EvaluateOptions{Explain: true}
		if err := realm.Evaluate(req, pdp.Env{Now: now}, linear); err != nil {
			t.Fatal(err)
		}
		linear.Trace = nil
		if diff := cmp.Diff(linear, indexed, protocmp.Transform()); diff != "" {
			t.Fatalf("answers differ (-linear +indexed):\n%s", diff)
		}
	})
}

func drawSet(t *rapid.T) *pb.PolicySet {
	set := rejectAll()
	set.Policies = nil
	for i := range rapid.IntRange(0, 70).Draw(t, "policies") {
		p := &pb.Policy{Name: fmt.Sprint("p", i), Enabled: proto.Bool(rapid.IntRange(0, 9).Draw(t, "enabled") > 0), Profiles: []string{"reject"}}
		for _, text := range rapid.SliceOfN(rapid.SampledFrom(conditionPool), 0, 3).Draw(t, "conditions") {
			condition := &pb.PolicyCondition{}
			if err := protojson.Unmarshal([]byte(text), condition); err != nil {
				t.Fatal(err)
			}
			p.Conditions = append(p.Conditions, condition)
		}
		if rapid.Bool().Draw(t, "strict") {
			p.Mode = proto.String("STRICT")
		}
		p.Events = rapid.SampledFrom([][]pb.Event{nil, nil, {pdp.View}, {pdp.Update, pdp.TokenRefresh}}).Draw(t, "events")
		set.Policies = append(set.Policies, p)
	}
	return set
}

func drawRequest(t *rapid.T) *pb.EvaluateRequest {
	req := requestFor(rapid.SampledFrom(eventPool).Draw(t, "event"))
	req.Client.ClientRoles = rapid.SampledFrom([][]string{nil, {"a"}, {"b", "a"}, {"x"}}).Draw(t, "roles")
	req.Client.Attributes = rapid.SampledFrom([]map[string]string{nil, {"k": "v"}, {"k": "v", "l": "w"}, {"k": "x"}}).Draw(t, "attributes")
	req.Client.PublicClient = proto.Bool(rapid.Bool().Draw(t, "public"))
	req.Request.Parameters = rapid.SampledFrom([]map[string]string{nil, {"response_type": "code"}, {"response_type": "id_token"}}).Draw(t, "parameters")
	req.Actor = rapid.SampledFrom([]*pb.Actor{nil, {Groups: []string{"/g"}}, {}}).Draw(t, "actor")
	req.Omitted = rapid.SampledFrom([][]string{nil, nil, {"/client/attributes"}, {"/actor"}}).Draw(t, "request omits")
	return req
}
