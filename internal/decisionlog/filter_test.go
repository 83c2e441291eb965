package decisionlog_test

import (
	"slices"
	"strings"
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

// TestFilter finds decisions by each of the terms.
func TestFilter(t *testing.T) {
	l := open(t, options(t))
	for n := range 5 {
		record(t, l, entry("master", n))
	}
	odd := rejected("master", 5)
	odd.Request.Event, odd.Revision, odd.Caller = pb.Event_EVENT_TOKEN_REFRESH, 9, "uid:1000"
	odd.Request.Token = &pb.TokenFacts{Claims: object(t, "sub", "alice")}
	odd.Response.Reason, odd.Response.AppliedPolicies = pb.EvaluateResponse_REASON_FAULT, []string{"a AND b", "fapi"}
	record(t, l, odd)
	for filter, want := range map[string]string{
		"":                       "5 4 3 2 1 0",
		"decision=ALLOW":         "4 3 2 1 0",
		"decision=REJECT":        "5",
		"reason=FAULT":           "5",
		"reason=REASON_FAULT":    "5",
		"event=TOKEN_REFRESH":    "5",
		"clientId=client-3":      "3",
		"clientId=client":        "",
		"user=alice":             "5",
		"caller=uid:1000":        "5",
		`policy="a AND b"`:       "5",
		"policy=fapi":            "5 4 3 2 1 0",
		"policy=fap":             "",
		"executor=pkce-enforcer": "5",
		"revision=7":             "4 3 2 1 0",
		"traceId=00000000000000000000000000000003":                            "2",
		"since=2026-11-22T10:00:03Z":                                          "5 4 3",
		"until=2026-11-22T10:00:03Z":                                          "2 1 0",
		"since=2026-11-22T10:00:01Z AND until=2026-11-22T11:00:03+01:00":      "2 1",
		"since=2026-11-22T10:00:01Z AND decision=ALLOW AND clientId=client-4": "4",
		"since=2990-01-01T00:00:00Z":                                          "",
		"until=2990-01-01T00:00:00Z":                                          "5 4 3 2 1 0",
		"since=1890-01-01T00:00:00Z":                                          "5 4 3 2 1 0",
		"until=1890-01-01T00:00:00Z":                                          "",
	} {
		got := ids(t, l, "master", filter)
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], "00000")
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v, want %s", filter, got, want)
		}
	}
}

// TestFilterErrors say what is wrong, and what would be right.
func TestFilterErrors(t *testing.T) {
	follow := func(s string) error { _, err := decisionlog.ParseFollowFilter(s); return err }
	list := func(s string) error { _, err := decisionlog.ParseFilter(s); return err }
	audit := func(s string) error { _, err := decisionlog.ParseAuditFilter(s); return err }
	auditFollow := func(s string) error { _, err := decisionlog.ParseAuditFollowFilter(s); return err }
	for _, c := range []struct {
		parse  func(string) error
		filter string
		want   []string
	}{
		{list, "clientID=x", []string{"unknown key", `did you mean "clientId"?`}},
		{list, "decision=DENY", []string{`the value of "decision" is "DENY"`, "ALLOW, REJECT"}},
		{list, "event=TOKEN_REQEST", []string{`did you mean "TOKEN_REQUEST"?`}},
		{list, "reason=REASON_UNSPECIFIED", []string{"which is none"}},
		{list, "revision=0", []string{"expected a revision, 1 or more"}},
		{list, "revision=x", []string{"expected a revision, 1 or more"}},
		{list, "since=yesterday", []string{"expected a time of RFC 3339"}},
		{list, "until=yesterday", []string{"expected a time of RFC 3339"}},
		{list, "since=2026-11-22T10:00:00Z AND until=2026-11-22T10:00:00Z", []string{"is not after since", "swap them"}},
		{follow, "since=2026-11-22T10:00:00Z", []string{"unknown key"}},
		{audit, "kind=WRIT", []string{`did you mean "WRITE"?`}},
		{audit, "since=x", []string{"RFC 3339"}},
		{audit, "until=x", []string{"RFC 3339"}},
		{audit, "executor=x", []string{"unknown key"}},
		{audit, "since=2026-11-22T10:00:01Z AND until=2026-11-22T10:00:00Z", []string{"swap them"}},
		{auditFollow, "until=2026-11-22T10:00:00Z", []string{"unknown key"}},
	} {
		err := c.parse(c.filter)
		if err == nil {
			t.Errorf("%q was taken", c.filter)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q in it", c.filter, err, want)
			}
		}
	}
}

// TestScan bounds what one call reads: what matches little comes on later pages.
func TestScan(t *testing.T) {
	l := open(t, options(t))
	record(t, l, rejected("master", 0))
	for n := range 12_000 {
		if err := l.Record(t.Context(), entry("master", n+1)); err != nil {
			t.Fatal(err)
		}
		if n%5000 == 0 {
			flush(t, l)
		}
	}
	flush(t, l)
	f, err := decisionlog.ParseFilter("decision=REJECT")
	if err != nil {
		t.Fatal(err)
	}
	list, next, err := l.List(t.Context(), "master", f, decisionlog.Cursor{}, 10)
	if err != nil || len(list) != 0 || next == (decisionlog.Cursor{}) {
		t.Errorf("the first page has %d, %v, %v; want none and a cursor", len(list), next, err)
	}
	list, next, err = l.List(t.Context(), "master", f, next, 10)
	if err != nil || len(list) != 1 || next != (decisionlog.Cursor{}) {
		t.Errorf("the second page has %d, %v, %v; want the one and the end", len(list), next, err)
	}
}

// TestCursor reads cursors back and nothing else.
func TestCursor(t *testing.T) {
	for _, s := range []string{"x", "AAAAAAAAAAAAAAAAAAAAAA", "/////////////////////w", "AAAAAAAAAAAAAAAAAAAAAB", "__________________________", strings.Repeat("A", 100)} {
		if c, err := decisionlog.ParseCursor(s); err == nil {
			t.Errorf("%q is %v", s, c)
		}
	}
	if c, err := decisionlog.ParseCursor(""); err != nil || c != (decisionlog.Cursor{}) || c.String() != "" {
		t.Errorf("the empty cursor is %v, %v", c, err)
	}
	l := open(t, options(t))
	record(t, l, entry("master", 1), entry("master", 2))
	_, next, err := l.List(t.Context(), "master", decisionlog.Filter{}, decisionlog.Cursor{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := decisionlog.ParseCursor(next.String()); err != nil || c != next || slices.Contains([]string{""}, next.String()) {
		t.Errorf("%v became %v, %v", next, c, err)
	}
}
