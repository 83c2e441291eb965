package catalog_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/pdptest"
	recorded "github.com/sidegate/sidegate/pdp/pdptest/testdata"
	"github.com/sidegate/sidegate/pdp/profiles"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// engine decides a case by the engine alone.
func engine(compiler *pdp.Compiler) pdptest.Decide {
	return func(_ context.Context, c *pdptest.Case) (*pb.EvaluateResponse, error) {
		settings := &pb.RealmSettings{Compatibility: &c.Compatibility}
		realm, errs := compiler.Compile(c.Set, settings)
		if len(errs) > 0 {
			return nil, status.Error(codes.InvalidArgument, pdp.JoinErrors(errs).Error())
		}
		req, resp := c.RequestFor("vectors"), &pb.EvaluateResponse{}
		err := pdp.CheckInput(req, pdp.DefaultLimits())
		if err == nil {
			err = realm.Evaluate(req, pdp.Env{Now: now}, resp)
		}
		if _, ok := errors.AsType[*pdp.RequestError](err); ok {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
		return resp, err
	}
}

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
		for _, x := range p.Executors {
			global[p.Name] = append(global[p.Name], x.Executor)
		}
	}
	return pdptest.Providers{Global: global, Known: func(kind, id string) bool {
		if kind == "condition" {
			return registry.Condition(id) != nil
		}
		return registry.Executor(id) != nil
	}}
}

// TestRecordedVectors replays what a real Keycloak 26.7.3 answered.
func TestRecordedVectors(t *testing.T) {
	for _, kind := range []string{"engine", "conditions", "executors", "scenarios"} {
		files, err := pdptest.Load(recorded.FS(), kind, now)
		if err != nil {
			t.Fatal(err)
		}
		replay(t, files)
	}
}

// TestOwnVectors replays what no recorded case has.
func TestOwnVectors(t *testing.T) {
	for _, dir := range []string{"../../conditions/testdata", "../../executors/testdata", "../../pdp/testdata"} {
		files, err := pdptest.Load(os.DirFS(dir), ".", now)
		if err != nil {
			t.Fatal(err)
		}
		replay(t, files)
	}
}

func replay(t *testing.T, files []*pdptest.File) {
	t.Helper()
	compiler, err := catalog.Compiler("")
	if err != nil {
		t.Fatal(err)
	}
	pdptest.Run(t, files, engine(compiler), known(t))
}
