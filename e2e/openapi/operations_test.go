package openapi_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/internal/auth"
)

// limit is the greatest size of a body.
const limit = 256 << 10

const (
	profileBody = `{"name":"p","description":"d","executors":[{"executor":"pkce-enforcer","configuration":{"auto-configure":true}}]}`
	policyBody  = `{"name":"q","description":"d","enabled":true,"mode":"STRICT","conditions":[{"condition":"any-client","configuration":{}}],` +
		`"profiles":["p"],"enforcement":"ENFORCEMENT_WARN","events":["EVENT_REGISTER","EVENT_UPDATE"]}`
	setBody      = `{"profiles":[` + profileBody + `],"policies":[` + policyBody + `]}`
	evaluateBody = `{"event":"EVENT_VIEW","client":{"clientId":"c"}}`
)

// typical is a call of every operation that succeeds when the realm "r" has the
// profile "p" and the policy "q" that uses it, save for deletions.
var typical = map[string]call{
	"PolicyDecisionService_Evaluate":      {body: evaluateBody},
	"PolicyDecisionService_BatchEvaluate": {body: `{"requests":[` + evaluateBody + `]}`},
	"RealmService_ListRealms":             {},
	"RealmService_CreateRealm":            {body: `{"name":"new"}`, query: "validateOnly=true"},
	"RealmService_GetRealm":               {},
	"RealmService_UpdateRealm":            {body: `{"settings":{"protectedClients":["c"]}}`},
	"RealmService_DeleteRealm":            {query: "force=true"},
	"PolicyAdminService_GetPolicySet":     {},
	"PolicyAdminService_ReplacePolicySet": {body: setBody, query: "force=true"},
	"PolicyAdminService_ListProfiles":     {},
	"PolicyAdminService_CreateProfile":    {body: `{"name":"p2"}`, query: "validateOnly=true"},
	"PolicyAdminService_GetProfile":       {item: "p"},
	"PolicyAdminService_ReplaceProfile":   {item: "p", body: profileBody},
	"PolicyAdminService_DeleteProfile":    {item: "p"},
	"PolicyAdminService_ListPolicies":     {},
	"PolicyAdminService_CreatePolicy":     {body: `{"name":"q2"}`, query: "validateOnly=true"},
	"PolicyAdminService_GetPolicy":        {item: "q"},
	"PolicyAdminService_ReplacePolicy":    {item: "q", body: policyBody},
	"PolicyAdminService_DeletePolicy":     {item: "q"},
	"PolicyAdminService_UpdateProfile":    {item: "p", body: `{"description":"e"}`},
	"PolicyAdminService_UpdatePolicy":     {item: "q", body: `{"description":"e"}`},
	"PolicyAdminService_MovePolicy":       {item: "q", body: `{"index":0}`},

	"RevisionService_ListRevisions":    {},
	"RevisionService_GetRevision":      {item: "2"},
	"RevisionService_DiffRevisions":    {item: "2"},
	"RevisionService_RollbackRevision": {item: "2", query: "force=true&validateOnly=true"},
	"RevisionService_WatchRevisions":   {query: "after=1", items: 1},

	"CatalogueService_ListExecutors":         {},
	"CatalogueService_GetExecutor":           {item: "pkce-enforcer"},
	"CatalogueService_ListConditions":        {},
	"CatalogueService_GetCondition":          {item: "any-client"},
	"CatalogueService_ListEvents":            {},
	"CatalogueService_GetEvent":              {item: "TOKEN_REQUEST"},
	"CatalogueService_ListCatalogueProfiles": {},
	"CatalogueService_GetCatalogueProfile":   {item: "fapi-2-security-profile"},

	"DecisionLogService_ListDecisions":   {},
	"DecisionLogService_GetDecision":     {item: kept},
	"DecisionLogService_FollowDecisions": {},
	"DecisionLogService_ExportDecisions": {},
	"DecisionLogService_ReplayDecision":  {item: kept},
	"DecisionLogService_EraseDecisions":  {body: `{"clientId":"nobody"}`},

	"AuditLogService_ListAuditRecords":   {},
	"AuditLogService_FollowAuditRecords": {},

	"ServerService_GetServer": {},
}

