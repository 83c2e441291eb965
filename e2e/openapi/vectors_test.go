package openapi_test

import (
	"net/http"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/sidegate/sidegate/pdp/pdptest"
	recorded "github.com/sidegate/sidegate/pdp/pdptest/testdata"
)

// vectors are all decision vectors: those recorded from Keycloak and our own.
func vectors(t *testing.T) []*pdptest.Case {
	t.Helper()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	files, err := pdptest.Load(recorded.FS(), ".", now)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"conditions", "executors", "pdp"} {
		own, err := pdptest.Load(os.DirFS("../../"+dir+"/testdata"), ".", now)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, own...)
	}
	var all []*pdptest.Case
	for _, f := range files {
		all = append(all, f.Cases...)
	}
	return all
}

// TestVectors compares the policy sets, requests and answers of all vectors with
// the document. What they decide is compared elsewhere.
func TestVectors(t *testing.T) {
	c := newContract(t, start(t))
	// realms are those that have the policy set of a vector, or "" when it is refused.
	realms, statuses := map[string]string{}, map[int]int{}
	for _, v := range vectors(t) {
		key := v.Compatibility.String() + string(v.SetJSON)
		realm, made := realms[key]
		if !made {
			realm = c.keep(t, v, "v"+strconv.Itoa(len(realms)))
			realms[key] = realm
		}
		if realm != "" {
			got := c.do(t, call{op: "PolicyDecisionService_Evaluate", realm: realm, body: string(v.RequestJSON), null: hasNull(v.RequestJSON)})
			statuses[got.status]++
		}
	}
	t.Logf("%d realms, decisions by status: %v", len(realms), statuses)
	if statuses[http.StatusOK] < 1000 {
		t.Errorf("only %d vectors were decided", statuses[http.StatusOK])
	}
}

// keep makes a realm with the policy set of a vector, and returns its name unless
// the set is refused.
func (c *contract) keep(t *testing.T, v *pdptest.Case, realm string) string {
	t.Helper()
	c.do(t, call{op: "RealmService_CreateRealm", want: http.StatusOK,
		body: `{"name":"` + realm + `","settings":{"compatibility":"` + v.Compatibility.String() + `"}}`})
	got := c.do(t, call{op: "PolicyAdminService_ReplacePolicySet", realm: realm, query: "force=true",
		body: string(v.SetJSON), null: hasNull(v.SetJSON)})
	if got.status != http.StatusOK {
		return ""
	}
	return realm
}

var null = regexp.MustCompile(`:\s*null\b`)

func hasNull(json []byte) bool { return null.Match(json) }
