package service_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/service"
	"github.com/sidegate/sidegate/pdp"
)

// logCalls are all calls of both services, with what they have in common.
func (l *logged) logCalls(as string, realm, filter, token string, size int32) map[string]error {
	l.t.Helper()
	ctx := l.as(as)
	export, exportErr := l.keeper.ExportDecisions(ctx, &pb.ExportDecisionsRequest{Realm: realm, Filter: filter})
	_, exportErr = all(l.t, export, exportErr)
	follow, followErr := l.keeper.FollowDecisions(ctx, &pb.FollowDecisionsRequest{Realm: realm, Filter: filter})
	_, followErr = all(l.t, follow, followErr)
	audit, auditErr := l.auditor.FollowAuditRecords(ctx, &pb.FollowAuditRecordsRequest{Filter: filter})
	_, auditErr = all(l.t, audit, auditErr)
	return map[string]error{
		"list":   second(l.keeper.ListDecisions(ctx, &pb.ListDecisionsRequest{Realm: realm, Filter: filter, PageToken: token, PageSize: size})),
		"get":    second(l.keeper.GetDecision(ctx, &pb.GetDecisionRequest{Realm: realm, DecisionId: "none"})),
		"replay": second(l.keeper.ReplayDecision(ctx, &pb.ReplayDecisionRequest{Realm: realm, DecisionId: "none"})),
		"erase":  second(l.keeper.EraseDecisions(ctx, &pb.EraseDecisionsRequest{Realm: realm, User: "nobody"})),
		"audit":  second(l.auditor.ListAuditRecords(ctx, &pb.ListAuditRecordsRequest{Filter: filter, PageToken: token, PageSize: size})),
		"export": exportErr, "follow": followErr, "follow audit": auditErr,
	}
}

// A server without a log says so, whatever is asked.
func TestLogIsOff(t *testing.T) {
	l := startLogged(t, nil, func(o *service.Options) { o.Decisions = nil })
	for call, err := range l.logCalls("root", "nowhere", "", "", 0) {
		if p := problemOf(err); p.Code != codes.FailedPrecondition || p.Reason != "DECISION_LOG_OFF" {
			t.Errorf("%s: got %v (%v)", call, p, err)
		}
		wantText(t, err, "decision-log.mode")
	}
}

func TestUnknownRealm(t *testing.T) {
	l := startLogged(t, nil)
	for _, realm := range []string{"nowhere", "", strings.Repeat("x", 2000)} {
		for call, err := range l.logCalls("root", realm, "nonsense", "", 0) {
			if strings.HasSuffix(call, "audit") {
				continue
			}
			if p := problemOf(err); p.Code != codes.NotFound || p.Reason != "REALM_NOT_FOUND" {
				t.Errorf("%s: got %v (%v)", call, p, err)
			}
		}
	}
}

func TestUnknownDecision(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	l.createRealm("other", nil)
	other := l.evaluate(view("other")).GetDecisionId()
	l.flush()
	for _, id := range []string{"", "none", other, strings.Repeat("x", 1<<16)} {
		_, err := l.keeper.GetDecision(l.root(), &pb.GetDecisionRequest{Realm: "master", DecisionId: id})
		want(t, err, codes.NotFound, "DECISION_NOT_FOUND")
		_, err = l.keeper.ReplayDecision(l.root(), &pb.ReplayDecisionRequest{Realm: "master", DecisionId: id})
		want(t, err, codes.NotFound, "DECISION_NOT_FOUND")
		if len(err.Error()) > 4096 {
			t.Errorf("the error has %d bytes", len(err.Error()))
		}
	}
}

// Filters are checked before anything is read; times are nothing for who follows.
func TestFilterRefusals(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	for _, filter := range []string{
		"nonsense", "outcome=ALLOW", "decision=PERHAPS", "decision=", "revision=x", "since=yesterday",
		"kind=NOTHING", "code=x AND code=y", strings.Repeat("x", 4097),
		"since=2027-01-01T00:00:00Z AND until=2026-01-01T00:00:00Z",
	} {
		for call, err := range l.logCalls("root", "master", filter, "", 0) {
			if call == "get" || call == "replay" || call == "erase" {
				continue
			}
			if p := problemOf(err); p.Code != codes.InvalidArgument || p.Reason != "INVALID_DOCUMENT" || fmt.Sprint(p.Fields) != "[/filter]" {
				t.Errorf("%s with %.30q: got %v (%v)", call, filter, p, err)
			}
		}
	}
	for _, filter := range []string{"since=2026-01-01T00:00:00Z", "until=2026-01-01T00:00:00Z"} {
		calls := l.logCalls("root", "master", filter, "", 0)
		for _, call := range []string{"follow", "follow audit"} {
			want(t, calls[call], codes.InvalidArgument, "INVALID_DOCUMENT")
		}
		for _, call := range []string{"list", "audit", "export"} {
			if calls[call] != nil {
				t.Errorf("%s: %v", call, calls[call])
			}
		}
	}
}