// login are the operations that no proto has.
func login(op string) bool { return strings.HasPrefix(op, "Login_") }

// each calls every operation, with a typical request changed by a function, which
// tells whether the operation is meant.
func (c *contract) each(t *testing.T, change func(w *call) bool) {
	t.Helper()
	for _, id := range c.operations() {
		if login(id) {
			continue
		}
		w, ok := typical[id]
		if !ok {
			t.Errorf("operation %s has no typical call in operations_test.go", id)
			continue
		}
		if w.op = id; change(&w) {
			c.do(t, w)
		}
	}
}

// TestOperations makes every operation succeed and refuse in every way that the
// document names.
func TestOperations(t *testing.T) {
	c := newContract(t, start(t, "--security-profile=strict",
		fmt.Sprintf("--limits.document-bytes=%d", limit), fmt.Sprintf("--limits.decision-message-bytes=%d", limit), "--decision-log.sample=1"))
	stranger := c.token(t, auth.Evaluator, "elsewhere")
	c.fill(t, "r", "{}")
	c.keepDecision(t)
	for _, step := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"succeeds", c.succeed},
		{"is read with HEAD", c.head},
		{"decides", c.decide},
		{"patches and moves", c.patch},
		{"goes back", c.goBack},
		{"describes", c.describe},
		{"follows", c.follow},
		{"shows what was decided", c.decided},
		{"refuses what is invalid", c.refuseInvalid},
		{"refuses strangers", func(t *testing.T) {
			c.each(t, func(w *call) bool {
				w.token, w.want, w.reason = "-", http.StatusUnauthorized, "UNAUTHENTICATED"
				return true
			})
			c.each(t, func(w *call) bool {
				w.token, w.want, w.reason = stranger, http.StatusForbidden, "PERMISSION_DENIED"
				return true
			})
		}},
		{"finds nothing", c.findNothing},
		{"refuses conflicts", c.refuseConflicts},
		{"compares entity tags", c.compareTags},
		{"demands entity tags", c.demandTags},
		{"forgets pages", c.forgetPages},
		{"deletes", c.remove},
		{"logs in and out", c.login},
		{"keeps no log", c.keepNothing},
		{"slows guessing down", c.slowDown},
		{"is not available", c.unavailable},
	} {
		t.Run(step.name, step.run)
	}
	c.complete(t)
}

// fill makes a realm with the profile "p" and the policy "q".
func (c *contract) fill(t *testing.T, realm, settings string) {
	t.Helper()
	c.do(t, call{op: "RealmService_CreateRealm", body: fmt.Sprintf(`{"name":%q,"settings":%s}`, realm, settings), want: http.StatusOK})
	c.do(t, call{op: "PolicyAdminService_CreateProfile", realm: realm, body: profileBody, want: http.StatusOK})
	c.do(t, call{op: "PolicyAdminService_CreatePolicy", realm: realm, body: policyBody, want: http.StatusOK})
}

func deletes(w *call) bool { return strings.Contains(w.op, "_Delete") }

