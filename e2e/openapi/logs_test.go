package openapi_test

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// patience is how long the log may take to show what was decided.
const patience = 30 * time.Second

// keepDecision makes a decision of the realm "r" and waits until it is kept.
func (c *contract) keepDecision(t *testing.T) {
	t.Helper()
	c.decision = c.decide1(t, "r", `{"event":"EVENT_REGISTER","registration":{"channel":"CHANNEL_ADMIN"},"actor":{"username":"u"},"proposedClient":{"clientId":"c","attributes":{}}}`)
}

// decide1 makes a decision, waits until it is kept and returns its id.
func (c *contract) decide1(t *testing.T, realm, body string) string {
	t.Helper()
	var made struct{ DecisionID string }
	decode(t, c.do(t, call{op: "PolicyDecisionService_Evaluate", realm: realm, body: body, want: http.StatusOK}).body, &made)
	request, _ := c.request(t, call{item: made.DecisionID, realm: realm}, c.routes["DecisionLogService_GetDecision"])
	for start := time.Now(); time.Since(start) < patience; {
		if c.send(t, request, 0).status == http.StatusOK {
			return made.DecisionID
		}
	}
	t.Fatalf("decision %s is not kept", made.DecisionID)
	return ""
}

// decided reads the log in every form.
func (c *contract) decided(t *testing.T) {
	for _, body := range []string{
		evaluateBody, `{"event":"EVENT_REGISTER","registration":{"channel":"CHANNEL_ADMIN"},"actor":{"username":"=cmd"},"proposedClient":{"clientId":"=1+1","attributes":{}}}`,
	} {
		c.decide1(t, "r", body)
	}
	for _, w := range []call{
		{op: "DecisionLogService_ListDecisions", query: "pageSize=1"},
		{op: "DecisionLogService_ListDecisions", query: "filter=event%3DREGISTER%20AND%20clientId%3Dc"},
		{op: "DecisionLogService_GetDecision", item: kept},
		{op: "DecisionLogService_ExportDecisions"},
		{op: "DecisionLogService_ExportDecisions", headers: []string{"Accept", "text/csv"}},
		{op: "DecisionLogService_ExportDecisions", query: "filter=clientId%3Dnobody"},
		{op: "DecisionLogService_ReplayDecision", item: kept},
		{op: "DecisionLogService_ReplayDecision", item: kept, query: "revision=1"},
		{op: "AuditLogService_ListAuditRecords", query: "pageSize=3"},
		{op: "AuditLogService_ListAuditRecords", query: "filter=kind%3DWRITE"},
	} {
		w.want = http.StatusOK
		if got := c.do(t, w); len(got.body) == 0 && !strings.Contains(w.query, "nobody") {
			t.Errorf("%s: nothing came", w.op)
		}
	}
	var erased struct{ Erased string }
	decode(t, c.do(t, call{op: "DecisionLogService_EraseDecisions", body: `{"clientId":"=1+1"}`, want: http.StatusOK}).body, &erased)
	if erased.Erased != "1" {
		t.Errorf("erased %q decisions, want 1", erased.Erased)
	}
	for _, w := range []call{
		{op: "DecisionLogService_EraseDecisions", body: `{}`},
		{op: "DecisionLogService_ListDecisions", query: "filter=nonsense"},
		{op: "DecisionLogService_ExportDecisions", query: "filter=colour%3Dred"},
		{op: "DecisionLogService_FollowDecisions", query: "filter=since%3D2026-01-02T03:04:05Z"},
		{op: "AuditLogService_ListAuditRecords", query: "filter=kind%3DNONSENSE"},
		{op: "AuditLogService_FollowAuditRecords", query: "filter=until%3Dnow"},
		{op: "DecisionLogService_ListDecisions", query: "pageToken=nonsense"},
		{op: "DecisionLogService_ReplayDecision", item: kept, query: "revision=-1"},
	} {
		w.want, w.reason = http.StatusBadRequest, "INVALID_DOCUMENT"
		c.do(t, w)
	}
	c.do(t, call{op: "DecisionLogService_ReplayDecision", item: kept, query: "revision=1000000", want: http.StatusNotFound, reason: "REVISION_NOT_FOUND"})
}

// follow opens every stream before something happens, and reads what does.
func (c *contract) follow(t *testing.T) {
	c.fill(t, "followed", "{}")
	for _, tc := range []struct {
		op     string
		happen func()
	}{
		{"RevisionService_WatchRevisions", func() {
			c.do(t, call{op: "PolicyAdminService_UpdatePolicy", realm: "followed", item: "q", body: `{"description":"x"}`, want: http.StatusOK})
		}},
		{"DecisionLogService_FollowDecisions", func() {
			c.do(t, call{op: "PolicyDecisionService_Evaluate", realm: "followed", body: evaluateBody, want: http.StatusOK})
		}},
		{"AuditLogService_FollowAuditRecords", func() {
			c.do(t, call{op: "PolicyAdminService_UpdateProfile", realm: "followed", item: "p", body: `{"description":"x"}`, want: http.StatusOK})
		}},
	} {
		for _, kind := range []string{linesType, eventsType} {
			route := c.routes[tc.op]
			request, _ := c.request(t, call{op: tc.op, realm: "followed", headers: []string{"Accept", kind}}, route)
			response, err := c.http.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			// The headers are here, and nothing has happened.
			tc.happen()
			line, err := bufio.NewReader(response.Body).ReadBytes('\n')
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != kind || err != nil {
				t.Fatalf("%s: got %d %v, %v", tc.op, response.StatusCode, response.Header, err)
			}
			c.compare(t, request, c.answers[tc.op], answer{response.StatusCode, response.Header, line})
		}
	}
}

