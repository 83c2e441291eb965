package openapi_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// rule is a rule that all operations have in common, and a request against it.
type rule struct {
	name string
	call
	// field is that of the first violation, text a part of what is said of it.
	field, text  string
	line, column int
	// more is how many other violations there are.
	more int
}

// refusal is a problem as far as rules go.
type refusal struct {
	Detail       string
	Line, Column int
	Violations   []struct {
		Field, Description string
		Line, Column       int
	}
}

const (
	profiles = "PolicyAdminService_CreateProfile"
	policies = "PolicyAdminService_CreatePolicy"
	sets     = "PolicyAdminService_ReplacePolicySet"
	realms   = "RealmService_CreateRealm"
)

// TestRules breaks the rules that all operations have in common, one at a time:
// each is answered as it should be, and nothing is stored.
func TestRules(t *testing.T) {
	c := newContract(t, start(t, "--decision-log.sample=1"))
	c.fill(t, "r", "{}")
	c.fill(t, "careful", `{"requireIfMatch":true}`)
	c.do(t, call{op: "PolicyAdminService_UpdatePolicy", item: "q", body: `{"enabled":false}`, want: http.StatusOK})
	for _, list := range [][]rule{names, lists, conditions, references, documents, shapes, patches, moves} {
		for _, r := range list {
			t.Run(r.name, func(t *testing.T) { c.breaks(t, r) })
		}
	}
}

// breaks sends a request that is refused, and looks at what there is before and
// after.
func (c *contract) breaks(t *testing.T, r rule) {
	t.Helper()
	before := c.stored(t)
	if r.want == 0 {
		r.want, r.reason = http.StatusBadRequest, "INVALID_DOCUMENT"
	}
	// What the document says of these requests is compared elsewhere.
	request, _ := c.request(t, r.call, c.routes[r.op])
	got := c.send(t, request, 0)
	if got.status != r.want || got.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("got %d %s, want %d: %s", got.status, got.header.Get("Content-Type"), r.want, got.body)
	}
	c.compare(t, request, c.answers[r.op], got)
	if reason := c.problem(t, got); reason != r.reason {
		t.Errorf("got reason %q, want %q: %s", reason, r.reason, got.body)
	}
	var p refusal
	decode(t, got.body, &p)
	if r.field != "" || r.line != 0 {
		if len(p.Violations) != r.more+1 || p.Violations[0].Field != r.field || p.Line != r.line || p.Column != r.column {
			t.Errorf("got %s, want field %q at %d:%d and %d more", got.body, r.field, r.line, r.column, r.more)
		}
	}
	if all, err := json.Marshal(p); err != nil || !strings.Contains(strings.ReplaceAll(string(all), `\"`, `"`), r.text) {
		t.Errorf("got %s, want %q", got.body, r.text)
	}
	if after := c.stored(t); after != before {
		t.Errorf("something was stored: before %s, after %s", before, after)
	}
}

// stored is everything that a write could have changed.
func (c *contract) stored(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, w := range []call{
		{op: "RealmService_ListRealms"}, {op: "RealmService_GetRealm"}, {op: "PolicyAdminService_GetPolicySet"}, {op: "RevisionService_ListRevisions"},
		{op: "PolicyAdminService_GetPolicySet", realm: "careful"},
	} {
		w.want = http.StatusOK
		all.Write(c.do(t, w).body)
	}
	return all.String()
}

func named(name string) string {
	body, err := json.Marshal(map[string]string{"name": name})
	if err != nil {
		panic(err) // a map of strings always marshals
	}
	return string(body)
}

func deep(n int) string {
	return `{"name":"x","executors":[{"executor":"pkce-enforcer","configuration":{"auto-configure":` + strings.Repeat("[", n-4) + strings.Repeat("]", n-4) + `}}]}`
}

func conflict(w call, reason string) call {
	w.want, w.reason = http.StatusConflict, reason
	return w
}

