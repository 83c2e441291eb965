package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	zitadel "github.com/sidegate/sidegate/integrations/zitadel"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want options
		ok   bool
	}{
		{[]string{"--sidegate", "bin/sidegate"}, options{sidegate: "bin/sidegate"}, true},
		{[]string{"--sidegate", "s", "--once", "--dir", "d"}, options{sidegate: "s", dir: "d", once: true}, true},
		{nil, options{}, false},
		{[]string{"--sidegate", "s", "more"}, options{}, false},
		{[]string{"--nope"}, options{}, false},
	} {
		got, err := parse(tc.args, io.Discard)
		if (err == nil) != tc.ok || (tc.ok && got != tc.want) {
			t.Errorf("%q: %+v, %v", tc.args, got, err)
		}
	}
}

func observation(e clientpolicyv1.Event, d clientpolicyv1.EvaluateResponse_Decision, by string, sets ...string) zitadel.Observation {
	r := &clientpolicyv1.EvaluateResponse{Decision: d, Reason: clientpolicyv1.EvaluateResponse_REASON_POLICY}
	if by != "" {
		r.Findings = []*clientpolicyv1.Finding{
			{Executor: "only-warns"},
			{Executor: by, Error: "invalid_request", Description: "wrong\nline", Enforced: true},
		}
	}
	for _, path := range sets {
		r.Mutations = append(r.Mutations, &clientpolicyv1.Mutation{Op: clientpolicyv1.Mutation_OP_SET, Path: path, Value: structpb.NewBoolValue(true)})
	}
	return zitadel.Observation{Event: e, ClientID: "id", Response: r}
}

func TestDecisionIsOneAlignedLine(t *testing.T) {
	var out bytes.Buffer
	p := newPrinter(&out, false)
	long := observation(clientpolicyv1.Event_EVENT_REGISTER, allow, "", "/a", "/b")
	long.ClientName = "a name that is much too long"
	p.decision(long)
	p.decision(observation(clientpolicyv1.Event_EVENT_TOKEN_REQUEST, reject, "pkce-enforcer"))
	p.decision(observation(clientpolicyv1.Event_EVENT_TOKEN_REQUEST, clientpolicyv1.EvaluateResponse_DECISION_UNSPECIFIED, ""))
	want := "  ALLOW  REGISTER                       a name that is … POLICY            set /a to true, set /b to true\n" +
		"  REJECT TOKEN_REQUEST                  id               POLICY            pkce-enforcer: invalid_request: wrong line\n" +
		"  REJECT TOKEN_REQUEST                  id               POLICY\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestColours(t *testing.T) {
	var out bytes.Buffer
	newPrinter(&out, true).decision(observation(clientpolicyv1.Event_EVENT_TOKEN_REQUEST, reject, ""))
	if !strings.Contains(out.String(), red+"REJECT"+plain) {
		t.Errorf("%q", out.String())
	}
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if coloured(file) {
		t.Error("colours in a file")
	}
}

func TestCompare(t *testing.T) {
	e := clientpolicyv1.Event_EVENT_TOKEN_REQUEST
	seen := []zitadel.Observation{observation(e, allow, "", "/a"), observation(e, reject, "x")}
	good := []want{{event: e, decision: allow, sets: []string{"/a"}}, refused(e, "x")}
	if err := compare(good, seen); err != nil {
		t.Error(err)
	}
	for name, w := range map[string][]want{
		"too few":            good[:1],
		"too many":           append(append([]want{}, good...), good[0]),
		"another decision":   {good[0], {event: e, decision: allow}},
		"another executor":   {good[0], refused(e, "y")},
		"another change":     {{event: e, decision: allow, sets: []string{"/b"}}, good[1]},
		"another event":      {good[0], refused(clientpolicyv1.Event_EVENT_TOKEN_REFRESH, "x")},
		"nothing was wanted": nil,
	} {
		if err := compare(w, seen); err == nil {
			t.Errorf("%s: no mismatch", name)
		}
	}
}

func TestPlayCountsMismatches(t *testing.T) {
	var out bytes.Buffer
	s := &stage{out: newPrinter(&out, false)}
	e := clientpolicyv1.Event_EVENT_TOKEN_REQUEST
	brings := func(d clientpolicyv1.EvaluateResponse_Decision, err error) func(context.Context, *stage) error {
		return func(_ context.Context, s *stage) error {
			s.observe(observation(e, d, ""))
			return err
		}
	}
	failed := s.play(t.Context(), []step{
		{name: "good", want: allowed(e), run: brings(allow, nil)},
		{name: "bad decision", want: allowed(e), run: brings(reject, nil)},
		{name: "bad answer", want: allowed(e), run: brings(allow, errors.New("status 500"))},
		{name: "good again", want: allowed(e), run: brings(allow, nil)},
	})
	if failed != 2 || strings.Count(out.String(), "UNEXPECTED") != 2 {
		t.Errorf("%d failed:\n%s", failed, out.String())
	}
	if outcome(failed) == nil || outcome(0) != nil {
		t.Error("outcome does not follow the mismatches")
	}
}

// The realm's policies must fit the contract's documents, member for member.
func TestPolicySetIsAPolicySet(t *testing.T) {
	set := &clientpolicyv1.PolicySet{}
	if err := protojson.Unmarshal(policySet, set); err != nil {
		t.Fatal(err)
	}
	own := map[string]bool{
		"oauth-2-1-for-public-client": true, "oauth-2-1-for-confidential-client": true, "fapi-2-security-profile": true,
	}
	for _, p := range set.GetProfiles() {
		own[p.GetName()] = true
	}
	switchable := false
	for _, p := range set.GetPolicies() {
		for _, name := range p.GetProfiles() {
			if !own[name] {
				t.Errorf("policy %s: profile %s is neither here nor built in", p.GetName(), name)
			}
		}
		switchable = switchable || p.GetName() == machinePolicy
	}
	if !switchable || !json.Valid(policySet) {
		t.Errorf("policy %s is missing", machinePolicy)
	}
}

// Questions asked directly must carry no secret.
func TestDirectQuestions(t *testing.T) {
	s := &stage{issuer: "http://127.0.0.1:1"}
	for _, q := range []*clientpolicyv1.EvaluateRequest{redemption(s.issuer, partner(), true), notPushed(s)} {
		for _, name := range []string{"code", "client_assertion", "client_secret"} {
			if _, sent := q.GetRequest().GetParameters()[name]; sent {
				t.Errorf("%v sends %s", q.GetEvent(), name)
			}
		}
	}
}

func TestSidegateThatDoesNotStart(t *testing.T) {
	_, err := startSidegate(t.Context(), "/bin/false", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "ended before it was ready") {
		t.Errorf("%v", err)
	}
	_, err = startSidegate(t.Context(), "/does/not/exist", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "start sidegate") {
		t.Errorf("%v", err)
	}
	_, err = startSidegate(t.Context(), "/bin/false", "/"+strings.Repeat("d", 200))
	if err == nil || !strings.Contains(err.Error(), "shorter --dir") {
		t.Errorf("%v", err)
	}
}
