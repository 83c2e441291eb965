package gateway_test

import (
	"net/url"
	"strings"
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Names of items that have verbs, and of others that came later.
func TestNamesBeforeVerbs(t *testing.T) {
	f, r := serve(t, options())
	for _, name := range append([]string{"a:move", "move", ":move", "a:diff"}, names...) {
		for _, all := range []bool{false, true} {
			e := encode(name, all)
			accepted(t, r.do(t, "POST", "/v1/realms/r/policies/"+e+":move", "{}"))
			if got := f.only(t).req.(*pb.MovePolicyRequest).GetPolicy(); got != name {
				t.Errorf("%s:move: got %q, want %q", e, got, name)
			}
			accepted(t, r.do(t, "PATCH", "/v1/realms/r/policies/"+e, "{}"))
			if got := f.only(t).req.(*pb.UpdatePolicyRequest).GetPolicy(); got != name {
				t.Errorf("PATCH %s: got %q, want %q", e, got, name)
			}
			accepted(t, r.do(t, "POST", "/v1/realms/r/decisions/"+e+":replay", ""))
			if got := f.only(t).req.(*pb.ReplayDecisionRequest).GetDecisionId(); got != name {
				t.Errorf("%s:replay: got %q, want %q", e, got, name)
			}
			accepted(t, r.do(t, "GET", "/v1/realms/r/decisions/"+e, ""))
			if got := f.only(t).req.(*pb.GetDecisionRequest).GetDecisionId(); got != name {
				t.Errorf("decision %s: got %q, want %q", e, got, name)
			}
			accepted(t, r.do(t, "GET", "/v1/catalogue/executors/"+e, ""))
			if got := f.only(t).req.(*pb.GetExecutorRequest).GetExecutor(); got != name {
				t.Errorf("executor %s: got %q, want %q", e, got, name)
			}
		}
	}
	// A colon that is not encoded is a part of the name as long as no verb follows.
	accepted(t, r.do(t, "GET", "/v1/realms/r/policies/a:b", ""))
	accepted(t, r.do(t, "GET", "/v1/realms/r/profiles/a:move", ""))
	accepted(t, r.do(t, "POST", "/v1/realms/r/policies/"+url.PathEscape("a:b")+":move", "{}"))
}

func TestVerbs(t *testing.T) {
	f, r := serve(t, options())
	const item = "GET, HEAD, PUT, PATCH, DELETE"
	for _, tc := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/v1/realms/r/policies/p:move", 405, "POST"},
		{"HEAD", "/v1/realms/r/policies/p:move", 405, "POST"},
		{"PUT", "/v1/realms/r/policies/p:move", 405, "POST"},
		{"PATCH", "/v1/realms/r/policies/p:move", 405, "POST"},
		{"DELETE", "/v1/realms/r/policies/p:move", 405, "POST"},
		{"POST", "/v1/realms/r/policies/p%3Amove", 405, item},
		{"POST", "/v1/realms/r/policies/p:nothing", 405, item},
		{"POST", "/v1/realms/r/policies/:move", 404, ""},
		{"GET", "/v1/realms/r/policies/:move", 404, ""},
		{"POST", "/v1/realms/r/policies:move", 404, ""},
		{"POST", "/v1/realms/r/profiles/p:move", 405, item},
		{"GET", "/v1/realms/r/revisions/7:rollback", 405, "POST"},
		{"DELETE", "/v1/realms/r/revisions/7:rollback", 405, "POST"},
		{"POST", "/v1/realms/r/revisions/7:diff", 405, "GET, HEAD"},
		{"POST", "/v1/realms/r/revisions/7", 405, "GET, HEAD"},
		{"GET", "/v1/realms/r/revisions/7:nothing", 404, ""},
		{"POST", "/v1/realms/r/revisions/7:nothing", 404, ""},
		{"GET", "/v1/realms/r/revisions/7%3Adiff", 404, ""},
		{"GET", "/v1/realms/r/revisions/7:diff:diff", 404, ""},
		{"GET", "/v1/realms/r/revisions/:diff", 404, ""},
		{"POST", "/v1/realms/r/revisions/:rollback", 404, ""},
		{"GET", "/v1/realms/r/revisions/", 404, ""},
		{"POST", "/v1/realms/r:watch", 405, "GET, HEAD"},
		{"GET", "/v1/realms/r:nothing", 404, ""},
		{"GET", "/v1/realms/r:move", 404, ""},
		{"GET", "/v1/realms/r/decisions:erase", 405, "POST"},
		{"HEAD", "/v1/realms/r/decisions:erase", 405, "POST"},
		{"DELETE", "/v1/realms/r/decisions:follow", 405, "GET, HEAD"},
		{"POST", "/v1/realms/r/decisions:export", 405, "GET, HEAD"},
		{"POST", "/v1/realms/r/decisions:nothing", 404, ""},
		{"GET", "/v1/realms/r/decisions/d:replay", 405, "POST"},
		{"DELETE", "/v1/realms/r/decisions/d", 405, "GET, HEAD"},
		{"GET", "/v1/realms/r/decisions/", 404, ""},
		{"POST", "/v1/realms/r/decisions/:replay", 404, ""},
		{"POST", "/v1/auditRecords:follow", 405, "GET, HEAD"},
		{"POST", "/v1/auditRecords", 405, "GET, HEAD"},
		{"GET", "/v1/auditRecords/1", 404, ""},
		{"GET", "/v1/catalogue", 404, ""},
		{"GET", "/v1/catalogue/mappers", 404, ""},
		{"GET", "/v1/catalogue/executors/", 404, ""},
		{"GET", "/v1/catalogue/events/%FF", 404, ""},
		{"POST", "/v1/catalogue/executors", 405, "GET, HEAD"},
		{"GET", "/v1/realms/a:b/revisions/7", 404, ""},
		{"GET", "/v1/realms/a:b/decisions", 404, ""},
		{"GET", "/v1/realms/%3Awatch", 404, ""},
	} {
		a := r.do(t, tc.method, tc.path, "")
		if a.status != tc.status || a.header.Get("Allow") != tc.allow {
			t.Errorf("%s %s: got %d, Allow %q; want %d, %q", tc.method, tc.path, a.status, a.header.Get("Allow"), tc.status, tc.allow)
		}
		if tc.method != "HEAD" {
			refused(t, a, tc.status)
		}
	}
	if calls := f.all(); len(calls) != 0 {
		t.Errorf("got %v", calls)
	}
}