// Contract of administration, section 2, "Names".
var names = []rule{
	{name: "no name", call: call{op: profiles, body: `{}`}, field: "/name", text: "required"},
	{name: "empty name", call: call{op: profiles, body: `{"name":""}`}, field: "/name", text: "required"},
	{name: "256 characters", call: call{op: policies, body: named(strings.Repeat("ü", 256))}, field: "/name", text: "255"},
	{name: "control character", call: call{op: policies, body: `{"name":"a\u0007b"}`}, field: "/name", text: "printed"},
	{name: "dot", call: call{op: profiles, body: named(".")}, field: "/name", text: ". or .."},
	{name: "dots", call: call{op: profiles, body: named("..")}, field: "/name", text: ". or .."},
	{name: "taken", call: conflict(call{op: profiles, body: named("p")}, "ALREADY_EXISTS"), text: `"p"`},
	{name: "of a built-in profile", call: conflict(call{op: profiles, body: named("fapi-2-security-profile")}, "ALREADY_EXISTS"), text: "built-in"},
	{name: "twice in a set", call: call{op: sets, query: "force=true", body: `{"profiles":[{"name":"a"},{"name":"a"}]}`}, field: "/profiles/1/name", text: "a"},
	{name: "realm without one", call: call{op: realms, body: `{}`}, field: "/name", text: "required"},
	{name: "realm with a slash", call: call{op: realms, body: named("a/b")}, field: "/name", text: "/ or :"},
	{name: "realm with a colon", call: call{op: realms, body: named("a:b")}, field: "/name", text: "/ or :"},
	{name: "realm of 256 characters", call: call{op: realms, body: named(strings.Repeat("a", 256))}, field: "/name", text: "255"},
	{name: "realm of dots", call: call{op: realms, body: named("..")}, field: "/name", text: ". or .."},
	{name: "realm that is there", call: conflict(call{op: realms, body: named("r")}, "ALREADY_EXISTS"), text: `"r"`},
	{name: "renamed to nothing", call: call{op: "PolicyAdminService_UpdateProfile", item: "p", body: `{"name":null}`}, field: "/name", text: "required"},
}

func listed(query string) call {
	return call{op: "PolicyAdminService_ListPolicies", query: query}
}

// Contract of administration, section 2, "List".
var lists = []rule{
	{name: "page of 501", call: listed("pageSize=501"), field: "/pageSize", text: "1 to 500"},
	{name: "page of less than none", call: listed("pageSize=-1"), field: "/pageSize", text: "1 to 500"},
	{name: "page of words", call: listed("pageSize=ten"), field: "pageSize", text: "32 bits"},
	{name: "strange token", call: listed("pageToken=nonsense"), field: "/pageToken", text: "token"},
	{name: "search of 256 characters", call: listed("search=" + strings.Repeat("a", 256)), field: "/search", text: "255"},
	{name: "filter without a value", call: listed("filter=enabled"), field: "/filter", text: "key=value"},
	{name: "filter with an empty value", call: listed("filter=enabled%3D"), field: "/filter", text: "empty"},
	{name: "filter by what is not known", call: listed("filter=enable%3Dtrue"), field: "/filter", text: `did you mean "enabled"?`},
	{name: "filter twice the same", call: listed("filter=" + url.QueryEscape("enabled=true AND enabled=false")), field: "/filter", text: "twice"},
	{name: "filter by no truth", call: listed("filter=enabled%3Dyes"), field: "/filter", text: "true or false"},
	{name: "filter by no event", call: listed("filter=event%3DLOGIN"), field: "/filter", text: "event"},
	{name: "filter of 4,097 bytes", call: listed("filter=profile%3D" + strings.Repeat("a", 4089)), field: "/filter", text: "4096"},
	{name: "order by what is not known", call: listed("orderBy=size"), field: "/orderBy", text: "cannot order by"},
	{name: "order without direction", call: listed("orderBy=name+down"), field: "/orderBy", text: "name"},
	{name: "unknown parameter", call: listed("filtre=x"), field: "filtre", text: `did you mean "filter"?`},
	{name: "snake case", call: listed("page_size=1"), field: "page_size", text: `did you mean "pageSize"?`},
	{name: "parameter twice", call: listed("search=a&search=b"), field: "search", text: "2 times"},
	{name: "realms by what they lack", call: call{op: "RealmService_ListRealms", query: "filter=x%3Dy"}, field: "filter", text: "unknown query parameter"},
	{name: "executors by a long text", call: call{op: "CatalogueService_ListExecutors", query: "search=" + strings.Repeat("a", 256)}, field: "/search", text: "255"},
}

