// Package requests compares what becomes of protocol requests: authorization,
// pushed authorization, tokens, their life, and SAML.
//
// Each request is made ready twice without policies, is sent once without and once
// with them, and counts only when it passes without: so a refusal under policies is
// that of a policy.
package requests

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/agree"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/generate"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/idp"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/jose"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/sidegate"
)

// CasesPerSet is how many requests are tried under one policy set.
const CasesPerSet = 12

// Runner runs policy sets.
type Runner struct {
	realm  *idp.Realm
	engine *sidegate.Engine
	seed   uint64
	report func(agree.Result)
	keys   *jose.Keys
	jkt    string
	fleet  []*party
}

// New makes the clients that ask in the realm, which must have no policies.
func New(ctx context.Context, realm *idp.Realm, engine *sidegate.Engine, seed uint64, report func(agree.Result)) (*Runner, error) {
	keys, err := jose.NewKeys()
	if err != nil {
		return nil, err
	}
	jkt, err := keys.Thumbprint()
	if err != nil {
		return nil, err
	}
	if err := realm.ClearPolicies(ctx); err != nil {
		return nil, err
	}
	if err := makeFleet(ctx, realm, keys); err != nil {
		return nil, err
	}
	return &Runner{realm: realm, engine: engine, seed: seed, report: report, keys: keys, jkt: jkt, fleet: fleet()}, nil
}

// event is an event that a request fires, with the facts besides the client.
type event struct {
	name    string
	members map[string]any
}

// shot is a request that is ready to be sent once.
type shot struct {
	// client is the client id whose stored client the events carry.
	client string
	events []event
	send   func(context.Context) (rest.Answer, error)
	seen   func(rest.Answer) agree.Seen
}

// request is a kind of request with all that chance decided.
type request interface {
	kind() string
	// ready obtains codes and tokens and returns the request. It is called
	// without policies.
	ready(context.Context) (*shot, error)
}

// trial is a request and what becomes of it.
type trial struct {
	request
	name   string
	plain  rest.Answer // without policies
	second *shot
}

// Set runs the cases of one policy set.
func (w *Runner) Set(ctx context.Context, n int) error {
	random := generate.NewRandom(w.seed, "requests", n)
	set, err := generate.RequestSet(random, n)
	if err != nil {
		return fmt.Errorf("set %d: %w", n, err)
	}
	realm, err := w.engine.Compile(set)
	if err != nil {
		return fmt.Errorf("set %d: %w", n, err)
	}
	if err := w.realm.ClearPolicies(ctx); err != nil {
		return fmt.Errorf("set %d: %w", n, err)
	}
	var trials []*trial
	for i := range CasesPerSet {
		t := &trial{request: w.draw(random, generate.Focus(set)), name: fmt.Sprintf("request-%d-%d", n, i+1)}
		passes, err := t.baseline(ctx)
		if err != nil {
			return fmt.Errorf("set %d, case %d, %s without policies: %w", n, i+1, t.kind(), err)
		}
		if !passes {
			w.report(agree.Result{Verdict: agree.Refused, Kind: t.kind(), Case: t.name, Keycloak: t.plain.String()})
			continue
		}
		trials = append(trials, t)
	}
	if err := w.realm.SetPolicies(ctx, set); err != nil {
		return fmt.Errorf("set %d: %w", n, err)
	}
	for _, t := range trials {
		result, err := w.run(ctx, realm, t)
		if err != nil {
			return fmt.Errorf("set %d, %s, %s: %w", n, t.name, t.kind(), err)
		}
		w.report(result)
	}
	return w.realm.ClearPolicies(ctx)
}

// baseline sends the request without policies and makes it ready once more. It
// reports whether the request passes.
func (t *trial) baseline(ctx context.Context) (bool, error) {
	first, err := t.ready(ctx)
	if err != nil {
		return false, err
	}
	if t.plain, err = first.send(ctx); err != nil || !first.seen(t.plain).Allowed {
		return false, err
	}
	t.second, err = t.ready(ctx)
	return true, err
}

// run sends the request under policies and compares.
func (w *Runner) run(ctx context.Context, realm *sidegate.Realm, t *trial) (agree.Result, error) {
	before, err := w.client(ctx, t.second.client)
	if err != nil {
		return agree.Result{}, err
	}
	out := agree.Case{Kind: t.kind(), Name: t.name, Realm: realm}
	for _, e := range t.second.events {
		members := map[string]any{"client": before, "issuer": w.realm.Issuer()}
		for k, v := range e.members {
			members[k] = v
		}
		d, err := realm.Decide(e.name, members, time.Now())
		if err != nil {
			return agree.Result{}, err
		}
		if out.Decisions = append(out.Decisions, d); !d.Allowed() {
			break
		}
	}
	sent := time.Now()
	if out.Answer, err = t.second.send(ctx); err != nil {
		return agree.Result{}, err
	}
	out.Seen = t.second.seen(out.Answer)
	if err := w.logged(ctx, sent, &out.Seen); err != nil {
		return agree.Result{}, err
	}
	if result, done := out.Judge(); done {
		return result, nil
	}
	if why := effects(out.Decisions, t.plain, out.Answer); why != "" {
		return out.DifferEffect(why), nil
	}
	return w.stored(ctx, t.second.client, before, out)
}

// client returns a client as Sidegate is told of it.
func (w *Runner) client(ctx context.Context, id string) (map[string]any, error) {
	stored, err := w.realm.ClientByID(ctx, id)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(w.fleet, func(p *party) bool { return p.id == id }); i >= 0 {
		return sidegate.Facts(stored, w.fleet[i].roles...), nil
	}
	return sidegate.Facts(stored), nil
}

// logged asks the log of events for the policy's code behind a refusal: the wire
// often shows another one, or none.
func (w *Runner) logged(ctx context.Context, sent time.Time, seen *agree.Seen) (err error) {
	if !seen.Allowed {
		seen.Logged, err = w.realm.PolicyError(ctx, sent)
	}
	return err
}