func (c *contract) succeed(t *testing.T) {
	const settings = `{"settings":{"compatibility":"COMPATIBILITY_SAFE","keycloakWrites":"KEYCLOAK_WRITES_REFUSE_STALE","requireIfMatch":false,` +
		`"omittedFacts":["/actor/groups"],"protectedClients":["c"],"historyRetention":{"maxRevisions":100,"maxAge":"3600s"}}}`
	c.each(t, func(w *call) bool {
		w.want = http.StatusOK
		return !deletes(w)
	})
	for _, w := range []call{
		{op: "RealmService_UpdateRealm", body: settings, headers: []string{"X-Change-Comment", "why not, für alle"}},
		{op: "RealmService_UpdateRealm", body: "{}", query: "updateMask=settings.protectedClients&comment=cleared"},
		{op: "RealmService_ListRealms", query: "pageSize=1"},
		// What is legal and probably not meant.
		{op: "PolicyAdminService_CreateProfile", body: `{"name":"a/b:c","executors":[]}`},
		{op: "PolicyAdminService_CreatePolicy", body: `{"name":"q/1","enabled":true}`},
		{op: "PolicyAdminService_ReplacePolicySet", body: `{"profiles":[{"name":"empty"}]}`, query: "validateOnly=true&force=true"},
		{op: "PolicyAdminService_GetProfile", item: "a/b:c"},
		{op: "PolicyAdminService_GetProfile", item: "fapi-2-security-profile"},
		{op: "PolicyAdminService_ListProfiles", query: "pageSize=500"},
		{op: "PolicyAdminService_ListPolicies", query: "pageSize=500"},
	} {
		w.want = http.StatusOK
		c.do(t, w)
	}
	for op, item := range map[string]string{"Profile": "p", "Policy": "q"} {
		read := c.do(t, call{op: "PolicyAdminService_Get" + op, item: item, want: http.StatusOK})
		c.do(t, call{op: "PolicyAdminService_Replace" + op, item: item, body: string(read.body), want: http.StatusOK,
			headers: []string{"If-Match", read.header.Get("ETag")}})
	}
}

// head compares HEAD, which the document leaves out, with GET.
func (c *contract) head(t *testing.T) {
	c.each(t, func(w *call) bool {
		if w.want = http.StatusOK; c.routes[w.op].Method != http.MethodGet {
			return false
		}
		want := c.do(t, *w)
		request, _ := c.request(t, *w, c.routes[w.op])
		request.Method = http.MethodHead
		got := c.send(t, request, 0)
		if got.status != http.StatusOK || len(got.body) > 0 || got.header.Get("ETag") != want.header.Get("ETag") {
			t.Errorf("%s: HEAD answers %d %v with %d bytes", w.op, got.status, got.header, len(got.body))
		}
		return true
	})
}

// decide has decisions with all that an answer can hold besides mutations and
// obligations, which the vectors have.
func (c *contract) decide(t *testing.T) {
	const options = `"options":{"returnClient":true,"explain":true}`
	register := `{"realm":"r","event":"EVENT_REGISTER","registration":{"channel":"CHANNEL_ADMIN"},"actor":{"username":"u"},"proposedClient":{"clientId":"c","attributes":{}},` + options + `}`
	for _, w := range []call{
		{op: "PolicyDecisionService_Evaluate", body: register, want: http.StatusOK},
		{op: "PolicyDecisionService_BatchEvaluate", body: `{"realm":"r","requests":[` + register + `,{"event":"EVENT_VIEW"}]}`, want: http.StatusOK},
		{
			op: "PolicyDecisionService_Evaluate", body: `{"event":"EVENT_VIEW","client":{},"options":{"minRevision":"1000000"}}`,
			want: http.StatusServiceUnavailable, reason: "REVISION_NOT_REACHED",
		},
	} {
		c.do(t, w)
	}
}

