package server_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/config"
	"github.com/sidegate/sidegate/internal/server"
	"github.com/sidegate/sidegate/storage"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
)

const event = clientpolicyv1.Event_EVENT_VIEW

// TestSharedSocket looks at the socket of a server that other users may ask too.
func TestSharedSocket(t *testing.T) {
	c := configure(t, filepath.Join(t.TempDir(), "data"))
	c.SocketUIDs = append(c.SocketUIDs, uint32(os.Geteuid())+1)
	i := start(t, c, zap.NewNop())
	if info, err := os.Stat(i.Socket); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("mode %v, error %v", info.Mode().Perm(), err)
	}
}

func TestServesAndStops(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	c := configure(t, dir)
	i := start(t, c, zap.NewNop())
	for path, want := range map[string]fs.FileMode{dir: 0o700, i.Socket: 0o600, c.BootstrapTokenFile: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, error %v, want %v", path, info.Mode().Perm(), err, want)
		}
	}
	for path, want := range map[string]string{"/livez": "live", "/readyz": "ready"} {
		if code, text := i.probe(t, path); code != http.StatusOK || text != want {
			t.Errorf("%s: got %d %q, want %q", path, code, text, want)
		}
	}
	conn := dial(t, "unix:"+i.Socket)
	health, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "clientpolicy.v1.PolicyDecisionService"})
	if err != nil || health.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", health, err)
	}
	i.must(t, http.MethodPost, "/v1/realms", `{"name":"r"}`)
	decisions := clientpolicyv1.NewPolicyDecisionServiceClient(conn)
	resp, err := decisions.Evaluate(t.Context(), &clientpolicyv1.EvaluateRequest{Realm: "r", Event: event, Client: &clientpolicyv1.Client{}})
	if err != nil || resp.GetReason() != clientpolicyv1.EvaluateResponse_REASON_NO_POLICY_APPLIED {
		t.Errorf("evaluate: %v, %v", resp, err)
	}
	i.stop(t)
	if _, err := os.Lstat(i.Socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
	if _, err := net.Dial("tcp", i.Admin.String()); err == nil {
		t.Error("the administration listener still answers")
	}
}

func TestSecondStartKeepsStoreAndToken(t *testing.T) {
	c := configure(t, t.TempDir())
	first := start(t, c, zap.NewNop())
	first.must(t, http.MethodPost, "/v1/realms", `{"name":"kept"}`)
	first.stop(t)
	second := start(t, c, zap.NewNop())
	if second.token != first.token {
		t.Error("the second start made another token")
	}
	if got := string(second.must(t, http.MethodGet, "/v1/realms/kept", "")); !strings.Contains(got, `"kept"`) {
		t.Errorf("got %s", got)
	}
}

func TestReflection(t *testing.T) {
	i := start(t, configure(t, t.TempDir()), zap.NewNop())
	for name, target := range map[string]string{"decisions": "unix:" + i.Socket, "administration": i.Admin.String()} {
		stream, err := grpc_reflection_v1.NewServerReflectionClient(dial(t, target)).ServerReflectionInfo(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ask := &grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}}
		if err := stream.Send(ask); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		services := answer.GetListServicesResponse().String()
		if !strings.Contains(services, "clientpolicy.v1.PolicyDecisionService") {
			t.Errorf("%s: the decision service is not listed: %s", name, services)
		}
		if strings.Contains(services, "PolicyAdminService") != (name == "administration") {
			t.Errorf("%s: got %s", name, services)
		}
		if err := stream.CloseSend(); err != nil {
			t.Error(err)
		}
	}
}

// watchHealth opens a watch and reads the first state.
func watchHealth(t *testing.T, target, service string) grpc_health_v1.Health_WatchClient {
	t.Helper()
	w, err := grpc_health_v1.NewHealthClient(dial(t, target)).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Recv(); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestStopTellsWatchesAndDoesNotWaitForThem(t *testing.T) {
	// The deadline is longer than any test may take: only a watch that ends by
	// itself lets the server stop in time.
	c := configure(t, t.TempDir(), "--shutdown-timeout=10m")
	i := start(t, c, zap.NewNop())
	watches := []grpc_health_v1.Health_WatchClient{
		watchHealth(t, "unix:"+i.Socket, ""), watchHealth(t, i.Admin.String(), "clientpolicy.v1.PolicyDecisionService"),
	}
	i.stop(t)
	for _, w := range watches {
		if last, err := w.Recv(); err != nil || last.GetStatus() != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
			t.Errorf("last state: %v, %v", last, err)
		}
		if _, err := w.Recv(); err == nil {
			t.Error("the watch goes on")
		}
	}
}