func TestPageRefusals(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	l.createRealm("other", nil)
	l.many("master", 3)
	l.flush()
	for _, size := range []int32{-1, 501} {
		for _, err := range []error{
			second(l.keeper.ListDecisions(l.root(), &pb.ListDecisionsRequest{Realm: "master", PageSize: size})),
			second(l.auditor.ListAuditRecords(l.root(), &pb.ListAuditRecordsRequest{PageSize: size})),
		} {
			want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
			equal(t, problemOf(err).Fields, []string{"/pageSize"})
		}
	}
	page, err := l.keeper.ListDecisions(l.root(), &pb.ListDecisionsRequest{Realm: "master", PageSize: 1, Filter: "decision=ALLOW"})
	if err != nil {
		t.Fatal(err)
	}
	records, err := l.auditor.ListAuditRecords(l.root(), &pb.ListAuditRecordsRequest{PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	ofDecisions, ofRecords := page.GetNextPageToken(), records.GetNextPageToken()
	if ofDecisions == "" || ofRecords == "" {
		t.Fatal("no further page")
	}
	for name, r := range map[string]*pb.ListDecisionsRequest{
		"another realm":  {Realm: "other", PageToken: ofDecisions, Filter: "decision=ALLOW"},
		"another filter": {Realm: "master", PageToken: ofDecisions, Filter: "decision=REJECT"},
		"no filter":      {Realm: "master", PageToken: ofDecisions},
		"of records":     {Realm: "master", PageToken: ofRecords},
		"changed":        {Realm: "master", PageToken: "B" + ofDecisions[1:], Filter: "decision=ALLOW"},
		"cut":            {Realm: "master", PageToken: ofDecisions[1:], Filter: "decision=ALLOW"},
		"no token":       {Realm: "master", PageToken: "?"},
		"long":           {Realm: "master", PageToken: strings.Repeat("A", 1<<16)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := l.keeper.ListDecisions(l.root(), r)
			want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
			equal(t, problemOf(err).Fields, []string{"/pageToken"})
		})
	}
	_, err = l.auditor.ListAuditRecords(l.root(), &pb.ListAuditRecordsRequest{PageToken: ofDecisions})
	want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
	_, err = l.auditor.ListAuditRecords(l.root(), &pb.ListAuditRecordsRequest{PageToken: ofRecords, Filter: "kind=WRITE"})
	want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
	if page, err = l.keeper.ListDecisions(l.root(), &pb.ListDecisionsRequest{Realm: "master", PageToken: ofDecisions, Filter: "decision=ALLOW", PageSize: 500}); err != nil || len(page.GetDecisions()) != 2 {
		t.Errorf("got %v and %v", page, err)
	}
}

func TestEraseRefusals(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	at := strings.Repeat("x", pdp.DefaultLimits().StringBytes)
	for name, c := range map[string]struct {
		request *pb.EraseDecisionsRequest
		fields  []string
	}{
		"neither":     {&pb.EraseDecisionsRequest{}, []string{"/clientId", "/user"}},
		"long client": {&pb.EraseDecisionsRequest{ClientId: at + "x"}, []string{"/clientId"}},
		"long user":   {&pb.EraseDecisionsRequest{User: at + "x", ClientId: at}, []string{"/user"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.request.Realm = "master"
			_, err := l.keeper.EraseDecisions(l.root(), c.request)
			want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
			equal(t, problemOf(err).Fields, c.fields)
		})
	}
	if _, err := l.keeper.EraseDecisions(l.root(), &pb.EraseDecisionsRequest{Realm: "master", ClientId: at, User: at}); err != nil {
		t.Error(err)
	}
	_, err := l.keeper.EraseDecisions(l.as("guest"), &pb.EraseDecisionsRequest{Realm: "master", User: "x"})
	want(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
}
