package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp/pdptest"
	"github.com/sidegate/sidegate/pdp/profiles"
)

// known says what this binary has.
func known() (pdptest.Providers, error) {
	registry, err := catalog.Registry()
	if err != nil {
		return pdptest.Providers{}, err
	}
	builtin, err := profiles.Builtin()
	if err != nil {
		return pdptest.Providers{}, err
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
	}}, nil
}

// realms are temporary realms on a server, one per set of policies and compatibility.
type realms struct {
	api       *api
	decisions *decisions
	made      map[string]*madeRealm
}

// madeRealm is a realm, or why it or its policies were refused.
type madeRealm struct {
	name    string
	exists  bool
	refused error
}

// cleanTimeout bounds the deletion of the realms, also of an interrupted run.
const cleanTimeout = 2 * time.Minute

// of returns the realm of a case.
func (r *realms) of(ctx context.Context, c *pdptest.Case) (string, error) {
	key := c.Compatibility.String() + string(c.SetJSON)
	m := r.made[key]
	if m == nil {
		m = &madeRealm{name: "sidegate-test-" + rand.Text()}
		r.made[key] = m
		m.refused = r.make(ctx, m, c)
	}
	return m.name, m.refused
}

func (r *realms) make(ctx context.Context, m *madeRealm, c *pdptest.Case) error {
	body := object("name", m.name, "settings", object("compatibility", c.Compatibility.String()))
	if _, err := r.api.do(ctx, call{method: http.MethodPost, path: "/v1/realms", body: body.JSON()}); err != nil {
		return err
	}
	m.exists = true
	_, err := r.api.do(ctx, call{method: http.MethodPut, path: setPath(m.name), query: url.Values{"force": {"true"}}, body: c.SetJSON})
	return err
}

// rest decides a case over REST.
func (r *realms) rest(ctx context.Context, c *pdptest.Case) (*clientpolicyv1.EvaluateResponse, error) {
	realm, err := r.of(ctx, c)
	if err != nil {
		return nil, err
	}
	return r.api.evaluate(ctx, realm, c.RequestJSON)
}

// grpc decides a case by the decision listener.
func (r *realms) grpc(ctx context.Context, c *pdptest.Case) (*clientpolicyv1.EvaluateResponse, error) {
	realm, err := r.of(ctx, c)
	if err != nil {
		return nil, err
	}
	return r.decisions.evaluate(ctx, c.RequestFor(realm))
}

// remove deletes the realms. It has a context of its own, so that an
// interrupted run cleans up too.
func (r *realms) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanTimeout)
	defer cancel()
	var errs []error
	for _, m := range r.made {
		if !m.exists {
			continue
		}
		_, err := r.api.do(ctx, call{method: http.MethodDelete, path: "/v1/realms/" + segment(m.name), query: url.Values{"force": {"true"}}})
		if p, ok := errors.AsType[*problem](err); ok && p.Status == http.StatusNotFound {
			continue // somebody else was faster
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("temporary realm %q is left behind: %w", m.name, err))
		}
		if exitCode(err) == exitUnreachable {
			break
		}
	}
	return errors.Join(errs...)
}