func TestRevisionNumbers(t *testing.T) {
	f, r := serve(t, options())
	for _, path := range []string{"/v1/realms/r/revisions/%s", "/v1/realms/r/revisions/%s:diff", "/v1/realms/r/revisions/%s:rollback"} {
		method := map[bool]string{true: "POST", false: "GET"}[strings.HasSuffix(path, "rollback")]
		for _, number := range []string{"1", "7", "9007199254740993", "9223372036854775807"} {
			accepted(t, r.do(t, method, strings.Replace(path, "%s", number, 1), ""))
			f.only(t)
		}
		for _, number := range []string{
			"0", "-1", "+1", "01", "007", "1.0", "1e2", "0x10", "x", "latest", "%20", "1%20", "%2F", "1_000", "٣",
			"9223372036854775808", strings.Repeat("9", 400),
		} {
			p := refused(t, r.do(t, method, strings.Replace(path, "%s", number, 1), ""), 400)
			if p.Reason != "INVALID_DOCUMENT" || len(p.Violations) != 1 || p.Violations[0].Field != "revision" || !strings.Contains(p.Detail, "whole number from 1 on") {
				t.Errorf("%s %s: got %+v", path, number, p)
			}
		}
	}
	if calls := f.all(); len(calls) != 0 {
		t.Errorf("got %v", calls)
	}
}

// A page of another origin cannot make a browser write, body or none.
func TestCrossOrigin(t *testing.T) {
	f, r := serve(t, options())
	const rollback = "/v1/realms/r/revisions/7:rollback?force=true"
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"},
	} {
		for _, route := range []string{"POST " + rollback, "POST /v1/realms", "DELETE /v1/realms/r", "PUT /v1/realms/r/policySet", "PATCH /v1/realms/r"} {
			method, path, _ := strings.Cut(route, " ")
			if p := refused(t, r.do(t, method, path, "", headers...), 403); !strings.Contains(p.Detail, "another origin") {
				t.Errorf("%s: got %+v", route, p)
			}
		}
		accepted(t, r.do(t, "GET", "/v1/realms/r", "", headers...))
		f.only(t)
	}
	for _, headers := range [][]string{{}, {"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}, {"Origin", r.url}} {
		accepted(t, r.do(t, "POST", rollback, "", headers...))
		f.only(t)
	}
}