// Contract of administration, section 2, "Revision and ETag".
var conditions = []rule{
	{name: "another tag", call: call{op: "PolicyAdminService_DeletePolicy", item: "q", headers: []string{"If-Match", `"x"`}, want: 412, reason: "ETAG_MISMATCH"}, text: "entity tag is now"},
	{name: "another tag of a list", call: call{op: profiles, body: named("new"), headers: []string{"If-Match", `"x"`}, want: 412, reason: "ETAG_MISMATCH"}, text: "entity tag is now"},
	{name: "another tag of a realm", call: call{op: "RealmService_UpdateRealm", body: `{"settings":{"protectedClients":["x"]}}`, headers: []string{"If-Match", `"x"`}, want: 412, reason: "ETAG_MISMATCH"}, text: "entity tag is now"},
	{name: "weak tag", call: call{op: "PolicyAdminService_DeletePolicy", item: "q", headers: []string{"If-Match", `W/"x"`}, want: 412, reason: "ETAG_MISMATCH"}, text: "entity tag is now"},
	{name: "no tag at all", call: call{op: "PolicyAdminService_DeletePolicy", item: "q", headers: []string{"If-Match", "x"}}, field: "If-Match", text: "double quotes"},
	{name: "tag demanded of an item", call: call{op: "PolicyAdminService_DeletePolicy", realm: "careful", item: "q", want: 428, reason: "IF_MATCH_REQUIRED"}, text: "If-Match"},
	{name: "tag demanded of a patch", call: call{op: "PolicyAdminService_UpdatePolicy", realm: "careful", item: "q", body: `{"enabled":false}`, want: 428, reason: "IF_MATCH_REQUIRED"}, text: "If-Match"},
	{name: "tag demanded of a move", call: call{op: "PolicyAdminService_MovePolicy", realm: "careful", item: "q", body: `{"index":0}`, want: 428, reason: "IF_MATCH_REQUIRED"}, text: "If-Match"},
	{name: "tag demanded of a set", call: call{op: sets, realm: "careful", query: "force=true", body: `{}`, want: 428, reason: "IF_MATCH_REQUIRED"}, text: "If-Match"},
	{name: "tag demanded of a realm", call: call{op: "RealmService_UpdateRealm", realm: "careful", body: `{"settings":{"requireIfMatch":false}}`, want: 428, reason: "IF_MATCH_REQUIRED"}, text: "If-Match"},
	{name: "tag demanded of a deletion", call: call{op: "RealmService_DeleteRealm", realm: "careful", query: "force=true", want: 428, reason: "IF_MATCH_REQUIRED"}, text: "If-Match"},
	{name: "set out of nothing", call: call{op: sets, body: `{}`, want: 428, reason: "IF_MATCH_REQUIRED"}, text: "force"},
	{name: "rollback out of nothing", call: call{op: "RevisionService_RollbackRevision", item: "1", want: 428, reason: "IF_MATCH_REQUIRED"}, text: "force"},
	{name: "set of an old revision", call: conflict(call{op: sets, body: `{}`, query: "revision=1"}, "CONFLICT"), text: "since revision 1"},
	{name: "set of an old revision by header", call: conflict(call{op: sets, body: `{}`, headers: []string{"X-Sidegate-Revision", "1"}}, "CONFLICT"), text: "since revision 1"},
	{name: "item of an old revision", call: conflict(call{op: "PolicyAdminService_UpdatePolicy", item: "q", body: `{"enabled":true}`, headers: []string{"X-Sidegate-Revision", "3"}}, "CONFLICT"), text: "since revision 3"},
	{name: "revision that never was", call: conflict(call{op: "PolicyAdminService_DeletePolicy", item: "q", headers: []string{"X-Sidegate-Revision", "1000"}}, "CONFLICT"), text: "1000"},
	{name: "revision of words", call: call{op: "PolicyAdminService_DeletePolicy", item: "q", headers: []string{"X-Sidegate-Revision", "latest"}}, field: "/revision", text: "number"},
	{name: "comment of 4,097 characters", call: call{op: profiles, body: named("new"), headers: []string{"X-Change-Comment", strings.Repeat("ü", 4097)}}, field: "/comment", text: "4096"},
	{name: "comment that is not UTF-8", call: call{op: profiles, body: named("new"), headers: []string{"X-Change-Comment", "\xff"}}, field: "X-Change-Comment", text: "UTF-8"},
	{name: "profile in use", call: conflict(call{op: "PolicyAdminService_DeleteProfile", item: "p"}, "PROFILE_IN_USE"), text: `"q"`},
	{name: "realm in use", call: conflict(call{op: "RealmService_DeleteRealm"}, "REALM_NOT_EMPTY"), text: "force"},
	{name: "built-in profile", call: call{op: "PolicyAdminService_UpdateProfile", item: "fapi-2-security-profile", body: `{"description":"x"}`, want: 403, reason: "READ_ONLY"}, text: "built-in"},
}