func (c *contract) refuseInvalid(t *testing.T) {
	invalid := call{want: http.StatusBadRequest, reason: "INVALID_DOCUMENT"}
	bodied := func(w *call) bool { return w.body != "" }
	c.each(t, func(w *call) bool {
		w.query, w.want, w.reason = "nonsense=1", invalid.want, invalid.reason
		return true
	})
	c.each(t, func(w *call) bool {
		w.body, w.outside, w.want, w.reason = `{"nonsense":1}`, bodied(w), invalid.want, invalid.reason
		return w.outside
	})
	c.each(t, func(w *call) bool {
		ok := bodied(w)
		w.body, w.want, w.reason = "{\n  \"name\": \"p\",\n  \"name\": \"p\"\n}", invalid.want, invalid.reason
		return ok
	})
	c.each(t, func(w *call) bool {
		ok := bodied(w)
		w.headers, w.want = []string{"Content-Type", "text/plain"}, http.StatusUnsupportedMediaType
		return ok
	})
	c.each(t, func(w *call) bool {
		ok := bodied(w)
		w.body, w.want, w.reason = strings.Repeat(" ", limit)+w.body, http.StatusRequestEntityTooLarge, "TOO_LARGE"
		return ok
	})
	c.each(t, func(w *call) bool {
		w.headers, w.want = []string{"Accept", "image/png"}, http.StatusNotAcceptable
		return c.named(w.op, w.want)
	})
	for _, w := range []call{
		{op: "PolicyAdminService_CreateProfile", body: `{"name":"x","executors":[{"executor":"nonsense"},{"executor":"pkce-enforcer","configuration":{"auto":1}}]}`},
		{op: "PolicyAdminService_ListProfiles", query: "pageSize=501"},
		{op: "PolicyAdminService_ListProfiles", query: "pageToken=nonsense"},
		{op: "PolicyAdminService_DeletePolicy", item: "q", headers: []string{"If-Match", "nonsense"}},
		{op: "RealmService_CreateRealm", body: `{"name":"x"}`, headers: []string{"If-Match", "*"}},
	} {
		w.want, w.reason = invalid.want, invalid.reason
		c.do(t, w)
	}
}

func (c *contract) findNothing(t *testing.T) {
	c.each(t, func(w *call) bool {
		w.realm, w.want, w.reason = "nowhere", http.StatusNotFound, "REALM_NOT_FOUND"
		return strings.Contains(c.routes[w.op].Path, "{realm}")
	})
	c.each(t, func(w *call) bool {
		ok := w.item != ""
		w.item, w.want = "nothing", http.StatusNotFound
		if strings.HasPrefix(w.op, "RevisionService_") {
			w.item, w.reason = "1000000", "REVISION_NOT_FOUND"
		}
		return ok
	})
}

func (c *contract) refuseConflicts(t *testing.T) {
	c.fill(t, "busy", "{}")
	c.do(t, call{op: "RealmService_UpdateRealm", realm: "busy", body: `{"settings":{"protectedClients":["c"]}}`, want: http.StatusOK})
	c.do(t, call{op: "PolicyAdminService_CreatePolicy", realm: "busy", body: `{"name":"other"}`, want: http.StatusOK})
	c.do(t, call{op: "PolicyAdminService_CreateProfile", realm: "busy", body: `{"name":"other"}`, want: http.StatusOK})
	c.do(t, call{op: "PolicyAdminService_ReplacePolicy", realm: "busy", item: "q", body: `{"profiles":["p"]}`, want: http.StatusOK})
	first := []string{"X-Sidegate-Revision", "1"}
	for _, w := range []call{
		{op: "RealmService_CreateRealm", body: `{"name":"busy"}`, reason: "ALREADY_EXISTS"},
		{op: "RealmService_UpdateRealm", body: `{"settings":{}}`, headers: first, reason: "CONFLICT"},
		{op: "RealmService_DeleteRealm", reason: "REALM_NOT_EMPTY"},
		{op: "PolicyAdminService_ReplacePolicySet", body: "{}", query: "revision=1", reason: "CONFLICT"},
		{op: "PolicyAdminService_CreateProfile", body: profileBody, reason: "ALREADY_EXISTS"},
		{op: "PolicyAdminService_ReplaceProfile", item: "p", body: `{"name":"renamed"}`, reason: "PROFILE_IN_USE"},
		{op: "PolicyAdminService_ReplaceProfile", item: "p", body: `{"name":"other"}`, reason: "ALREADY_EXISTS"},
		{op: "PolicyAdminService_DeleteProfile", item: "p", reason: "PROFILE_IN_USE"},
		{op: "PolicyAdminService_CreatePolicy", body: policyBody, reason: "ALREADY_EXISTS"},
		{op: "PolicyAdminService_ReplacePolicy", item: "q", body: `{}`, headers: first, reason: "CONFLICT"},
		{op: "PolicyAdminService_DeletePolicy", item: "q", headers: first, reason: "CONFLICT"},
		{op: "PolicyAdminService_UpdateProfile", item: "p", body: `{"name":"other"}`, reason: "ALREADY_EXISTS"},
		{op: "PolicyAdminService_UpdatePolicy", item: "q", body: `{"name":"other"}`, reason: "ALREADY_EXISTS"},
		{op: "PolicyAdminService_MovePolicy", item: "q", body: `{"before":"other"}`, headers: first, reason: "CONFLICT"},
		{op: "RevisionService_RollbackRevision", item: "1", headers: first, reason: "CONFLICT"},
	} {
		w.realm, w.want = "busy", http.StatusConflict
		c.do(t, w)
	}
	for _, w := range []call{
		{op: "PolicyAdminService_ReplaceProfile", item: "fapi-2-security-profile", body: "{}"},
		{op: "PolicyAdminService_DeleteProfile", item: "fapi-2-security-profile"},
	} {
		w.want, w.reason = http.StatusForbidden, "READ_ONLY"
		c.do(t, w)
	}
}

