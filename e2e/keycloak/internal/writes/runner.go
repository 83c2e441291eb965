// Package writes compares what becomes of clients that are created, changed, read
// and deleted, by the admin API and by dynamic registration.
//
// A write is two events: one before, judged on what was submitted, and one after,
// judged on what stands then. What Keycloak makes of a submission by itself is
// learnt from a twin realm without policies, which is given the submission with
// Sidegate's mutations laid over it.
package writes

import (
	"context"
	"fmt"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/agree"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/generate"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/idp"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/sidegate"
)

// CasesPerSet is how many acts are tried under one policy set.
const CasesPerSet = 10

// Runner runs policy sets.
type Runner struct {
	Under, Twin *idp.Realm
	Engine      *sidegate.Engine
	Seed        uint64
	Report      func(agree.Result)
}

// act is one thing done to a client. prepare runs without policies.
type act interface {
	kind() string
	prepare(context.Context) error
	run(context.Context) (agree.Result, error)
}

// Set runs the cases of one policy set.
func (w *Runner) Set(ctx context.Context, n int) error {
	random := generate.NewRandom(w.Seed, "writes", n)
	set, err := generate.WriteSet(random, n)
	if err != nil {
		return fmt.Errorf("set %d: %w", n, err)
	}
	realm, err := w.Engine.Compile(set)
	if err != nil {
		return fmt.Errorf("set %d: %w", n, err)
	}
	if err := w.Under.ClearPolicies(ctx); err != nil {
		return fmt.Errorf("set %d: %w", n, err)
	}
	acts := make([]act, CasesPerSet)
	for i := range acts {
		acts[i] = w.draw(random, realm, fmt.Sprintf("write-%d-%d", n, i+1))
		if err := acts[i].prepare(ctx); err != nil {
			return fmt.Errorf("set %d, prepare %s: %w", n, acts[i].kind(), err)
		}
	}
	if err := w.Under.SetPolicies(ctx, set); err != nil {
		return fmt.Errorf("set %d: %w", n, err)
	}
	for i, a := range acts {
		result, err := a.run(ctx)
		if err != nil {
			return fmt.Errorf("set %d, case %d, %s: %w", n, i+1, a.kind(), err)
		}
		w.Report(result)
	}
	return nil
}

// draw makes an act by chance.
func (w *Runner) draw(r generate.Random, realm *sidegate.Realm, name string) act {
	base := common{Runner: w, realm: realm, name: name}
	switch roll := r.IntN(100); {
	case roll < 26:
		return &adminCreate{common: base, doc: w.document(r, name)}
	case roll < 54:
		return w.drawUpdate(r, base)
	case roll < 58:
		return &adminSecret{common: base, subject: subject{doc: w.document(r, name)}}
	case roll < 62:
		return &adminTouch{common: base, subject: subject{doc: w.document(r, name)}, remove: r.Chance(50)}
	case roll < 80:
		return w.drawRegister(r, base)
	case roll < 96:
		return w.drawReregister(r, base)
	default:
		return &registeredTouch{reregister: w.drawReregister(r, base), remove: r.Chance(50)}
	}
}

// document makes a client document, at times one that most executors like.
func (w *Runner) document(r generate.Random, clientID string) map[string]any {
	doc := generate.Client(r, clientID, generate.Pick(r, 100, 100, 50))
	if r.Chance(45) {
		good := generate.Good(r, clientID)
		for k, v := range generate.Client(r, clientID, 20) {
			if k != "attributes" {
				good[k] = v
			}
		}
		return good
	}
	return doc
}
