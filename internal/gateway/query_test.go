package gateway_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

func TestQuery(t *testing.T) {
	f, r := serve(t, options())
	set := &pb.PolicySet{}
	for _, tc := range []struct {
		method, path, body string
		want               proto.Message
	}{
		{"GET", "/v1/realms?pageSize=10&pageToken=a%2Bb%26c", "", &pb.ListRealmsRequest{PageSize: 10, PageToken: "a+b&c"}},
		{"GET", "/v1/realms?pageToken=", "", &pb.ListRealmsRequest{}},
		{"GET", "/v1/realms?", "", &pb.ListRealmsRequest{}},
		{"DELETE", "/v1/realms/r?force=true&validateOnly=false", "", &pb.DeleteRealmRequest{Realm: "r", Force: true}},
		{"PUT", "/v1/realms/r/policySet?revision=9007199254740993&comment=%C3%BC+x", "{}", &pb.ReplacePolicySetRequest{Realm: "r", Document: set, Revision: 9007199254740993, Comment: "ü x"}},
		{"GET", "/v1/realms/r/policies?search=a+b&filter=enabled%3Dtrue%20AND%20profile%3D%22a%20AND%20b%22&orderBy=name+desc&pageSize=500", "",
			&pb.ListPoliciesRequest{Realm: "r", Search: "a b", Filter: `enabled=true AND profile="a AND b"`, OrderBy: "name desc", PageSize: 500}},
		{"GET", "/v1/realms?search=%C3%BC&orderBy=updateTime", "", &pb.ListRealmsRequest{Search: "ü", OrderBy: "updateTime"}},
		{"GET", "/v1/realms/r/revisions?search=why&pageToken=t", "", &pb.ListRevisionsRequest{Realm: "r", Search: "why", PageToken: "t"}},
		{"GET", "/v1/realms/r/revisions/9007199254740993:diff?other=7", "", &pb.DiffRevisionsRequest{Realm: "r", Revision: 9007199254740993, Other: 7}},
		{"POST", "/v1/realms/r/revisions/7:rollback?force=true&comment=c&validateOnly=true", "",
			&pb.RollbackRevisionRequest{Realm: "r", Revision: 7, Force: true, Comment: "c", ValidateOnly: true}},
		{"GET", "/v1/catalogue/events?search=token&pageSize=3", "", &pb.ListEventsRequest{Search: "token", PageSize: 3}},
		{"GET", "/v1/realms/r/decisions?filter=clientId%3Da%26b", "", &pb.ListDecisionsRequest{Realm: "r", Filter: "clientId=a&b"}},
		{"POST", "/v1/realms/r/decisions/d:replay?revision=3", "", &pb.ReplayDecisionRequest{Realm: "r", DecisionId: "d", Revision: 3}},
		{"POST", "/v1/realms/r/decisions:erase", `{"clientId":"c","user":"u"}`, &pb.EraseDecisionsRequest{Realm: "r", ClientId: "c", User: "u"}},
		{"GET", "/v1/auditRecords?filter=kind%3DWRITE&pageSize=1", "", &pb.ListAuditRecordsRequest{Filter: "kind=WRITE", PageSize: 1}},
		{"PUT", "/v1/realms/r/policySet?force=true", "{}", &pb.ReplacePolicySetRequest{Realm: "r", Document: set, Force: true}},
	} {
		accepted(t, r.do(t, tc.method, tc.path, tc.body))
		if diff := cmp.Diff(tc.want, f.only(t).req, protocmp.Transform()); diff != "" {
			t.Errorf("%s: %s", tc.path, diff)
		}
	}
}

