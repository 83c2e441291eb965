package agree

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/sidegate"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Case is one act at Keycloak and Sidegate's decisions on the events it fires.
type Case struct {
	Kind, Name string
	Realm      *sidegate.Realm
	// Decisions are in the order of the events; none follows a rejection.
	Decisions []sidegate.Decision
	// Answer is Keycloak's, and Seen what it means.
	Answer rest.Answer
	Seen   Seen
}

// Seen is what Keycloak's answer says about policies.
type Seen struct {
	// Allowed means that no policy refused.
	Allowed bool
	// Status and Code are those of a refusal; a code that the wire does not show
	// is empty. Detail is the description where it carries the code.
	Status int
	Code   string
	Detail string
	// Logged is the policy's own code, where Keycloak's log has it.
	Logged string
	// Redirect means that the refusal was sent to the client's redirect URI.
	Redirect bool
}

// String returns the refusal for messages.
func (s Seen) String() string {
	if s.Allowed {
		return "allowed"
	}
	return fmt.Sprintf("refused: %d %s %s (logged: %s)", s.Status, s.Code, s.Detail, s.Logged)
}

// JSONAnswer reads the answer of an endpoint that answers in JSON.
func JSONAnswer(a rest.Answer) Seen {
	if a.OK() {
		return Seen{Allowed: true}
	}
	s := Seen{Status: a.Status, Code: a.Text("error")}
	if s.Code == "insufficient_scope" {
		s.Detail = a.Text("error_description")
	}
	return s
}

// rejection returns the decision that rejects, or nil.
func (c *Case) rejection() *sidegate.Decision {
	for i := range c.Decisions {
		if !c.Decisions[i].Allowed() {
			return &c.Decisions[i]
		}
	}
	return nil
}

// Judge compares the verdicts. It reports no result when both allow: then the
// caller goes on to compare what was stored or issued.
func (c *Case) Judge() (Result, bool) {
	d := c.rejection()
	switch {
	case d == nil && c.Seen.Allowed:
		return Result{}, false
	case d != nil && matches(d, c.Seen):
		return c.result(Same, ""), true
	}
	if why := explain(c.Realm, c.Seen, c.Decisions); why != "" {
		return c.result(Known, why), true
	}
	if c.Answer.Status == http.StatusInternalServerError {
		return c.Differ("Keycloak crashed and no known difference says why"), true
	}
	return c.Differ("the verdicts differ"), true
}

// matches reports whether a refusal is the one that Sidegate says the endpoint
// puts on the wire. A page shows no code; a redirect has no status of its own.
func matches(d *sidegate.Decision, got Seen) bool {
	want := d.GetWireError()
	if got.Logged != "" && got.Logged != d.GetError().GetCode() {
		return false
	}
	if got.Allowed || got.Detail != "" && got.Detail != want.GetDescription() {
		return false
	}
	switch toPage := want.GetDelivery() == pb.PolicyError_DELIVERY_PAGE; {
	case got.Redirect && toPage:
		return refusesRedirect(d) && got.Code == want.GetCode()
	case got.Redirect:
		return want.GetDelivery() == pb.PolicyError_DELIVERY_REDIRECT && got.Code == want.GetCode()
	}
	// A page shows no code; then only the log tells that a policy refused.
	code := got.Code == want.GetCode() || got.Code == "" && got.Logged != ""
	return code && int(want.GetHttpStatus()) == got.Status
}

// refusesRedirect reports whether the redirect URI itself was refused, by the first
// finding or a later one: Keycloak sends the error there all the same (Δ4),
// Sidegate never does.
func refusesRedirect(d *sidegate.Decision) bool {
	return d.Event == "AUTHORIZATION_REQUEST" && slices.ContainsFunc(d.GetFindings(), func(f *pb.Finding) bool {
		return f.Executor == "secure-client-uris" || f.Executor == "secure-redirect-uris-enforcer"
	})
}