// Contract of administration, section 2, "Referential integrity": all problems at
// once.
var references = []rule{
	{name: "unknown profile", call: call{op: policies, body: `{"name":"x","profiles":["p","pp"]}`}, field: "/profiles/1", text: `did you mean "p"?`},
	{name: "unknown executor", call: call{op: profiles, body: `{"name":"x","executors":[{"executor":"pkce-enforcr"}]}`}, field: "/executors/0/executor", text: `did you mean "pkce-enforcer"?`},
	{name: "unknown condition", call: call{op: policies, body: `{"name":"x","conditions":[{"condition":"any-clients"}]}`}, field: "/conditions/0/condition", text: `did you mean "any-client"?`},
	{name: "unknown key", call: call{op: profiles, body: `{"name":"x","executors":[{"executor":"pkce-enforcer","configuration":{"auto-configur":true}}]}`}, field: "/executors/0/configuration/auto-configur", text: `did you mean "auto-configure"?`},
	{name: "wrong type", call: call{op: profiles, body: `{"name":"x","executors":[{"executor":"pkce-enforcer","configuration":{"auto-configure":"perhaps"}}]}`}, field: "/executors/0/configuration/auto-configure", text: "true or false"},
	{name: "unknown mode", call: call{op: policies, body: `{"name":"x","mode":"LAX"}`}, field: "/mode", text: "STRICT"},
	{name: "all at once", call: call{op: sets, query: "force=true", body: `{"profiles":[{"name":"x","executors":[{"executor":"nonsense"},{"executor":"pkce-enforcer","configuration":{"a":1}}]}],"policies":[{"name":"y","profiles":["nobody"]}]}`}, field: "/profiles/0/executors/0/executor", text: "/policies/0/profiles/0", more: 2},
	{name: "profile that a set forgets", call: call{op: sets, query: "force=true", body: `{"policies":[{"name":"y","profiles":["p"]}]}`}, field: "/policies/0/profiles/0", text: "p"},
}

// Contract of administration, section 2, "Errors" and "What was written is what is
// read".
var documents = []rule{
	{name: "unknown member", call: call{op: profiles, body: "{\"name\":\"x\",\n  \"executrs\":[]}"}, field: "/executrs", text: `did you mean "executors"?`, line: 2, column: 3},
	{name: "member twice", call: call{op: profiles, body: `{"name":"x","name":"y"}`}, field: "/name", text: "duplicate", line: 1, column: 13},
	{name: "key twice", call: call{op: profiles, body: `{"name":"x","executors":[{"executor":"pkce-enforcer","configuration":{"a":1,"a":2}}]}`}, field: "/executors/0/configuration/a", text: "duplicate", line: 1, column: 77},
	{name: "trailing data", call: call{op: profiles, body: `{"name":"x"} {}`}, text: "after the end", line: 1, column: 14},
	{name: "blank body", call: call{op: profiles, body: " "}, text: "the body is empty", line: 1, column: 1},
	{name: "65 levels", call: call{op: profiles, body: deep(65)}, text: "nested deeper than 64", line: 1, column: 148, field: "/executors/0/configuration/auto-configure" + strings.Repeat("/0", 60)},
	{name: "integer that no double holds", call: call{op: profiles, body: `{"name":"x","executors":[{"executor":"pkce-enforcer","configuration":{"auto-configure":9007199254740993}}]}`}, field: "/executors/0/configuration/auto-configure", text: "double", line: 1, column: 88},
	{name: "number that no double reaches", call: call{op: profiles, body: `{"name":"x","executors":[{"executor":"pkce-enforcer","configuration":{"auto-configure":1e999}}]}`}, field: "/executors/0/configuration/auto-configure", text: "double", line: 1, column: 88},
	{name: "enum by number", call: call{op: policies, body: `{"name":"x","enforcement":1}`}, field: "/enforcement", text: "the name of a value", line: 1, column: 27},
	{name: "enum without prefix", call: call{op: policies, body: `{"name":"x","enforcement":"WARN"}`}, field: "/enforcement", text: `did you mean "ENFORCEMENT_WARN"?`, line: 1, column: 27},
	{name: "byte order mark", call: call{op: profiles, body: "\ufeff{}"}, text: "byte order mark", line: 1, column: 1},
	{name: "not UTF-8", call: call{op: profiles, body: "{\"name\":\"\xff\"}"}, text: "UTF-8", line: 1, column: 10},
	{name: "another type", call: call{op: profiles, body: named("x"), headers: []string{"Content-Type", "text/plain"}, want: 415}, text: "application/json"},
	{name: "compressed", call: call{op: profiles, body: named("x"), headers: []string{"Content-Encoding", "gzip"}, want: 415}, text: "Content-Encoding"},
	{name: "a page of another origin", call: call{op: profiles, body: named("x"), headers: []string{"Origin", "https://evil.example"}, want: 403}, text: "another origin"},
}

