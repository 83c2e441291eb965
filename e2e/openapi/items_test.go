package openapi_test

import (
	"net/http"
	"strings"
	"testing"
)

// patch changes members, and moves policies.
func (c *contract) patch(t *testing.T) {
	c.fill(t, "patched", "{}")
	c.do(t, call{op: "PolicyAdminService_CreatePolicy", realm: "patched", body: `{"name":"second"}`, want: http.StatusOK})
	profile := call{op: "PolicyAdminService_UpdateProfile", item: "p", realm: "patched", want: http.StatusOK}
	policy := call{op: "PolicyAdminService_UpdatePolicy", item: "q", realm: "patched", want: http.StatusOK}
	move := call{op: "PolicyAdminService_MovePolicy", item: "q", realm: "patched", want: http.StatusOK}
	for _, tc := range []struct {
		call
		query, body string
	}{
		{profile, "", `{}`},
		{profile, "", `{"description":"new"}`},
		{profile, "", `{"executors":[]}`},
		{profile, "", `{"description":null}`},
		{profile, "updateMask=description&validateOnly=true&comment=c", `{}`},
		{policy, "", `{"enabled":false,"enforcement":"ENFORCEMENT_AUDIT"}`},
		{policy, "updateMask=events,enforcement", `{}`},
		{policy, "", `{"conditions":[{"condition":"any-client"},{"condition":"client-roles","configuration":{"roles":["a"]}}]}`},
		{move, "", `{"after":"second"}`},
		{move, "", `{"before":"second"}`},
		{move, "comment=c", `{"index":1}`},
		{move, "validateOnly=true", `{"index":0}`},
	} {
		tc.call.query, tc.call.body, tc.call.null = tc.query, tc.body, strings.Contains(tc.body, "null")
		c.do(t, tc.call)
	}
	for _, tc := range []struct {
		call
		query, body string
		outside     bool
	}{
		{move, "", `{}`, true},
		{move, "", `{"before":"second","after":"second"}`, true},
		{move, "", `{"index":7}`, false},
		{move, "", `{"index":-1}`, false},
		{move, "", `{"before":"q"}`, false},
		{profile, "updateMask=", `{}`, false},
		{policy, "", `{"mode":"NONSENSE"}`, false},
	} {
		tc.call.query, tc.call.body, tc.call.outside = tc.query, tc.body, tc.outside
		tc.call.want, tc.call.reason = http.StatusBadRequest, "INVALID_DOCUMENT"
		c.do(t, tc.call)
	}
	move.body, move.want, move.reason = `{"before":"nobody"}`, http.StatusNotFound, "POLICY_NOT_FOUND"
	c.do(t, move)
}

// goBack reads and compares revisions, and returns to one.
func (c *contract) goBack(t *testing.T) {
	c.fill(t, "back", "{}")
	c.do(t, call{op: "RealmService_UpdateRealm", realm: "back", body: `{"settings":{"protectedClients":["c"]}}`, query: "comment=protect", want: http.StatusOK})
	c.do(t, call{op: "PolicyAdminService_UpdatePolicy", realm: "back", item: "q", body: `{"description":null,"enabled":false}`, null: true, want: http.StatusOK})
	for _, w := range []call{
		{op: "RevisionService_ListRevisions", query: "pageSize=2"},
		{op: "RevisionService_ListRevisions", query: "search=protect"},
		{op: "RevisionService_GetRevision", item: "5"},
		{op: "RevisionService_DiffRevisions", item: "5", query: "other=1"},
		{op: "RevisionService_DiffRevisions", item: "1"},
		{op: "RevisionService_DiffRevisions", item: "2", query: "other=5"},
		{op: "RevisionService_DiffRevisions", item: "5", query: "other=5"},
		{op: "RevisionService_RollbackRevision", item: "3", query: "comment=back", headers: []string{"X-Sidegate-Revision", "5"}},
		{op: "RevisionService_RollbackRevision", item: "1", query: "force=true"},
		{op: "RevisionService_WatchRevisions", query: "after=1", items: 6},
	} {
		w.realm, w.want = "back", http.StatusOK
		c.do(t, w)
	}
	for _, w := range []call{
		{op: "RevisionService_GetRevision", item: "0"},
		{op: "RevisionService_GetRevision", item: "latest"},
		{op: "RevisionService_ListRevisions", query: "pageSize=501"},
		{op: "RevisionService_ListRevisions", query: "pageToken=nonsense"},
		{op: "RevisionService_WatchRevisions", query: "after=-1"},
	} {
		w.realm, w.want, w.reason = "back", http.StatusBadRequest, "INVALID_DOCUMENT"
		c.do(t, w)
	}
	c.do(t, call{op: "RevisionService_DiffRevisions", realm: "back", item: "2", query: "other=77", want: http.StatusNotFound, reason: "REVISION_NOT_FOUND"})
	c.do(t, call{op: "RevisionService_RollbackRevision", realm: "back", item: "2", want: http.StatusPreconditionRequired, reason: "IF_MATCH_REQUIRED"})
}

// describe compares every entry of the catalogue with the document.
func (c *contract) describe(t *testing.T) {
	for list, tc := range map[string]struct{ get, member, id string }{
		"ListExecutors": {"GetExecutor", "executors", "id"}, "ListConditions": {"GetCondition", "conditions", "id"},
		"ListEvents": {"GetEvent", "events", "id"}, "ListCatalogueProfiles": {"GetCatalogueProfile", "profiles", "name"},
	} {
		c.do(t, call{op: "CatalogueService_" + list, query: "pageSize=1&search=token", want: http.StatusOK})
		var all map[string]any
		decode(t, c.do(t, call{op: "CatalogueService_" + list, query: "pageSize=500", want: http.StatusOK}).body, &all)
		entries, _ := all[tc.member].([]any)
		if len(entries) < 2 {
			t.Errorf("%s: got %d entries", list, len(entries))
		}
		for _, entry := range entries {
			id, _ := entry.(map[string]any)[tc.id].(string)
			c.do(t, call{op: "CatalogueService_" + tc.get, item: id, want: http.StatusOK})
		}
	}
}