// keepNothing asks a server that keeps no log.
func (c *contract) keepNothing(t *testing.T) {
	off := c.at(start(t, "--decision-log.mode=off"))
	off.fill(t, "r", "{}")
	off.each(t, func(w *call) bool {
		w.want, w.reason = http.StatusConflict, "DECISION_LOG_OFF"
		return strings.HasPrefix(w.op, "DecisionLogService_")
	})
	bare := c.at(start(t, "--decision-log.requests=drop", "--decision-log.sample=1"))
	bare.fill(t, "r", "{}")
	bare.keepDecision(t)
	bare.do(t, call{op: "DecisionLogService_ReplayDecision", item: kept, want: http.StatusConflict, reason: "REQUEST_NOT_KEPT"})
}

// slowDown sends wrong tokens until they are not even looked at. A right one is,
// all the time.
func (c *contract) slowDown(t *testing.T) {
	guessed := c.at(start(t))
	guessed.fill(t, "r", "{}")
	guess := call{op: "ServerService_GetServer", token: "sgt_wrong"}
	request, _ := guessed.request(t, guess, c.routes[guess.op])
	for n := 0; guessed.send(t, request, 0).status == http.StatusUnauthorized; n++ {
		if n > 1000 {
			t.Fatal("a thousand wrong tokens were looked at")
		}
	}
	guessed.each(t, func(w *call) bool {
		w.token, w.want, w.reason = guess.token, http.StatusTooManyRequests, "TOO_MANY_ATTEMPTS"
		return true
	})
	guessed.do(t, call{op: guess.op, want: http.StatusOK})
}

// login exchanges passwords for tokens.
func (c *contract) login(t *testing.T) {
	const name, password = "ada", "correct horse"
	i := startWith(t, []string{"SIDEGATE_BOOTSTRAP_ADMIN_USERNAME=" + name, "SIDEGATE_BOOTSTRAP_ADMIN_PASSWORD=" + password})
	known := c.at(i)
	const credentials = "grant_type=password&client_id=admin-cli&username=ada&password=correct+horse"
	var tokens struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	token := call{op: "Login_Token", realm: "master", token: "-", body: credentials, want: http.StatusOK}
	decode(t, known.do(t, token).body, &tokens)
	known.do(t, call{op: "RealmService_ListRealms", token: tokens.Access, want: http.StatusOK})
	token.body = "grant_type=refresh_token&client_id=admin-cli&refresh_token=" + tokens.Refresh
	decode(t, known.do(t, token).body, &tokens)
	token.body = "grant_type=client_credentials&client_id=ada&client_secret=correct+horse"
	known.do(t, token)
	logout := call{op: "Login_Logout", realm: "master", token: "-", body: "refresh_token=" + tokens.Refresh, want: http.StatusNoContent}
	known.do(t, logout)
	known.do(t, call{op: "RealmService_ListRealms", token: tokens.Access, want: http.StatusUnauthorized, reason: "UNAUTHENTICATED"})

	token.outside = true
	for body, want := range map[string]int{
		"grant_type=password&username=ada": 400, "grant_type=password&username=ada&password=wrong": 400,
		"grant_type=client_credentials&client_id=ada&client_secret=wrong": 401, "grant_type=refresh_token&refresh_token=wrong": 400,
	} {
		token.body, token.want, token.outside = body, want, false
		known.do(t, token)
	}
	for body, want := range map[string]int{"username=ada": 400, "grant_type=magic": 400} {
		token.body, token.want, token.outside = body, want, true
		known.do(t, token)
	}
	logout.body, logout.want = "refresh_token=wrong", http.StatusBadRequest
	known.do(t, logout)
	for _, w := range []call{token, logout} {
		w.outside, w.body, w.realm, w.want = false, "grant_type=password&refresh_token=x", "a:b", http.StatusNotFound
		known.do(t, w)
		w.realm, w.body, w.want = "master", w.body+"&scope="+strings.Repeat("x", 17<<10), http.StatusRequestEntityTooLarge
		known.do(t, w)
	}
	known.guess(t, call{op: "Login_Token", realm: "master", token: "-", body: "grant_type=password&username=ada&password=wrong"})
	known.guess(t, call{op: "Login_Logout", realm: "master", token: "-", body: "refresh_token=wrong"})
}

// guess repeats a call until it is not even looked at.
func (c *contract) guess(t *testing.T, w call) {
	t.Helper()
	request, _ := c.request(t, w, c.routes[w.op])
	for n := 0; ; n++ {
		again := request.Clone(t.Context())
		again.Body, _ = request.GetBody()
		switch status := c.send(t, again, 0).status; {
		case status == http.StatusTooManyRequests:
			w.want = status
			c.do(t, w)
			return
		case n > 1000:
			t.Fatal(fmt.Sprintf("%s: got %d a thousand times", w.op, status))
		}
	}
}