// Contract of administration, section 2, "Shape on REST".
var shapes = []rule{
	{name: "flag without a value", call: call{op: "RealmService_DeleteRealm", query: "force"}, field: "force", text: "force=true"},
	{name: "flag in capitals", call: call{op: "RealmService_DeleteRealm", query: "force=TRUE"}, field: "force", text: "force=true"},
	{name: "member of gRPC alone", call: call{op: profiles, body: `{"name":"x","emptyMembers":["executors"]}`}, field: "/emptyMembers", text: "unknown member", line: 1, column: 13},
	{name: "document in the query", call: call{op: sets, query: "force=true&document=x", body: `{}`}, field: "document", text: "unknown query parameter"},
	{name: "revision with a zero before it", call: call{op: "RevisionService_RollbackRevision", item: "01", query: "force=true"}, field: "revision", text: "whole number from 1 on"},
	{name: "revision 0", call: call{op: "RevisionService_RollbackRevision", item: "0", query: "force=true"}, field: "revision", text: "whole number from 1 on"},
	{name: "revision that is gone", call: call{op: "RevisionService_RollbackRevision", item: "77", query: "force=true", want: 404, reason: "REVISION_NOT_FOUND"}, text: "77"},
	{name: "erasing nobody", call: call{op: "DecisionLogService_EraseDecisions", body: `{}`}, field: "/clientId", text: "neither clientId nor user", more: 1},
	{name: "erasing by query", call: call{op: "DecisionLogService_EraseDecisions", query: "clientId=c", body: `{}`}, field: "clientId", text: "takes none"},
}

func patched(query, body string) call {
	return call{op: "PolicyAdminService_UpdatePolicy", item: "q", query: query, body: body}
}

// Contract of administration, section 2, "PATCH".
var patches = []rule{
	{name: "empty mask", call: patched("updateMask=", `{}`), field: "updateMask", text: "empty"},
	{name: "mask in snake case", call: patched("updateMask=update_time", `{}`), field: "updateMask", text: `did you mean "updateTime"?`},
	{name: "unknown member in a mask", call: patched("updateMask=colour", `{}`), field: "updateMask", text: `unknown member "colour"`},
	{name: "mask too deep", call: patched("updateMask=conditions.condition", `{}`), field: "updateMask", text: "replaced whole"},
	{name: "settings too deep", call: call{op: "RealmService_UpdateRealm", query: "updateMask=settings.historyRetention.maxAge", body: `{}`}, field: "updateMask", text: "no deeper"},
	{name: "blank patch", call: patched("", " "), text: "the body is empty", line: 1, column: 1},
	{name: "patch that breaks a reference", call: patched("", `{"profiles":["nobody"]}`), field: "/profiles/0", text: "nobody"},
	{name: "patch of another name that is taken", call: conflict(call{op: "PolicyAdminService_UpdateProfile", item: "p", body: `{"name":"fapi-2-security-profile"}`}, "ALREADY_EXISTS"), text: "built-in"},
	{name: "patch of a name in use", call: conflict(call{op: "PolicyAdminService_UpdateProfile", item: "p", body: `{"name":"x"}`}, "PROFILE_IN_USE"), text: `"q"`},
	{name: "patch of nobody", call: call{op: "PolicyAdminService_UpdatePolicy", item: "nobody", body: `{}`, want: 404, reason: "POLICY_NOT_FOUND"}, text: "nobody"},
}

func moved(body string) call {
	return call{op: "PolicyAdminService_MovePolicy", item: "q", body: body}
}

