package gateway_test

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

const heading = "time,decisionId,realm,revision,event,clientId,user,caller,decision,reason,error,errorDescription," +
	"policies,executors,findings,mutations,durationMicros,traceId,sampleRate,lostBefore\r\n"

// exported returns decisions as CSV.
func exported(t *testing.T, decisions ...*pb.LoggedDecision) string {
	t.Helper()
	f, r := serve(t, options())
	f.streams(func(_ call, s grpc.ServerStream) error {
		for _, d := range decisions {
			if err := s.SendMsg(&pb.ExportDecisionsResponse{Document: d}); err != nil {
				return err
			}
		}
		return nil
	})
	a := r.do(t, "GET", export, "", "Accept", "text/csv")
	if a.status != 200 || a.header.Get("Content-Type") != "text/csv; charset=utf-8; header=present" {
		t.Fatalf("got %d %v %q", a.status, a.header, a.body)
	}
	return a.body
}

func TestTable(t *testing.T) {
	full := &pb.LoggedDecision{
		Time: timestamppb.New(time.Date(2026, 11, 22, 12, 0, 0, 120_000_000, time.UTC)), DecisionId: "d1", Realm: "r ü", Revision: 1<<53 + 1,
		Event: pb.Event_EVENT_TOKEN_REQUEST, ClientId: "c", User: "u", Caller: "token:idp",
		Decision: pb.EvaluateResponse_DECISION_REJECT, Reason: pb.EvaluateResponse_REASON_POLICY,
		Error:           &pb.PolicyError{Code: "invalid_request", Description: `say "please", then` + "\r\nwait"},
		AppliedPolicies: []string{"a", `b"c`},
		Findings: []*pb.Finding{
			{Policy: "a", Executor: "pkce-enforcer", Error: "invalid_request", Enforced: true},
			{Policy: "b", Executor: "pkce-enforcer"}, {Policy: "b", Condition: "any-client"}, {Executor: "consent-required"},
		},
		Mutations: []*pb.Mutation{{Op: pb.Mutation_OP_SET, Path: "/x", Value: structpb.NewNullValue()}},
		Duration:  durationpb.New(1_234_567 * time.Nanosecond), TraceId: strings.Repeat("ab", 16), SampleRate: 0.1, LostBefore: 3,
	}
	got := exported(t, full, &pb.LoggedDecision{})
	want := heading +
		`2026-11-22T12:00:00.12Z,d1,r ü,9007199254740993,EVENT_TOKEN_REQUEST,c,u,token:idp,DECISION_REJECT,REASON_POLICY,invalid_request,` +
		`"say ""please"", then` + "\r\n" + `wait","[""a"",""b\""c""]","[""pkce-enforcer"",""consent-required""]",` +
		`"[{""policy"":""a"",""executor"":""pkce-enforcer"",""error"":""invalid_request"",""enforced"":true},{""policy"":""b"",""executor"":""pkce-enforcer""},` +
		`{""policy"":""b"",""condition"":""any-client""},{""executor"":""consent-required""}]",` +
		`"[{""op"":""OP_SET"",""path"":""/x"",""value"":null}]",1234,` + strings.Repeat("ab", 16) + ",0.1,3\r\n" +
		",,,0,EVENT_UNSPECIFIED,,,,DECISION_UNSPECIFIED,REASON_UNSPECIFIED,,,,,,,0,,0,0\r\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	records, err := csv.NewReader(strings.NewReader(got)).ReadAll()
	if err != nil || len(records) != 3 || len(records[1]) != 20 {
		t.Errorf("got %d records, %v", len(records), err)
	}
}

func TestTableEmpty(t *testing.T) {
	if got := exported(t); got != heading {
		t.Errorf("got %q", got)
	}
}

// No cell is a formula to a spreadsheet, and none gets out of its place.
func TestTableHarmless(t *testing.T) {
	for id, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\tx": "'\tx", "\rx": "\"'\rx\"", "\nx": "\"'\nx\"",
		`=HYPERLINK("http://x","y")`: `"'=HYPERLINK(""http://x"",""y"")"`, "a,b": `"a,b"`, `"`: `""""`, "a\rb": "\"a\rb\"", "a\nb": "\"a\nb\"",
		"a=b": "a=b", "'=1": "'=1", " =1": " =1", "~0a": "~0a", "": "",
	} {
		got := exported(t, &pb.LoggedDecision{ClientId: id, User: id, DecisionId: id, Caller: id, TraceId: id})
		row := strings.TrimPrefix(got, heading)
		if wanted := "," + want + ",,0,EVENT_UNSPECIFIED," + want + "," + want + "," + want + ",DECISION_UNSPECIFIED,REASON_UNSPECIFIED,,,,,,,0," + want + ",0,0\r\n"; row != wanted {
			t.Errorf("%q: got %q, want %q", id, row, wanted)
		}
	}
}
