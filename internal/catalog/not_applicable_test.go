package catalog_test

import (
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
	"google.golang.org/protobuf/types/known/structpb"
)

// Every executor says of an event that it does not act on that it does not.
func TestOtherEventsAreNotApplicable(t *testing.T) {
	registry, err := catalog.Registry()
	if err != nil {
		t.Fatal(err)
	}
	compiler, err := catalog.Compiler(profiles.None)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, id := range registry.ExecutorIDs() {
		other := (pdp.AllEvents &^ registry.Executor(id).Events).List()
		if len(other) == 0 {
			continue
		}
		realm, errs := compiler.Compile(withExecutor(id, configurationOf(t, id)), nil)
		if len(errs) > 0 {
			t.Fatal(pdp.JoinErrors(errs))
		}
		for _, event := range other {
			resp, err := explained(realm, requestFor(event))
			if err != nil {
				t.Fatal(err)
			}
			x := resp.Trace.Policies[0].Executors[0]
			if x.Outcome != pb.ExecutorTrace_OUTCOME_NOT_APPLICABLE || x.Reason != "the executor does not act on "+pdp.EventName(event) {
				t.Errorf("%s on %s: got %v", id, pdp.EventName(event), x)
			}
			told++
		}
	}
	if told < 800 {
		t.Errorf("asked %d times: too few to prove anything", told)
	}
}

// configurationOf returns a configuration that an executor takes.
func configurationOf(t testing.TB, id string) *structpb.Struct {
	t.Helper()
	if id == "tls-client-auth-ca-subject-dn" {
		return object(t, `{"ca-subject-dn":"CN=CA,O=Org"}`)
	}
	return &structpb.Struct{}
}

// requestFor returns a request that has what its event requires, and no more.
func requestFor(event pdp.Event) *pb.EvaluateRequest {
	return &pb.EvaluateRequest{
		Event: event, Client: &pb.Client{}, ProposedClient: &pb.Client{}, Request: &pb.OAuthRequest{},
		Token: &pb.TokenFacts{}, SubjectToken: &pb.TokenFacts{}, Registration: &pb.Registration{Channel: pdp.ChannelAdmin},
		Options: &pb.EvaluateOptions{},
	}
}
