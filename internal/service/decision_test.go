package service_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage/memory"
)

func TestEvaluate(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	allow, err := w.decisions.Evaluate(w.root(), view("master"))
	if err != nil {
		t.Fatal(err)
	}
	if allow.GetDecision() != pb.EvaluateResponse_DECISION_ALLOW || allow.GetRevision() != 1 || allow.GetDecisionId() != "decision-1" {
		t.Fatalf("got %v", allow)
	}
	w.replaceSet("master", &pb.PolicySet{
		Profiles: []*pb.Profile{refusing("strict", "access_denied")}, Policies: []*pb.Policy{policy("all", "strict")},
	})
	reject, err := w.decisions.Evaluate(w.root(), view("master"))
	if err != nil {
		t.Fatal(err)
	}
	if reject.GetDecision() != pb.EvaluateResponse_DECISION_REJECT || reject.GetRevision() != 2 ||
		reject.GetError().GetCode() != "access_denied" || reject.GetReason() != pb.EvaluateResponse_REASON_POLICY {
		t.Fatalf("got %v", reject)
	}
}

func TestEvaluateRefusals(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	secret := view("master")
	secret.Client.Secret = proto.String("s3cret")
	ahead := view("master")
	ahead.Options = &pb.EvaluateOptions{MinRevision: 2}
	before := view("master")
	before.Options = &pb.EvaluateOptions{MinRevision: -1}
	for name, c := range map[string]struct {
		request *pb.EvaluateRequest
		code    codes.Code
		reason  string
		field   string
	}{
		"unknown realm first": {&pb.EvaluateRequest{Realm: "elsewhere"}, codes.NotFound, "REALM_NOT_FOUND", ""},
		"no realm":            {&pb.EvaluateRequest{}, codes.NotFound, "REALM_NOT_FOUND", ""},
		"no event":            {&pb.EvaluateRequest{Realm: "master"}, codes.InvalidArgument, "INVALID_DOCUMENT", "/event"},
		"no client": {
			&pb.EvaluateRequest{Realm: "master", Event: pb.Event_EVENT_VIEW}, codes.InvalidArgument, "INVALID_DOCUMENT", "/client",
		},
		"a secret":      {secret, codes.InvalidArgument, "INVALID_DOCUMENT", "/client/secret"},
		"no revision":   {before, codes.InvalidArgument, "INVALID_DOCUMENT", "/options/minRevision"},
		"a revision on": {ahead, codes.Unavailable, "REVISION_NOT_REACHED", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.decisions.Evaluate(w.root(), c.request)
			want(t, err, c.code, c.reason)
			if p := problemOf(err); c.field != "" && (len(p.Fields) != 1 || p.Fields[0] != c.field) {
				t.Fatalf("got fields %q, want %q", p.Fields, c.field)
			}
		})
	}
}

func TestMinRevisionReached(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	set := w.replaceSet("master", &pb.PolicySet{Policies: []*pb.Policy{policy("p", "built-in")}})
	r := view("master")
	r.Options = &pb.EvaluateOptions{MinRevision: set.GetRevision()}
	if _, err := w.decisions.Evaluate(w.root(), r); err != nil {
		t.Fatal(err)
	}
}

func TestBatchEvaluate(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	w.createRealm("other", nil)
	behind := view("master")
	behind.Options = &pb.EvaluateOptions{MinRevision: 9}
	out, err := w.decisions.BatchEvaluate(w.root(), &pb.BatchEvaluateRequest{Realm: "master", Requests: []*pb.EvaluateRequest{
		view("master"), view(""), view("other"), {}, behind,
	}})
	if err != nil {
		t.Fatal(err)
	}
	type result struct{ Decision, Code, Field string }
	var got []result
	for _, r := range out.GetResults() {
		item := result{Code: r.GetError().GetCode(), Field: r.GetError().GetField()}
		if r.GetResponse() != nil {
			item.Decision = r.GetResponse().GetDecision().String()
		}
		got = append(got, item)
	}
	equal(t, got, []result{
		{Decision: "DECISION_ALLOW"},
		{Decision: "DECISION_ALLOW"},
		{Code: "INVALID_ARGUMENT", Field: "/realm"},
		{Code: "INVALID_ARGUMENT", Field: "/event"},
		{Code: "UNAVAILABLE"},
	})
	for _, r := range out.GetResults() {
		if r.GetError() != nil && r.GetError().GetMessage() == "" {
			t.Error("an error has no message")
		}
	}
}

func TestBatchItemLimit(t *testing.T) {
	limits := pdp.DefaultLimits()
	at := view("")
	at.Issuer = strings.Repeat("x", 1000)
	limits.DecisionMessageBytes = proto.Size(at)
	over := proto.CloneOf(at)
	over.Issuer += "x"
	store := memory.New()
	t.Cleanup(func() { store.Close() })
	w := startOn(t, store, limits)
	w.createRealm("master", nil)
	out, err := w.decisions.BatchEvaluate(w.root(), &pb.BatchEvaluateRequest{Realm: "master", Requests: []*pb.EvaluateRequest{at, over}})
	if err != nil {
		t.Fatal(err)
	}
	if r := out.GetResults(); r[0].GetResponse() == nil || r[1].GetError().GetCode() != "RESOURCE_EXHAUSTED" {
		t.Errorf("got %v", r)
	}
}

func TestBatchRefusals(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	many := make([]*pb.EvaluateRequest, 101)
	for i := range many {
		many[i] = view("")
	}
	_, err := w.decisions.BatchEvaluate(w.root(), &pb.BatchEvaluateRequest{Realm: "none", Requests: many})
	want(t, err, codes.NotFound, "REALM_NOT_FOUND")
	for _, requests := range [][]*pb.EvaluateRequest{nil, many} {
		_, err := w.decisions.BatchEvaluate(w.root(), &pb.BatchEvaluateRequest{Realm: "master", Requests: requests})
		want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
		wantText(t, err, "/requests", "expected 1 to 100")
	}
	if _, err := w.decisions.BatchEvaluate(w.root(), &pb.BatchEvaluateRequest{Realm: "master", Requests: many[:100]}); err != nil {
		t.Fatal(err)
	}
}