// Agree returns the result of a case in which both allow and nothing differs.
func (c *Case) Agree() Result { return c.result(Same, "") }

// Refuse returns the result of a case that no policy decides.
func (c *Case) Refuse() Result {
	r := c.result(Refused, "")
	r.Keycloak = c.Answer.String()
	return r
}

// engine stands where the engine itself changes something: it drops rotated secrets.
const engine = "(none)"

func (c *Case) result(v Verdict, why string) Result {
	r := Result{Verdict: v, Kind: c.Kind, Case: c.Name, Why: why}
	for _, d := range c.Decisions {
		r.Applied = r.Applied || len(d.GetAppliedPolicies()) > 0
		for _, m := range d.GetMutations() {
			r.Changed = append(r.Changed, cmp.Or(m.Executor, engine))
		}
		for _, o := range d.GetObligations() {
			r.Changed = append(r.Changed, cmp.Or(o.Executor, engine))
		}
	}
	if d := c.rejection(); d != nil {
		r.Rejected, r.Rejecter = true, d.GetFindings()[0].Executor
	}
	return r
}

// Differ returns the result of a case whose verdicts differ, with a vector for
// each decision that may be wrong.
func (c *Case) Differ(why string) Result {
	r := c.result(Differs, why)
	r.Keycloak, r.Sidegate = c.Seen.String()+" — "+c.Answer.String(), c.describe()
	for _, d := range c.suspects() {
		want := sidegate.WantAllow()
		if !c.Seen.Allowed {
			want = sidegate.WantReject(c.code())
		}
		r.Vectors = append(r.Vectors, c.vector(d, want))
	}
	return r
}

// code is the executor's code behind a refusal, as far as the wire shows it.
func (c *Case) code() string {
	switch {
	case c.Seen.Logged != "":
		return c.Seen.Logged
	case c.Seen.Detail != "":
		return c.Seen.Detail
	}
	return c.Seen.Code
}

// suspects are the decisions that may be wrong: the one that rejects, or all of
// them when Keycloak rejects and Sidegate does not.
func (c *Case) suspects() []sidegate.Decision {
	if d := c.rejection(); d != nil {
		return []sidegate.Decision{*d}
	}
	return c.Decisions
}

// DifferClient returns the result of a case in which another client was stored.
func (c *Case) DifferClient(differences []string, d sidegate.Decision, want map[string]any) Result {
	r := c.result(Differs, "the stored clients differ")
	for _, line := range differences {
		r.Why += "; " + line
	}
	r.Keycloak, r.Sidegate = c.Seen.String(), c.describe()
	r.Vectors = []json.RawMessage{c.vector(d, want)}
	return r
}

// DifferEffect returns the result of a case whose answer shows another effect.
func (c *Case) DifferEffect(why string) Result {
	r := c.result(Differs, why)
	r.Keycloak, r.Sidegate = c.Seen.String()+" — "+c.Answer.String(), c.describe()
	return r
}

// vector returns the case as a vector; one that cannot be written says why.
func (c *Case) vector(d sidegate.Decision, want map[string]any) json.RawMessage {
	v, err := c.Realm.Vector(fmt.Sprintf("%s, %s, %s", c.Name, c.Kind, d.Event), d, want)
	if err != nil {
		text, _ := json.Marshal("no vector: " + err.Error()) // of a string, never fails
		return text
	}
	return v
}

// describe says what Sidegate decided on each event.
func (c *Case) describe() string {
	text := ""
	for _, d := range c.Decisions {
		if text += d.Event; d.Allowed() {
			text += fmt.Sprintf(" allowed (%v) ", d.GetAppliedPolicies())
			continue
		}
		f := d.GetFindings()[0]
		text += fmt.Sprintf(" rejected: %s by %s in %s at %s: %s; wire %d %s", d.GetError().GetCode(), f.GetExecutor(),
			f.GetPolicy(), f.GetField(), f.GetDescription(), d.GetWireError().GetHttpStatus(), d.GetWireError().GetCode())
	}
	return text
}
