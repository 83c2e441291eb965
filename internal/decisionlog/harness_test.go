package decisionlog_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

// start is when the tests' decisions begin.
var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// options are those of a log that keeps everything, in a file of its own.
func options(tb testing.TB) decisionlog.Options {
	return decisionlog.Options{
		File: filepath.Join(tb.TempDir(), "decisions.db"), Mode: decisionlog.BestEffort, Sample: 1, NoSync: true,
		BatchInterval: time.Millisecond, Now: func() time.Time { return start },
	}
}

// open opens a log and closes it with the test.
func open(tb testing.TB, o decisionlog.Options) *decisionlog.Log {
	tb.Helper()
	l, err := decisionlog.Open(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { closeLog(tb, l) })
	return l
}

func closeLog(tb testing.TB, l *decisionlog.Log) {
	tb.Helper()
	if err := l.Close(context.Background()); err != nil {
		tb.Error(err)
	}
}

// entry is the n-th decision of a realm: an ALLOW with nothing to it.
func entry(realm string, n int) *decisionlog.Entry {
	return &decisionlog.Entry{
		Request: &pb.EvaluateRequest{
			Realm: realm, Event: pb.Event_EVENT_TOKEN_REQUEST,
			Client:  &pb.Client{ClientId: proto.String(fmt.Sprintf("client-%d", n%10))},
			Request: &pb.OAuthRequest{Parameters: map[string]string{"grant_type": "authorization_code"}},
		},
		Response: &pb.EvaluateResponse{
			Decision: pb.EvaluateResponse_DECISION_ALLOW, Reason: pb.EvaluateResponse_REASON_POLICIES_PASSED,
			AppliedPolicies: []string{"fapi"}, Revision: 7, DecisionId: decisionID(n),
		},
		Realm: realm, Caller: "token:idp", Revision: 7, TraceID: fmt.Sprintf("%032x", n+1),
		Time: start.Add(time.Duration(n) * time.Second), Duration: 3 * time.Microsecond,
	}
}

func decisionID(n int) string { return fmt.Sprintf("decision-%06d", n) }

// rejected is an entry with an enforced finding.
func rejected(realm string, n int) *decisionlog.Entry {
	e := entry(realm, n)
	e.Response.Decision, e.Response.Reason = pb.EvaluateResponse_DECISION_REJECT, pb.EvaluateResponse_REASON_POLICY
	e.Response.Error = &pb.PolicyError{Code: "invalid_request", Description: "PKCE with S256 is required", HttpStatus: 400}
	e.Response.WireError = proto.CloneOf(e.Response.Error)
	e.Response.Findings = []*pb.Finding{{
		Policy: "fapi", Profile: "fapi-2", Executor: "pkce-enforcer", Error: "invalid_request", Field: "code_challenge_method",
		Expected: "S256", Actual: "plain", Spec: "RFC 7636 §4.3", Enforced: true,
	}}
	return e
}

// record records entries and waits until they are stored.
func record(tb testing.TB, l *decisionlog.Log, entries ...*decisionlog.Entry) {
	tb.Helper()
	for _, e := range entries {
		if err := l.Record(context.Background(), e); err != nil {
			tb.Fatal(err)
		}
	}
	flush(tb, l)
}

func flush(tb testing.TB, l *decisionlog.Log) {
	tb.Helper()
	if err := l.Flush(context.Background()); err != nil {
		tb.Fatal(err)
	}
}

// stored records an entry and returns what was kept of it.
func stored(tb testing.TB, o decisionlog.Options, e *decisionlog.Entry) *pb.LoggedDecision {
	tb.Helper()
	l := open(tb, o)
	record(tb, l, e)
	return get(tb, l, e.Realm, e.Response.GetDecisionId())
}

func get(tb testing.TB, l *decisionlog.Log, realm, id string) *pb.LoggedDecision {
	tb.Helper()
	d, err := l.Get(context.Background(), realm, id)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// ids lists all decisions that a filter leaves, page by page.
func ids(tb testing.TB, l *decisionlog.Log, realm, filter string) (list []string) {
	tb.Helper()
	f, err := decisionlog.ParseFilter(filter)
	if err != nil {
		tb.Fatal(err)
	}
	var page decisionlog.Cursor
	for {
		found, next, err := l.List(context.Background(), realm, f, page, 7)
		if err != nil {
			tb.Fatal(err)
		}
		for _, d := range found {
			list = append(list, strings.TrimPrefix(d.GetDecisionId(), "decision-"))
		}
		if next == (decisionlog.Cursor{}) {
			return list
		}
		if page, err = decisionlog.ParseCursor(next.String()); err != nil {
			tb.Fatal(err)
		}
	}
}

// object is a Struct of alternating names and values.
func object(tb testing.TB, pairs ...any) *structpb.Struct {
	tb.Helper()
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	s, err := structpb.NewStruct(m)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}
