package catalog_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"
	"pgregory.net/rapid"
)

// updateConfigurations are configurations of every executor that acts on UPDATE,
// besides those of the built-in profiles. TestUpdateProvidersAreCovered demands one
// of each.
var updateConfigurations = map[string][]string{
	"client-id-metadata-document": {
		`{"cimd-allow-permitted-domains":["*.example"],"cimd-required-properties":["logo_uri"]}`,
		`{"cimd-allow-permitted-domains":["*.example"],"only-allow-confidential-client":true}`,
	},
	"consent-required":                            {`{}`, `{"auto-configure":false}`},
	"dpop-bind-enforcer":                          {`{}`, `{"auto-configure":true,"allow-only-refresh-token-binding":true}`},
	"full-scope-disabled":                         {`{}`, `{"auto-configure":false}`},
	"holder-of-key-enforcer":                      {`{}`, `{"auto-configure":true}`},
	"pkce-enforcer":                               {`{}`, `{"auto-configure":true}`},
	"registration-access-token-rotation-disabled": {`{}`},
	"reject-implicit-grant":                       {`{}`, `{"auto-configure":true}`},
	"reject-request":                              {`{}`},
	"reject-ropc-grant":                           {`{}`, `{"auto-configure":true}`},
	"secure-ciba-req-sig-algorithm":               {`{}`, `{"default-algorithm":"ES384"}`},
	"secure-client-authenticator": {
		`{}`,
		`{"allowed-client-authenticators":["client-jwt","client-x509"]}`,
		`{"allowed-client-authenticators":["client-jwt","client-x509"],"default-client-authenticator":"client-x509"}`,
		`{"allowed-client-authenticators":["client-x509"],"default-client-authenticator":"client-secret"}`,
	},
	"secure-client-uris": {`{}`, `{"allow-http-on-localhost":true}`},
	"secure-client-uris-pattern": {
		`{}`,
		`{"allowed-patterns":["https://[a-z.]+\\.example(/.*)?"]}`,
		`{"allowed-patterns":["https://app\\.example/.*","\\+"],"client-uri-fields":["redirectUris","webOrigins","postLogoutRedirectUris","logoUri"]}`,
	},
	"secure-logout": {`{}`, `{"allow-front-channel-logout":true}`},
	"secure-redirect-uris-enforcer": {
		`{}`,
		`{"allow-open-redirect":true}`,
		`{"oauth-2-1-compliant":true,"allow-ipv4-loopback-address":true,"allow-ipv6-loopback-address":true,"allow-http-scheme":true,"allow-private-use-uri-scheme":true}`,
		`{"allow-wildcard-context-path":true,"allow-http-scheme":true,"allow-permitted-domains":[".*\\.example"]}`,
	},
	"secure-response-type":       {`{}`, `{"auto-configure":true}`},
	"secure-signature-algorithm": {`{}`, `{"default-algorithm":"ES256"}`},
}

// updateConditions are configurations of every condition that votes on UPDATE.
var updateConditions = map[string][]string{
	"any-client":                   {`{}`},
	"client-access-type":           {`{"type":["confidential"]}`, `{"type":["public"]}`, `{"type":["bearer-only","public"],"is-negative-logic":true}`},
	"client-attributes":            {`{"attributes":{"logoUri":"https://app.example/cb"}}`, `{"attributes":"[]","is-negative-logic":true}`},
	"client-id-uri":                {`{"client-id-uri-scheme":["https"],"client-id-uri-allow-permitted-domains":["*.example"]}`},
	"client-roles":                 {`{"roles":["bank"]}`},
	"client-type":                  {`{"protocol":"openid-connect"}`, `{"protocol":"saml"}`, `{"protocol":"saml","is-negative-logic":true}`},
	"client-updater-context":       {`{"update-client-source":["ByAuthenticatedUser"]}`},
	"client-updater-source-groups": {`{"groups":["staff"]}`},
	"client-updater-source-host":   {`{"trusted-hosts":["*.example"]}`},
	"client-updater-source-roles":  {`{"roles":["admin"]}`},
}

