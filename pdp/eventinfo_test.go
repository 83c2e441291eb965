package pdp_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
)

func TestEveryEventIsDescribed(t *testing.T) {
	seen := map[string]pdp.Event{}
	for _, e := range pdp.AllEvents.List() {
		info := pdp.DescribeEvent(e)
		if !strings.HasSuffix(info.Doc, ".") || (len(info.Spec) == 0) != (e == pdp.IdentityBrokeringAPI) {
			t.Errorf("%v is described by %q, %q", e, info.Doc, info.Spec)
		}
		if other, twice := seen[info.Doc]; twice {
			t.Errorf("%v and %v are described alike", e, other)
		}
		seen[info.Doc] = e
	}
	for _, e := range []pdp.Event{-1, 0, pdp.SAMLLogoutRequest + 1} {
		if info := pdp.DescribeEvent(e); info.Doc != "" || pdp.RequiredMembers(e) != nil {
			t.Errorf("%d is described by %q", e, info.Doc)
		}
	}
}

// TestRequiredMembersAreTheCheckedOnes compares what is said to be required with
// what an empty request and one without each member are refused for.
func TestRequiredMembersAreTheCheckedOnes(t *testing.T) {
	full := &pb.EvaluateRequest{
		Client: &pb.Client{ClientId: proto.String("a")}, ProposedClient: &pb.Client{ClientId: proto.String("a")},
		Registration: &pb.Registration{Channel: pdp.ChannelAdmin}, Request: &pb.OAuthRequest{},
		Token: &pb.TokenFacts{}, SubjectToken: &pb.TokenFacts{},
	}
	without := map[string]func(*pb.EvaluateRequest){
		"/client":               func(r *pb.EvaluateRequest) { r.Client = nil },
		"/proposedClient":       func(r *pb.EvaluateRequest) { r.ProposedClient = nil },
		"/registration/channel": func(r *pb.EvaluateRequest) { r.Registration = nil },
		"/request":              func(r *pb.EvaluateRequest) { r.Request = nil },
		"/token":                func(r *pb.EvaluateRequest) { r.Token = nil },
		"/subjectToken":         func(r *pb.EvaluateRequest) { r.SubjectToken = nil },
	}
	realm := compile(t, nil)
	for _, e := range pdp.AllEvents.List() {
		for pointer, remove := range without {
			req := proto.CloneOf(full)
			req.Event = e
			remove(req)
			err := realm.Evaluate(req, pdp.Env{}, &pb.EvaluateResponse{})
			var refused *pdp.RequestError
			if got, want := errors.As(err, &refused), slices.Contains(pdp.RequiredMembers(e), pointer); got != want {
				t.Errorf("%v without %s: refused %t, %v; said to be required: %t", e, pointer, got, err, want)
			}
		}
	}
}
