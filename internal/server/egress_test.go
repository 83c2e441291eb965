package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/zap"
	"google.golang.org/protobuf/encoding/protojson"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

const boundIntent = `{"event":"EVENT_AUTHORIZATION_REQUEST","client":{"clientId":"shop"},
	"request":{"parameters":{"claims":"{\"id_token\":{\"intent\":{\"essential\":true,\"value\":\"42\"}}}"}}}`

// A real endpoint is asked, its answer counts, and nothing is asked when egress is denied.
func TestEgress(t *testing.T) {
	for _, c := range []struct {
		name, answer, egress string
		decision             clientpolicyv1.EvaluateResponse_Decision
		reason               clientpolicyv1.EvaluateResponse_Reason
		asked                int
	}{
		{"bound", `{"is_bound":true}`, "allow", clientpolicyv1.EvaluateResponse_DECISION_ALLOW, clientpolicyv1.EvaluateResponse_REASON_POLICIES_PASSED, 1},
		{"not bound", `{"is_bound":false}`, "allow", clientpolicyv1.EvaluateResponse_DECISION_REJECT, clientpolicyv1.EvaluateResponse_REASON_POLICY, 1},
		{"denied", `{"is_bound":true}`, "deny", clientpolicyv1.EvaluateResponse_DECISION_REJECT, clientpolicyv1.EvaluateResponse_REASON_FAULT, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := 0
			endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked++
				_, _ = fmt.Fprint(w, c.answer)
			}))
			t.Cleanup(endpoint.Close)
			i := start(t, configure(t, t.TempDir(), "--egress="+c.egress), zap.NewNop())
			i.must(t, "POST", "/v1/realms", `{"name":"r"}`)
			i.must(t, "PUT", "/v1/realms/r/policySet?force=true", fmt.Sprintf(`{"profiles":[{"name":"p","executors":[
				{"executor":"intent-client-bind-checker","configuration":{"intent-client-bind-check-endpoint":%q,"intent-name":"intent"}}]}],
				"policies":[{"name":"all","enabled":true,"conditions":[{"condition":"any-client"}],"profiles":["p"]}]}`, endpoint.URL))
			resp := &clientpolicyv1.EvaluateResponse{}
			if err := protojson.Unmarshal(i.must(t, "POST", "/v1/realms/r:evaluate", boundIntent), resp); err != nil {
				t.Fatal(err)
			}
			if resp.Decision != c.decision || resp.Reason != c.reason || asked != c.asked {
				t.Errorf("got %v, asked %d times; want %v %v, %d", resp, asked, c.decision, c.reason, c.asked)
			}
		})
	}
}