// TestUpdateProvidersAreCovered demands configurations of each provider that is
// asked on UPDATE, so that a new one is held to the properties below.
func TestUpdateProvidersAreCovered(t *testing.T) {
	registry, err := catalog.Registry()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range registry.ExecutorIDs() {
		if acts := registry.Executor(id).Events.Has(pdp.Update); acts != (len(updateConfigurations[id]) > 0) {
			t.Errorf("executor %s: acts on UPDATE %t, has configurations here %t", id, acts, !acts)
		}
	}
	for _, id := range registry.ConditionIDs() {
		if votes := registry.Condition(id).Events.Has(pdp.Update); votes != (len(updateConditions[id]) > 0) {
			t.Errorf("condition %s: votes on UPDATE %t, has configurations here %t", id, votes, !votes)
		}
	}
}

// subject is a realm that is compatible SAFE and applies one thing to every update.
type subject struct {
	name       string
	realm      *pdp.Realm
	conditions bool // the subject is conditions
	several    bool // the subject is a profile of several executors
}

// updateSubjects are the realms of all configurations, of each built-in profile,
// and of all conditions together.
func updateSubjects(t *testing.T) []subject {
	t.Helper()
	compiler, err := catalog.Compiler(profiles.None)
	if err != nil {
		t.Fatal(err)
	}
	var list []subject
	add := func(name string, s subject, set *pb.PolicySet) {
		realm, errs := compiler.Compile(set, nil)
		if len(errs) > 0 {
			t.Fatalf("%s: %v", name, pdp.JoinErrors(errs))
		}
		s.name, s.realm = name, realm
		list = append(list, s)
	}
	for id, configs := range updateConfigurations {
		for i, config := range configs {
			add(fmt.Sprintf("%s/%d", id, i), subject{}, withExecutor(id, object(t, config)))
		}
	}
	builtin, err := profiles.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range builtin {
		set := withExecutor("reject-request", nil)
		set.Policies[0].Profiles = []string{p.Name}
		add("profile "+p.Name, subject{several: true}, set)
	}
	add("conditions", subject{conditions: true}, withConditions(t))
	slices.SortFunc(list, func(a, b subject) int { return strings.Compare(a.name, b.name) })
	return list
}

// withConditions is a set of a policy for each configuration of each condition, all of
// which change the client: the answer tells how each condition voted.
func withConditions(t *testing.T) *pb.PolicySet {
	t.Helper()
	set := withExecutor("pkce-enforcer", object(t, `{"auto-configure":true}`))
	set.Policies = nil
	for _, id := range slices.Sorted(maps.Keys(updateConditions)) {
		for i, config := range updateConditions[id] {
			set.Policies = append(set.Policies, &pb.Policy{
				Name: fmt.Sprintf("%s/%d", id, i), Enabled: proto.Bool(true), Profiles: []string{"p"},
				Conditions: []*pb.PolicyCondition{{Condition: id, Configuration: object(t, config)}},
			})
		}
	}
	return set
}

func object(t testing.TB, text string) *structpb.Struct {
	t.Helper()
	s := &structpb.Struct{}
	if err := protojson.Unmarshal([]byte(text), s); err != nil {
		t.Fatal(err)
	}
	return s
}

// withExecutor is a set that applies one executor to everything.
func withExecutor(id string, config *structpb.Struct) *pb.PolicySet {
	return &pb.PolicySet{
		Profiles: []*pb.Profile{{Name: "p", Executors: []*pb.ProfileExecutor{{Executor: id, Configuration: config}}}},
		Policies: []*pb.Policy{{
			Name: "all", Enabled: proto.Bool(true), Profiles: []string{"p"},
			Conditions: []*pb.PolicyCondition{{Condition: "any-client"}},
		}},
	}
}

func answerOf(t testing.TB, realm *pdp.Realm, req *pb.EvaluateRequest) *pb.EvaluateResponse {
	t.Helper()
	if err := pdp.CheckInput(req, pdp.DefaultLimits()); err != nil {
		t.Fatal(err)
	}
	resp := &pb.EvaluateResponse{}
	if err := realm.Evaluate(req, pdp.Env{Now: now}, resp); err != nil {
		t.Fatal(err)
	}
	return resp
}

