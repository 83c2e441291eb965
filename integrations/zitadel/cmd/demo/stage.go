package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sidegate/sidegate/client"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	zitadel "github.com/sidegate/sidegate/integrations/zitadel"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// step is one scene: what happens, and which decisions it must bring.
type step struct {
	name string
	want []want
	run  func(context.Context, *stage) error
}

// want is one expected decision.
type want struct {
	event    clientpolicyv1.Event
	decision clientpolicyv1.EvaluateResponse_Decision
	// by is the executor whose finding rejects; empty when there is none.
	by string
	// sets are the paths that are changed, in order.
	sets []string
}

// stage is everything that a scene needs.
type stage struct {
	*browser
	gate      *sidegate
	admin     *admin
	decisions *client.Client
	issuer    string
	store     *store.Store
	key       *ecdsa.PrivateKey // of the client that authenticates by key
	server    *http.Server
	served    chan error
	out       *printer

	mu   sync.Mutex
	seen []zitadel.Observation
}

// patience is longer than an identity provider's: the story runs on machines
// that are busy starting.
const patience = 2 * time.Second

// newStage sets up the realm and serves the provider.
func newStage(ctx context.Context, g *sidegate, out *printer) (*stage, error) {
	a, err := newAdmin(g)
	if err != nil {
		return nil, err
	}
	if err := a.setUp(ctx); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	decisions, err := client.Dial("unix://"+g.socket, client.WithTimeout(patience))
	if err != nil {
		return nil, err
	}
	s := &stage{gate: g, admin: a, decisions: decisions, key: key, out: out, served: make(chan error, 1)}
	if err := s.serve(ctx); err != nil {
		return nil, errors.Join(err, decisions.Close())
	}
	return s, nil
}

// serve makes the provider and its clients and listens on a free port.
func (s *stage) serve(ctx context.Context) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.issuer = "http://" + l.Addr().String()
	handler, err := s.provider()
	if err != nil {
		_ = l.Close()
		return err
	}
	s.browser = newBrowser(s.issuer)
	s.server = &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10}
	go func() { s.served <- s.server.Serve(l) }()
	return nil
}

func (s *stage) provider() (*zitadel.Provider, error) {
	var err error
	if s.store, err = store.New(store.ExampleUsers(s.issuer), nil); err != nil {
		return nil, err
	}
	if err := seed(s.store, &s.key.PublicKey); err != nil {
		return nil, err
	}
	return zitadel.New(zitadel.Config{
		Issuer: s.issuer, Realm: realm, Decider: s.decisions, Store: s.store,
		Observe: func(_ context.Context, o zitadel.Observation) { s.observe(o) },
	})
}

// close stops the provider and hangs up.
func (s *stage) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if e := <-s.served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	s.idle()
	return errors.Join(err, s.decisions.Close())
}

// observe prints a decision and keeps it for the comparison.
func (s *stage) observe(o zitadel.Observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, o)
	s.out.decision(o)
}

// take returns the decisions since the last call.
func (s *stage) take() []zitadel.Observation {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}

// play plays the steps and counts those that went otherwise.
func (s *stage) play(ctx context.Context, steps []step) (failed int) {
	for _, st := range steps {
		s.out.step(st.name)
		err := st.run(ctx, s)
		if err == nil {
			err = compare(st.want, s.take())
		} else {
			s.take()
		}
		if err != nil {
			failed++
			s.out.mismatch(err.Error())
		}
	}
	return failed
}

// compare holds the decisions that came against those expected.
func compare(expected []want, seen []zitadel.Observation) error {
	for i := range max(len(expected), len(seen)) {
		w, got := "nothing more", "nothing more"
		if i < len(expected) {
			w = expected[i].String()
		}
		if i < len(seen) {
			got = wantOf(seen[i].Event, seen[i].Response).String()
		}
		if w != got {
			return fmt.Errorf("decision %d: expected %s, got %s", i+1, w, got)
		}
	}
	return nil
}

// wantOf is a decision in the form in which it is expected.
func wantOf(e clientpolicyv1.Event, r *clientpolicyv1.EvaluateResponse) want {
	w := want{event: e, decision: r.GetDecision()}
	if i := slices.IndexFunc(r.GetFindings(), (*clientpolicyv1.Finding).GetEnforced); i >= 0 {
		w.by = r.GetFindings()[i].GetExecutor()
	}
	for _, m := range r.GetMutations() {
		w.sets = append(w.sets, m.GetPath())
	}
	return w
}

// String implements fmt.Stringer.
func (w want) String() string {
	out := strings.TrimPrefix(w.event.String(), "EVENT_") + " " + strings.TrimPrefix(w.decision.String(), "DECISION_")
	if w.by != "" {
		out += " by " + w.by
	}
	if len(w.sets) > 0 {
		out += " setting " + strings.Join(w.sets, " ")
	}
	return out
}

// invite says how the story went and where everything is.
func (s *stage) invite(failed int) {
	if failed == 0 {
		s.out.say(asExpected)
	}
	s.out.say("Still serving; stop with Ctrl-C.")
	for _, l := range []string{
		"  OpenID provider  " + s.issuer + "/.well-known/openid-configuration",
		"  Administration   " + s.gate.admin + "/v1/realms/" + realm + "/policies",
		"                   curl -H \"Authorization: Bearer $(cat " + s.gate.token + ")\" " + s.gate.admin + "/v1/realms/" + realm + "/policies",
		"  Decisions        unix://" + s.gate.socket,
		"  Decision log     SIDEGATE_TOKEN=$(cat " + s.gate.token + ") bin/sidegate decisions --server " + s.gate.admin + " --realm " + realm + " --follow --since 1h",
		"  Log              " + s.gate.log,
	} {
		s.out.line(l)
	}
}
