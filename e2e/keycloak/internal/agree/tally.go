// Package agree judges whether Keycloak and Sidegate gave the same answer, and
// counts.
package agree

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Verdict is how a case came out. The zero value is invalid.
type Verdict int8

// The verdicts.
const (
	_ Verdict = iota
	// Same: both gave the same answer.
	Same
	// Differs: they did not.
	Differs
	// Known: a known difference explains Keycloak's answer, in most cases a crash.
	Known
	// Refused: the endpoint refuses the request without any policy.
	Refused
)

// Result is the outcome of one case.
type Result struct {
	Verdict Verdict
	// Kind says what was done, as in "admin create".
	Kind string
	// Case finds the case again in a run of the same seed.
	Case string
	// Why names the known difference, or says what differs.
	Why string
	// Keycloak and Sidegate are the answers of a case that differs.
	Keycloak, Sidegate string
	// Rejected tells whether Sidegate rejected, and Rejecter by which executor.
	Rejected bool
	Rejecter string
	// Changed are the executors that changed the client or asked for something.
	Changed []string
	// Applied tells whether a policy applied, by Sidegate's account.
	Applied bool
	// Vectors are cases for vector files that want Keycloak's answer.
	Vectors []json.RawMessage
}

// Tally counts results by kind.
type Tally struct {
	kinds             map[string]*count
	known             map[string]int
	rejected, changed map[string]int // agreeing cases by executor
}

type count struct{ allowed, rejected, differs, applied, known, refused int }

func (c *count) compared() int { return c.allowed + c.rejected + c.differs }

// Add counts a result.
func (t *Tally) Add(r Result) {
	if t.kinds == nil {
		t.kinds, t.known = map[string]*count{}, map[string]int{}
		t.rejected, t.changed = map[string]int{}, map[string]int{}
	}
	c := t.kinds[r.Kind]
	if c == nil {
		c = &count{}
		t.kinds[r.Kind] = c
	}
	switch {
	case r.Verdict == Same && r.Rejected:
		c.rejected++
	case r.Verdict == Same:
		c.allowed++
	case r.Verdict == Known:
		c.known++
		t.known[r.Why]++
	case r.Verdict == Refused:
		c.refused++
	default: // a result without a verdict is no agreement
		c.differs++
	}
	t.credit(r)
	if r.Applied && (r.Verdict == Same || r.Verdict == Differs) {
		c.applied++
	}
}

// credit counts an agreeing case for the executors that decided it.
func (t *Tally) credit(r Result) {
	if r.Verdict != Same {
		return
	}
	if r.Rejecter != "" {
		t.rejected[r.Rejecter]++
		return
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(r.Changed))) {
		t.changed[id]++
	}
}

// Executors returns how many agreeing cases each executor decided.
func (t *Tally) Executors() string {
	var b strings.Builder
	const head, row = "%-50s %8s %8s\n", "%-50s %8d %8d\n"
	fmt.Fprintf(&b, head, "executor, in cases that agree", "rejected", "changed")
	all := maps.Clone(t.rejected)
	maps.Copy(all, t.changed)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, row, id, t.rejected[id], t.changed[id])
	}
	return b.String()
}

// Compared returns how many cases were compared, and how many of them agree.
func (t *Tally) Compared() (agree, compared int) {
	for _, c := range t.kinds {
		agree += c.allowed + c.rejected
		compared += c.compared()
	}
	return agree, compared
}

// Table returns the counts by kind, and how often each known difference was met.
func (t *Tally) Table() string {
	var b strings.Builder
	const head, row = "%-50s %8s %8s %8s %8s %8s %8s %8s\n", "%-50s %8d %8d %8d %8d %8d %8d %8d\n"
	fmt.Fprintf(&b, head, "kind", "compared", "allowed", "rejected", "differ", "applied", "known", "refused")
	for _, kind := range slices.Sorted(maps.Keys(t.kinds)) {
		c := t.kinds[kind]
		fmt.Fprintf(&b, row, kind, c.compared(), c.allowed, c.rejected, c.differs, c.applied, c.known, c.refused)
	}
	b.WriteString("applied: under some policy. Not compared: known, listed below; refused, by the endpoint without policies too.\n")
	for _, why := range slices.Sorted(maps.Keys(t.known)) {
		fmt.Fprintf(&b, "  %3d x %s\n", t.known[why], why)
	}
	return b.String()
}