func TestStopCutsOffAfterTheDeadline(t *testing.T) {
	c := configure(t, t.TempDir(), "--shutdown-timeout=100ms")
	i := start(t, c, zap.NewNop())
	// Nobody tells a watch of an unknown service anything: it would go on for ever.
	watches := []grpc_health_v1.Health_WatchClient{watchHealth(t, "unix:"+i.Socket, "nobody"), watchHealth(t, i.Admin.String(), "nobody")}
	begin := time.Now()
	i.stop(t)
	if took := time.Since(begin); took < 100*time.Millisecond || took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	for _, w := range watches {
		if _, err := w.Recv(); err == nil {
			t.Error("the watch goes on")
		}
	}
}

func TestSocketLeftBehindIsReplaced(t *testing.T) {
	c := configure(t, t.TempDir())
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: c.DecisionSocket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	i := start(t, c, zap.NewNop())
	if _, err := grpc_health_v1.NewHealthClient(dial(t, "unix:"+i.Socket)).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
}

func TestSocketOfOthersIsLeftAlone(t *testing.T) {
	c := configure(t, t.TempDir())
	l, err := net.Listen("unix", c.DecisionSocket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if err := refusal(t, c); !strings.Contains(err.Error(), "another process listens on it") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(c.DecisionSocket); err != nil {
		t.Errorf("the socket of the other process is gone: %v", err)
	}
}

func TestFileInPlaceOfTheSocketIsLeftAlone(t *testing.T) {
	c := configure(t, t.TempDir())
	if err := os.WriteFile(c.DecisionSocket, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := refusal(t, c); !strings.Contains(err.Error(), "no socket") {
		t.Errorf("got %v", err)
	}
	if data, err := os.ReadFile(c.DecisionSocket); err != nil || string(data) != "precious" {
		t.Errorf("the file is %q, %v", data, err)
	}
}

func TestDirectoryInUse(t *testing.T) {
	c := configure(t, t.TempDir())
	start(t, c, zap.NewNop())
	if err := refusal(t, c); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("got %v", err)
	}
}

func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, key := range []string{"admin-addr", "ops-addr", "decision-addr"} {
		c := configure(t, t.TempDir(), "--"+key+"="+l.Addr().String())
		if err := refusal(t, c); !strings.Contains(err.Error(), key) {
			t.Errorf("got %v, want it to name %s", err, key)
		}
	}
}

func TestSecurityProfileThatCannotBeUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "profile.json")
	if err := os.WriteFile(path, []byte(`{"policies":[{"name":"p","profiles":["no-such-profile"]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	err := refusal(t, configure(t, t.TempDir(), "--security-profile="+path))
	if !strings.Contains(err.Error(), "security-profile") || !strings.Contains(err.Error(), "no-such-profile") {
		t.Errorf("got %v", err)
	}
}

func TestEndedContextDoesNotStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := configure(t, t.TempDir())
	if err := runOnce(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAdministrationOverGRPC(t *testing.T) {
	i := start(t, configure(t, t.TempDir()), zap.NewNop())
	realms := clientpolicyv1.NewRealmServiceClient(dial(t, i.Admin.String()))
	create := &clientpolicyv1.CreateRealmRequest{Document: &clientpolicyv1.Realm{Name: "r"}}
	if _, err := realms.CreateRealm(t.Context(), create); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without token: %v", err)
	}
	if _, err := realms.CreateRealm(i.authorized(t.Context()), create); err != nil {
		t.Errorf("with token: %v", err)
	}
	list, err := realms.ListRealms(i.authorized(t.Context()), &clientpolicyv1.ListRealmsRequest{})
	if err != nil || len(list.GetRealms()) != 1 {
		t.Errorf("list: %v, %v", list, err)
	}
}

func TestStrangersAreRefusedOverREST(t *testing.T) {
	i := start(t, configure(t, t.TempDir()), zap.NewNop())
	for _, token := range []string{"", "wrong"} {
		stranger := *i
		stranger.token = token
		if _, err := stranger.rest(t.Context(), http.MethodGet, "/v1/realms", nil); status.Code(err) != codes.Unauthenticated {
			t.Errorf("token %q: %v", token, err)
		}
	}
}

func runOnce(ctx context.Context, c config.Config) error {
	return server.Run(ctx, c, server.Options{Log: zap.NewNop()})
}
