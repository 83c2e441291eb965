package server_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// TestStopDoesNotWaitForReaders stops a server while callers have streams open that
// they do not read: what waits for them must not use up the time for others.
func TestStopDoesNotWaitForReaders(t *testing.T) {
	c := configure(t, t.TempDir())
	c.ShutdownTimeout = 5 * time.Minute
	i := start(t, c, zap.NewNop())
	i.must(t, http.MethodPost, "/v1/realms", `{"name":"r"}`)
	names := strings.TrimSuffix(strings.Repeat(`"some role of this client",`, 5000), ",")
	for n := range 20 {
		i.must(t, http.MethodPost, "/v1/realms/r:evaluate", fmt.Sprintf(
			`{"event":"EVENT_VIEW","client":{"clientId":"c%d","clientRoles":[%s]}}`, n, names))
	}
	// The log is written a moment later.
	for until := time.Now().Add(time.Minute); !strings.Contains(string(i.must(t, http.MethodGet, "/v1/realms/r/decisions", "")), `"totalSize":20`); {
		if time.Now().After(until) {
			t.Fatal("the decisions are not kept")
		}
	}
	conn := dial(t, i.Admin.String(), grpc.WithInitialWindowSize(64<<10))
	ctx, cancel := context.WithCancel(i.authorized(context.Background()))
	defer cancel()
	for range 3 {
		stream, err := clientpolicyv1.NewDecisionLogServiceClient(conn).ExportDecisions(ctx, &clientpolicyv1.ExportDecisionsRequest{Realm: "r"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	i.stop(t)
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("the stop took %v", took)
	}
}

// TestPathsBesideLogins looks at paths that look like those of logins.
func TestPathsBesideLogins(t *testing.T) {
	i := start(t, configure(t, t.TempDir()), zap.NewNop())
	for _, path := range []string{"/realms/master/protocol/openid-connect/token", "/realms/master", "/realms/"} {
		resp, err := i.http.Post(i.base+path, "application/x-www-form-urlencoded", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: got %d %s", path, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
	}
}
