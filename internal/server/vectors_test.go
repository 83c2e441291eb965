package server_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp/pdptest"
	recorded "github.com/sidegate/sidegate/pdp/pdptest/testdata"
	"github.com/sidegate/sidegate/pdp/profiles"
	"go.uber.org/zap"
	"google.golang.org/protobuf/encoding/protojson"
)

// vectors are all decision vectors: those recorded from Keycloak and our own.
func vectors(t *testing.T) []*pdptest.File {
	t.Helper()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	load := func(files []*pdptest.File, err error) []*pdptest.File {
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	all := load(pdptest.Load(recorded.FS(), ".", now))
	own := []string{"conditions", "executors"}
	if engine, err := filepath.Glob("../../pdp/testdata/*.json"); err == nil && len(engine) > 0 {
		own = append(own, "pdp")
	}
	for _, dir := range own {
		for _, f := range load(pdptest.Load(os.DirFS("../../"+dir+"/testdata"), ".", now)) {
			f.Path = "own/" + dir + "/" + f.Path
			all = append(all, f)
		}
	}
	return all
}

// known says which providers there are.
func known(t *testing.T) pdptest.Providers {
	t.Helper()
	registry, err := catalog.Registry()
	if err != nil {
		t.Fatal(err)
	}
	builtin, err := profiles.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	global := map[string][]string{}
	for _, p := range builtin {
		for _, x := range p.GetExecutors() {
			global[p.GetName()] = append(global[p.GetName()], x.GetExecutor())
		}
	}
	return pdptest.Providers{Global: global, Known: func(kind, id string) bool {
		if kind == pdptest.KindCondition {
			return registry.Condition(id) != nil
		}
		return registry.Executor(id) != nil
	}}
}

// realms has a realm for every set of policies and compatibility.
type realms struct {
	*instance
	mu   sync.Mutex
	made map[string]*realm
}

type realm struct {
	name string
	err  error
}

// of makes the realm of a case through the administration API, once.
func (r *realms) of(ctx context.Context, c *pdptest.Case) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := c.Compatibility.String() + string(c.SetJSON)
	m := r.made[key]
	if m == nil {
		m = &realm{name: "v" + strconv.Itoa(len(r.made))}
		r.made[key] = m
		body := `{"name":"` + m.name + `","settings":{"compatibility":"` + c.Compatibility.String() + `"}}`
		if _, m.err = r.rest(ctx, http.MethodPost, "/v1/realms", []byte(body)); m.err == nil {
			_, m.err = r.rest(ctx, http.MethodPut, "/v1/realms/"+m.name+"/policySet?force=true", c.SetJSON)
		}
	}
	return m.name, m.err
}

// TestVectors replays every decision vector through the decision socket and
// through REST, with the policies written through REST.
func TestVectors(t *testing.T) {
	i := start(t, configure(t, t.TempDir(), "--egress=deny"), zap.NewNop())
	r := &realms{instance: i, made: map[string]*realm{}}
	decisions := clientpolicyv1.NewPolicyDecisionServiceClient(dial(t, "unix:"+i.Socket))
	overGRPC := func(ctx context.Context, c *pdptest.Case) (*clientpolicyv1.EvaluateResponse, error) {
		name, err := r.of(ctx, c)
		if err != nil {
			return nil, err
		}
		return decisions.Evaluate(ctx, c.RequestFor(name))
	}
	overREST := func(ctx context.Context, c *pdptest.Case) (*clientpolicyv1.EvaluateResponse, error) {
		name, err := r.of(ctx, c)
		if err != nil {
			return nil, err
		}
		data, err := r.rest(ctx, http.MethodPost, "/v1/realms/"+name+":evaluate", c.RequestJSON)
		if err != nil {
			return nil, err
		}
		resp := &clientpolicyv1.EvaluateResponse{}
		return resp, protojson.Unmarshal(data, resp)
	}
	files := vectors(t)
	t.Run("grpc", func(t *testing.T) { pdptest.Run(t, files, overGRPC, known(t)) })
	t.Run("rest", func(t *testing.T) { pdptest.Run(t, files, overREST, known(t)) })
}