var moves = []rule{
	{name: "nowhere", call: moved(`{}`), text: "before"},
	{name: "to two places", call: moved(`{"before":"a","after":"b"}`), field: "/after", text: `only one of "before" and "after"`, line: 1, column: 23},
	{name: "beside itself", call: moved(`{"before":"q"}`), field: "/before", text: "itself"},
	{name: "beyond the end", call: moved(`{"index":1}`), field: "/index", text: "0 to 0"},
	{name: "before the beginning", call: moved(`{"index":-1}`), field: "/index", text: "0 to 0"},
	{name: "beside nobody", call: call{op: "PolicyAdminService_MovePolicy", item: "q", body: `{"after":"nobody"}`, want: 404, reason: "POLICY_NOT_FOUND"}, text: "nobody"},
	{name: "of nobody", call: call{op: "PolicyAdminService_MovePolicy", item: "nobody", body: `{"index":0}`, want: 404, reason: "POLICY_NOT_FOUND"}, text: "nobody"},
}

// What is at the limit is taken.
func TestLimits(t *testing.T) {
	c := newContract(t, start(t))
	c.fill(t, "r", "{}")
	before := c.do(t, call{op: "PolicyAdminService_GetPolicySet", want: http.StatusOK})
	for name, w := range map[string]call{
		"name of 255 characters":      {op: profiles, body: named(strings.Repeat("ü", 255))},
		"realm of 255 characters":     {op: realms, body: named(strings.Repeat("a", 255))},
		"comment of 4,096 characters": {op: policies, body: named("x"), headers: []string{"X-Change-Comment", strings.Repeat("ü", 4096)}},
		"everything printable":        {op: profiles, body: named("a/b:c%?#+ ;=&ü日😀…'\"\\")},
	} {
		t.Run(name, func(t *testing.T) {
			w.query, w.want = "validateOnly=true", http.StatusOK
			c.do(t, w)
		})
	}
	for name, w := range map[string]call{
		"page of 500":              listed("pageSize=500"),
		"search of 255 characters": listed("search=" + strings.Repeat("a", 255)),
		"filter of 4,096 bytes":    listed("filter=profile%3D" + strings.Repeat("a", 4088)),
	} {
		t.Run(name, func(t *testing.T) {
			w.want = http.StatusOK
			c.do(t, w)
		})
	}
	if after := c.do(t, call{op: "PolicyAdminService_GetPolicySet", want: http.StatusOK}); string(after.body) != string(before.body) {
		t.Errorf("something was stored: %s", after.body)
	}
}

// validateOnly checks every write and stores none.
func TestValidateOnly(t *testing.T) {
	c := newContract(t, start(t))
	c.fill(t, "r", "{}")
	c.fill(t, "careful", "{}")
	before := c.stored(t)
	n := 0
	c.each(t, func(w *call) bool {
		takes := false
		for _, p := range c.routes[w.op].Operation.Parameters {
			takes = takes || p.Value.Name == "validateOnly"
		}
		if !takes {
			return false
		}
		n++
		query, _ := url.ParseQuery(w.query)
		query.Set("validateOnly", "true")
		w.query, w.want = query.Encode(), http.StatusOK
		if strings.HasSuffix(w.op, "DeleteProfile") { // it is in use
			w.want, w.reason = http.StatusConflict, "PROFILE_IN_USE"
		}
		return true
	})
	if after := c.stored(t); after != before {
		t.Errorf("something was stored: before %s, after %s", before, after)
	}
	if n != 14 {
		t.Errorf("%d operations can be checked alone", n)
	}
}

// Half an upload changes nothing.
func TestHalfAnUpload(t *testing.T) {
	c := newContract(t, start(t))
	c.fill(t, "r", "{}")
	c.fill(t, "careful", "{}")
	before := c.stored(t)
	for _, head := range []string{
		"PUT /v1/realms/r/policySet?force=true HTTP/1.1\r\nContent-Length: 20\r\n",
		"PUT /v1/realms/r/policySet?force=true HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
		"PATCH /v1/realms/r/policies/q HTTP/1.1\r\nContent-Length: 20\r\n",
	} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(c.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		body := `{}`
		if strings.Contains(head, "chunked") {
			body = "2\r\n{}\r\n"
		}
		request := head + "Host: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + c.admin + "\r\n\r\n" + body
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(conn) // however it ends
		_ = conn.Close()
		if len(got) > 0 && !strings.HasPrefix(string(got), "HTTP/1.1 400 ") {
			t.Errorf("%q: got %q", head, got)
		}
	}
	if after := c.stored(t); after != before {
		t.Errorf("something was stored: before %s, after %s", before, after)
	}
}