func TestQueryRefused(t *testing.T) {
	f, r := serve(t, options())
	for _, tc := range []struct {
		method, path, field, text string
	}{
		{"DELETE", "/v1/realms/r?forse=true", "forse", `did you mean "force"?`},
		{"DELETE", "/v1/realms/r?validate_only=true", "validate_only", `did you mean "validateOnly"?`},
		{"DELETE", "/v1/realms/r?force", "force", "expected true or false, such as force=true"},
		{"DELETE", "/v1/realms/r?force=", "force", "expected true or false"},
		{"DELETE", "/v1/realms/r?force=1", "force", "expected true or false"},
		{"DELETE", "/v1/realms/r?force=TRUE", "force", "expected true or false"},
		{"DELETE", "/v1/realms/r?force=true&force=true", "force", "sent 2 times"},
		{"DELETE", "/v1/realms/r?realm=other", "realm", "unknown query parameter"},
		{"DELETE", "/v1/realms/r?Force=true", "Force", `did you mean "force"?`},
		{"DELETE", "/v1/realms/r?force[a]=true", "force[a]", "unknown query parameter"},
		{"GET", "/v1/realms?pageSize=1e2", "pageSize", "32 bits"},
		{"GET", "/v1/realms?pageSize=2147483648", "pageSize", "32 bits"},
		{"GET", "/v1/realms?pageSize=+1", "pageSize", "32 bits"},
		{"GET", "/v1/realms?pageSize=", "pageSize", "32 bits"},
		{"GET", "/v1/realms?pageToken=%FF", "pageToken", "not UTF-8"},
		{"GET", "/v1/realms/r?x=y", "x", "this path takes none"},
		{"GET", "/v1/server?%00=", "\x00", "unknown query parameter"},
		{"GET", "/v1/realms?pageSize=1;pageToken=x", "", "bare ;"},
		{"GET", "/v1/realms?pageToken=%zz", "", "percent-encoding"},
		{"POST", "/v1/realms/r:evaluate?validateOnly=true", "validateOnly", "this path takes none"},
		{"PUT", "/v1/realms/r/policySet?document=x", "document", "unknown query parameter"},
		{"PUT", "/v1/realms/r/policySet?document.etag=x", "document.etag", "unknown query parameter"},
		{"PUT", "/v1/realms/r/policySet?revision=x", "revision", "64 bits"},
		{"GET", "/v1/realms/r/policies?order_by=name", "order_by", `did you mean "orderBy"?`},
		{"GET", "/v1/realms/r/policies?sort=name", "sort", "unknown query parameter"},
		{"GET", "/v1/realms/r/policies?filter=a&filter=b", "filter", "sent 2 times"},
		{"GET", "/v1/realms/r/profiles?search=%FF", "search", "not UTF-8"},
		{"GET", "/v1/realms/r/revisions?filter=x", "filter", "unknown query parameter"},
		{"GET", "/v1/realms/r/revisions/7?pageSize=1", "pageSize", "this path takes none"},
		{"GET", "/v1/realms/r/revisions/7:diff?other=x", "other", "64 bits"},
		{"GET", "/v1/realms/r/revisions/7:diff?other=07", "other", "64 bits"},
		{"GET", "/v1/realms/r/revisions/7:diff?revision=8", "revision", "unknown query parameter"},
		{"GET", "/v1/realms/r/decisions?since=now", "since", "unknown query parameter"},
		{"GET", "/v1/realms/r/decisions/d?decisionId=e", "decisionId", "this path takes none"},
		{"GET", "/v1/realms/r/decisions/d?decision_id=e", "decision_id", "this path takes none"},
		{"GET", "/v1/catalogue/executors?filter=x", "filter", "unknown query parameter"},
		{"GET", "/v1/auditRecords?page_size=1", "page_size", `did you mean "pageSize"?`},
		{"POST", "/v1/realms/r/decisions:erase?clientId=c", "clientId", "this path takes none"},
		{"POST", "/v1/realms/r/policies/q:move?before=a", "before", "unknown query parameter"},
	} {
		body := ""
		if tc.method == "POST" || tc.method == "PUT" {
			body = "{}"
		}
		p := refused(t, r.do(t, tc.method, tc.path, body), 400)
		if len(p.Violations) != 1 || p.Violations[0].Field != tc.field || !strings.Contains(p.Violations[0].Description, tc.text) || p.Line != 0 || p.Reason != "INVALID_DOCUMENT" {
			t.Errorf("%s: got %+v", tc.path, p)
		}
	}
	if p := refused(t, r.do(t, "GET", "/v1/realms?a=1&b=2&pageSize=x", ""), 400); len(p.Violations) != 3 {
		t.Errorf("got %+v, want all three problems", p)
	}
	if calls := f.all(); len(calls) != 0 {
		t.Errorf("refused queries reached %v", calls)
	}
}