// named tells whether the document names a status for an operation.
func (c *contract) named(op string, status int) bool {
	return c.routes[op].Operation.Responses.Status(status) != nil
}

func (c *contract) compareTags(t *testing.T) {
	c.each(t, func(w *call) bool {
		w.headers, w.want, w.reason = []string{"If-Match", `"other", W/"weak"`}, http.StatusPreconditionFailed, "ETAG_MISMATCH"
		return c.named(w.op, w.want)
	})
}

func (c *contract) demandTags(t *testing.T) {
	c.fill(t, "careful", `{"requireIfMatch":true}`)
	c.each(t, func(w *call) bool {
		if strings.HasSuffix(w.op, "PolicySet") || strings.HasSuffix(w.op, "RollbackRevision") {
			w.query = ""
		}
		w.realm, w.want, w.reason = "careful", http.StatusPreconditionRequired, "IF_MATCH_REQUIRED"
		return c.named(w.op, w.want)
	})
}

func (c *contract) forgetPages(t *testing.T) {
	c.fill(t, "short", `{"historyRetention":{"maxRevisions":1}}`)
	for _, list := range []string{"Profiles", "Policies"} {
		op := "PolicyAdminService_List" + list
		one := map[string]string{"Profiles": "Profile", "Policies": "Policy"}[list]
		c.do(t, call{op: "PolicyAdminService_Create" + one, realm: "short", body: `{"name":"second"}`, want: http.StatusOK})
		var page struct{ NextPageToken string }
		decode(t, c.do(t, call{op: op, realm: "short", query: "pageSize=1", want: http.StatusOK}).body, &page)
		c.do(t, call{op: op, realm: "short", query: "pageToken=" + page.NextPageToken, want: http.StatusOK})
		c.do(t, call{op: "PolicyAdminService_Create" + one, realm: "short", body: `{"name":"third"}`, want: http.StatusOK})
		c.do(t, call{op: op, realm: "short", query: "pageToken=" + page.NextPageToken, want: http.StatusGone, reason: "PAGE_EXPIRED"})
	}
}

func (c *contract) remove(t *testing.T) {
	c.fill(t, "old", "{}")
	for _, w := range []call{
		{op: "PolicyAdminService_DeletePolicy", item: "q", query: "validateOnly=true"},
		{op: "PolicyAdminService_DeletePolicy", item: "q", query: "comment=gone"},
		{op: "PolicyAdminService_DeleteProfile", item: "p", headers: []string{"If-Match", "*"}},
		{op: "RealmService_DeleteRealm", query: "validateOnly=true"},
		{op: "RealmService_DeleteRealm"},
	} {
		w.realm, w.want = "old", http.StatusOK
		c.do(t, w)
	}
}

// unavailable makes the server unable to tell who calls.
func (c *contract) unavailable(t *testing.T) {
	path := filepath.Join(c.dir, "tokens.json")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	c.each(t, func(w *call) bool {
		w.want, w.reason = http.StatusServiceUnavailable, "STORAGE"
		return true
	})
}