// tally counts decisions, so that a property that compares nothing is seen.
type tally struct{ allowed, rejected int }

func (c *tally) add(resp *pb.EvaluateResponse) {
	if resp.Decision == pb.EvaluateResponse_DECISION_ALLOW {
		c.allowed++
	} else {
		c.rejected++
	}
}

// Leaving a field out is the same as sending it as it is, be it one field or all of
// them: the whole answer is the same, so that no partial update is a way round.
func TestPartialUpdateIsJudgedAsWhole(t *testing.T) {
	var seen tally
	for _, s := range updateSubjects(t) {
		t.Run(s.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				stored, update, with := drawStored(t), drawChange(t, "update"), drawSetting(t)
				alone := s.answer(t, with.request(stored, update))
				seen.add(alone)
				some := update.repeating(stored, func(path string) bool { return rapid.Bool().Draw(t, "repeats "+path) })
				all := update.repeating(stored, func(string) bool { return true })
				for name, u := range map[string]change{"some fields": some, "all fields": all} {
					if whole := s.answer(t, with.request(stored, u)); !proto.Equal(alone, whole) {
						t.Fatalf("repeating %s changes the answer (-alone +repeated):\n%s", name, difference(alone, whole))
					}
				}
			})
		})
	}
	seen.demand(t)
}

func (c *tally) demand(t *testing.T) {
	t.Helper()
	if all := c.allowed + c.rejected; c.allowed*10 < all || c.rejected*10 < all {
		t.Errorf("%d updates were allowed and %d refused: too one-sided to prove anything", c.allowed, c.rejected)
	}
}

// Two updates one after the other come to the same as both at once, if the first is
// allowed: the second is judged on the client that there then is, mutations included.
//
// Of a profile of several executors this holds of the first update as it was carried
// out: an executor judges what there is before one behind it overwrites that.
func TestSplitUpdateComesToTheSame(t *testing.T) {
	var seen tally
	for _, s := range updateSubjects(t) {
		if s.conditions {
			continue // conditions vote on the stored client, which differs half-way
		}
		t.Run(s.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				stored, second, with := drawStored(t), drawChange(t, "second"), drawSetting(t)
				first := drawChange(t, "first").lasting(second)
				half := s.answer(t, with.request(stored, first))
				if half.Decision != pb.EvaluateResponse_DECISION_ALLOW {
					return // nothing was stored, and there is no second update on it
				}
				split := s.answer(t, with.request(kept(half.Client), second))
				if s.several {
					first = first.carriedOut(half)
				}
				once := s.answer(t, with.request(stored, first.then(second)))
				seen.add(once)
				if !proto.Equal(outcome(once), outcome(split)) {
					t.Fatalf("splitting the update changes the outcome (-at once +split):\n%s", difference(outcome(once), outcome(split)))
				}
			})
		})
	}
	seen.demand(t)
}

// difference is told only of what differs: comparing by it is slow.
func difference(a, b proto.Message) string { return cmp.Diff(a, b, protocmp.Transform()) }

// outcome is what a caller sees of an update in the end: the verdict, every finding,
// and the client as it is kept. Which mutations led there may differ.
func outcome(resp *pb.EvaluateResponse) *pb.EvaluateResponse {
	return &pb.EvaluateResponse{
		Decision: resp.Decision, Reason: resp.Reason, Error: resp.Error, Findings: resp.Findings,
		AppliedPolicies: resp.AppliedPolicies, Client: kept(resp.Client),
	}
}

func (s subject) answer(t *rapid.T, req *pb.EvaluateRequest) *pb.EvaluateResponse {
	t.Helper()
	resp := &pb.EvaluateResponse{}
	if err := s.realm.Evaluate(req, pdp.Env{Now: now}, resp); err != nil {
		t.Fatal(err)
	}
	return resp
}
