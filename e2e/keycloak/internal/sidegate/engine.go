// Package sidegate asks Sidegate's engine what Keycloak is asked, under the
// setting `compatibility: KEYCLOAK`.
//
// Every question is written as a case of a vector file and read back by the loader
// of vectors, so that a case that disagrees can be printed as it was decided.
package sidegate

import (
	"encoding/json"
	"fmt"
	"testing/fstest"
	"time"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/policyset"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/pdptest"
)

// Engine compiles policies.
type Engine struct {
	compiler *pdp.Compiler
	builtin  map[string][]policyset.Executor
}

// NewEngine returns the engine with all providers and built-in profiles.
func NewEngine() (*Engine, error) {
	compiler, err := catalog.Compiler("")
	if err != nil {
		return nil, fmt.Errorf("make engine: %w", err)
	}
	executors, err := builtin()
	if err != nil {
		return nil, err
	}
	return &Engine{compiler, executors}, nil
}

// Realm decides under one policy set.
type Realm struct {
	set     policyset.Set
	realm   *pdp.Realm
	builtin map[string][]policyset.Executor
}

// Compile returns a realm with the policies. That Sidegate refuses them is an error.
func (e *Engine) Compile(set policyset.Set) (*Realm, error) {
	c, err := load(document(set, "compile", map[string]any{"event": "EVENT_VIEW"}, map[string]any{"decision": "DECISION_ALLOW"}))
	if err != nil {
		return nil, err
	}
	realm, problems := e.compiler.Compile(c.Set, &pb.RealmSettings{Compatibility: &c.Compatibility})
	if len(problems) > 0 {
		return nil, fmt.Errorf("compile policies: %w", pdp.JoinErrors(problems))
	}
	return &Realm{set: set, realm: realm, builtin: e.builtin}, nil
}

// Decision is a question and the engine's answer.
type Decision struct {
	// Event is the short name of the event, as in REGISTER.
	Event string
	// Request is the question in protojson.
	Request map[string]any
	*pb.EvaluateResponse
}

// Decide asks about an event; request holds the other members in protojson.
func (r *Realm) Decide(event string, request map[string]any, now time.Time) (Decision, error) {
	q := map[string]any{
		"event":   "EVENT_" + event,
		"options": map[string]any{"evaluationTime": now.UTC().Format(time.RFC3339)},
	}
	for k, v := range request {
		q[k] = v
	}
	c, err := load(document(r.set, "decide", q, map[string]any{"decision": "DECISION_ALLOW"}))
	if err != nil {
		return Decision{}, fmt.Errorf("%s: %w", event, err)
	}
	req, resp := c.RequestFor("keycloak"), &pb.EvaluateResponse{}
	err = pdp.CheckInput(req, pdp.DefaultLimits())
	if err == nil {
		err = r.realm.Evaluate(req, pdp.Env{Now: now}, resp)
	}
	if err != nil {
		return Decision{}, fmt.Errorf("%s: %w", event, err)
	}
	return Decision{Event: event, Request: q, EvaluateResponse: resp}, nil
}

// Allowed reports whether the decision is to allow.
func (d Decision) Allowed() bool { return d.GetDecision() == pb.EvaluateResponse_DECISION_ALLOW }

// document returns a vector file of one case.
func document(set policyset.Set, name string, request, want map[string]any) map[string]any {
	return map[string]any{
		"about": "compared with a running Keycloak",
		"cases": []any{vectorCase(set, name, request, want)},
	}
}

func vectorCase(set policyset.Set, name string, request, want map[string]any) map[string]any {
	return map[string]any{
		"name": name, "origin": "keycloak-26.7.3", "compatibility": "KEYCLOAK",
		"profiles": set.Profiles, "policies": set.Policies, "request": request, "want": want,
	}
}

// load reads a vector file of one case.
func load(document map[string]any) (*pdptest.Case, error) {
	data, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("write case: %w", err)
	}
	const name = "case.json"
	file, err := pdptest.LoadFile(fstest.MapFS{name: {Data: data}}, name, time.Unix(1, 0))
	if err != nil {
		return nil, err
	}
	return file.Cases[0], nil
}
