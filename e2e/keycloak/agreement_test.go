//go:build unix

package keycloak_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/agree"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/dist"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/idp"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/requests"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/server"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/sidegate"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/writes"
)

// Environment variables; README.md describes them.
const (
	seedVariable    = "SIDEGATE_E2E_SEED"
	writesVariable  = "SIDEGATE_E2E_WRITE_SETS"
	requestVariable = "SIDEGATE_E2E_REQUEST_SETS"
	urlVariable     = "SIDEGATE_KEYCLOAK_URL"
	vectorsVariable = "SIDEGATE_E2E_VECTORS"
)

// The least that must be compared for a run of the default size to count.
const (
	defaultSeed        = 1
	defaultWriteSets   = 60
	defaultRequestSets = 40
	leastWrites        = 300
	leastRequests      = 100
)

// TestAgreement compares Sidegate with a real Keycloak.
func TestAgreement(t *testing.T) {
	s := start(t)
	engine, err := sidegate.NewEngine()
	if err != nil {
		t.Fatal(err)
	}
	run := &run{Seed: number(t, seedVariable, defaultSeed), Engine: engine}
	run.Under, run.Twin = realm(t, s, "sidegate"), realm(t, s, "twin")
	t.Run("writes", run.writes)
	t.Run("requests", run.requests)
	run.finish(t)
}

// run is one comparison.
type run struct {
	Seed        uint64
	Engine      *sidegate.Engine
	Under, Twin *idp.Realm
	tally       agree.Tally
	vectors     []json.RawMessage
}

func (r *run) writes(t *testing.T) {
	w := &writes.Runner{Under: r.Under, Twin: r.Twin, Engine: r.Engine, Seed: r.Seed, Report: r.reporter(t)}
	r.sets(t, w.Set, number(t, writesVariable, defaultWriteSets), defaultWriteSets, leastWrites)
}

func (r *run) requests(t *testing.T) {
	sets := number(t, requestVariable, defaultRequestSets)
	if sets == 0 {
		t.Skip("no sets")
	}
	w, err := requests.New(t.Context(), r.Under, r.Engine, r.Seed, r.reporter(t))
	if err != nil {
		t.Fatal(err)
	}
	r.sets(t, w.Set, sets, defaultRequestSets, leastRequests)
}

// sets runs policy sets; a run of the default size must compare enough.
func (r *run) sets(t *testing.T, set func(context.Context, int) error, sets, usual uint64, least int) {
	t.Helper()
	_, before := r.tally.Compared()
	for n := range int(sets) {
		if err := set(t.Context(), n+1); err != nil {
			t.Fatal(err)
		}
	}
	_, after := r.tally.Compared()
	if got := after - before; sets >= usual && got < least {
		t.Errorf("only %d cases were compared: want at least %d", got, least)
	}
}

// reporter counts results and prints those that differ.
func (r *run) reporter(t *testing.T) func(agree.Result) {
	return func(result agree.Result) {
		r.tally.Add(result)
		if result.Verdict != agree.Differs {
			if result.Verdict == agree.Refused {
				t.Logf("%s (%s): refused without policies: %s", result.Kind, result.Case, result.Keycloak)
			}
			return
		}
		r.vectors = append(r.vectors, result.Vectors...)
		t.Errorf("%s (%s, seed %d): %s\n  keycloak: %s\n  sidegate: %s\n  vectors: %s",
			result.Kind, result.Case, r.Seed, result.Why, result.Keycloak, result.Sidegate, vectorText(result.Vectors))
	}
}

func vectorText(vectors []json.RawMessage) string {
	var b strings.Builder
	for _, v := range vectors {
		b.WriteString("\n" + string(v))
	}
	return b.String()
}

// finish prints the counts, and keeps the vectors where it is told to.
func (r *run) finish(t *testing.T) {
	if path := os.Getenv(vectorsVariable); path != "" && len(r.vectors) > 0 {
		data, err := json.MarshalIndent(map[string]any{
			"about": "disagreements with a running Keycloak " + dist.Version, "cases": r.vectors,
		}, "", " ")
		if err == nil {
			err = os.WriteFile(path, data, 0o644)
		}
		if err != nil {
			t.Errorf("write vectors: %v", err)
		}
	}
	same, compared := r.tally.Compared()
	fmt.Print(r.tally.Executors(), r.tally.Table())
	fmt.Printf("keycloak agreement: %d of %d\n", same, compared)
}

// start returns a Keycloak of its own, or the one that is named. It skips when the
// machine has no Java or no distribution.
func start(t *testing.T) *idp.Server {
	t.Helper()
	if base := os.Getenv(urlVariable); base != "" {
		u, err := url.Parse(base)
		if err != nil || u.Hostname() != "127.0.0.1" {
			t.Fatalf("%s: %q is not on 127.0.0.1: this test makes and deletes realms", urlVariable, base)
		}
		return idp.New(strings.TrimSuffix(base, "/"), server.AdminUser, server.AdminPassword)
	}
	home, err := dist.Home(t.Context())
	if errors.Is(err, dist.ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	s, err := server.Start(t.Context(), home, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("Keycloak %s at %s, started in %s", dist.Version, s.URL, time.Since(began).Round(time.Second))
	return idp.New(s.URL, server.AdminUser, server.AdminPassword)
}

func realm(t *testing.T, s *idp.Server, name string) *idp.Realm {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	r, err := s.NewRealm(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// number reads a number from the environment.
func number(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("%s: %q is no number", variable, text)
	}
	return n
}