func TestUpdateMask(t *testing.T) {
	f, r := serve(t, options())
	for _, tc := range []struct {
		query, body string
		want        []string
	}{
		{"", `{}`, nil},
		{"", `{"settings":{}}`, nil},
		{"", `{"settings":null}`, []string{"settings"}},
		{"", `{"settings":{"compatibility":"COMPATIBILITY_KEYCLOAK"}}`, []string{"settings.compatibility"}},
		{"", `{"settings":{"requireIfMatch":null,"omittedFacts":[]}}`, []string{"settings.omitted_facts", "settings.require_if_match"}},
		{"", `{"settings":{"historyRetention":{"maxAge":"5s"}}}`, []string{"settings.history_retention"}},
		{"", `{"settings":{"historyRetention":{}}}`, []string{"settings.history_retention"}},
		{"", `{"name":"r","etag":"x","revision":"7","updateTime":null,"author":"a","warnings":[],"settings":{"protectedClients":["c"]}}`, []string{"settings.protected_clients"}},
		{"", `{"name":"other"}`, []string{"name"}},
		{"settings.omittedFacts", `{}`, []string{"settings.omitted_facts"}},
		{"settings.omittedFacts,settings.keycloakWrites,settings.omittedFacts", `{"settings":{"requireIfMatch":true}}`, []string{"settings.omitted_facts", "settings.keycloak_writes"}},
		{"settings", `{"settings":{}}`, []string{"settings"}},
	} {
		path := "/v1/realms/r"
		if tc.query != "" {
			path += "?updateMask=" + url.QueryEscape(tc.query)
		}
		accepted(t, r.do(t, "PATCH", path, tc.body))
		got := f.only(t).req.(*pb.UpdateRealmRequest)
		if tc.want == nil {
			if got.UpdateMask != nil {
				t.Errorf("%s %s: got mask %v, want none", tc.query, tc.body, got.UpdateMask)
			}
			continue
		}
		if diff := cmp.Diff(&fieldmaskpb.FieldMask{Paths: tc.want}, got.UpdateMask, protocmp.Transform()); diff != "" {
			t.Errorf("%s %s: %s", tc.query, tc.body, diff)
		}
		if !got.UpdateMask.IsValid(&pb.Realm{}) {
			t.Errorf("%s %s: mask %v is not valid", tc.query, tc.body, got.UpdateMask)
		}
	}
}

func TestUpdateMaskKeepsTheRest(t *testing.T) {
	f, r := serve(t, options())
	accepted(t, r.do(t, "PATCH", "/v1/realms/r?updateMask=settings.compatibility&validateOnly=true&comment=c", `{"settings":{"compatibility":"COMPATIBILITY_SAFE"}}`))
	want := &pb.UpdateRealmRequest{
		Realm: "r", ValidateOnly: true, Comment: "c",
		Document:   &pb.Realm{Settings: &pb.RealmSettings{Compatibility: pb.RealmSettings_COMPATIBILITY_SAFE.Enum()}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"settings.compatibility"}},
	}
	if diff := cmp.Diff(want, f.only(t).req, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestUpdateMaskRefused(t *testing.T) {
	f, r := serve(t, options())
	for mask, text := range map[string]string{
		"":                                 "is empty",
		",":                                `unknown member ""`,
		"settings.omitted_facts":           `did you mean "omittedFacts"?`,
		"setings":                          `did you mean "settings"?`,
		"settings.":                        `unknown member ""`,
		"settings.historyRetention.maxAge": "no deeper than one member of settings",
		"name.x":                           "is replaced whole",
		"updateTime.seconds":               "is replaced whole",
		"*":                                "unknown member",
		" settings":                        "unknown member",
	} {
		p := refused(t, r.do(t, "PATCH", "/v1/realms/r?updateMask="+url.QueryEscape(mask), "{}"), 400)
		if len(p.Violations) != 1 || p.Violations[0].Field != "updateMask" || !strings.Contains(p.Detail, text) {
			t.Errorf("%q: got %+v", mask, p)
		}
	}
	refused(t, r.do(t, "PATCH", "/v1/realms/r?update_mask=settings", "{}"), 400)
	refused(t, r.do(t, "PATCH", "/v1/realms/r?updateMask=settings&updateMask=name", "{}"), 400)
	if calls := f.all(); len(calls) != 0 {
		t.Errorf("got %v", calls)
	}
}
