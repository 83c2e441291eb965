package writes

import (
	"context"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/agree"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/idp"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/sidegate"
)

// common is what all acts share.
type common struct {
	*Runner
	realm     *sidegate.Realm
	name      string
	decisions []sidegate.Decision
}

// way is how a client document comes, in the words of Sidegate's contract.
type way struct {
	channel, operation string
	boss               bool // the realm's administrator acts
}

func adminWay(operation string) way {
	return way{channel: "CHANNEL_ADMIN", operation: operation, boss: true}
}

func callerWay(by idp.Caller, operation string) way {
	switch by {
	case idp.Anonymous:
		return way{channel: "CHANNEL_DCR_ANONYMOUS", operation: operation}
	case idp.InitialToken:
		return way{channel: "CHANNEL_DCR_INITIAL_ACCESS_TOKEN", operation: operation}
	case idp.Bearer:
		return way{channel: "CHANNEL_DCR_AUTHENTICATED_USER", operation: operation, boss: true}
	}
	return way{channel: "CHANNEL_DCR_REGISTRATION_ACCESS_TOKEN", operation: operation}
}

// decide asks Sidegate about an event and remembers the decision.
func (c *common) decide(event string, w way, members map[string]any) (sidegate.Decision, error) {
	request := map[string]any{
		"registration": map[string]any{"channel": w.channel, "operation": w.operation},
		"source":       map[string]any{"remoteAddress": "127.0.0.1", "remoteHost": "localhost"},
		"issuer":       c.Under.Issuer(),
	}
	if w.boss {
		request["actor"] = actor(c.Under.Boss)
	}
	for k, v := range members {
		request[k] = v
	}
	d, err := c.realm.Decide(event, request, time.Now())
	if err == nil {
		c.decisions = append(c.decisions, d)
	}
	return d, err
}

func actor(p idp.Person) map[string]any {
	clientRoles := map[string]any{}
	for client, roles := range p.ClientRoles {
		clientRoles[client] = map[string]any{"roles": roles}
	}
	return map[string]any{
		"username": p.Name, "realmRoles": p.RealmRoles, "clientRoles": clientRoles, "groups": p.Groups,
	}
}

// outcome is the case as it stands.
func (c *common) outcome(kind string, answer rest.Answer) agree.Case {
	return agree.Case{
		Kind: kind, Name: c.name, Realm: c.realm, Decisions: slices.Clone(c.decisions),
		Answer: answer, Seen: agree.JSONAnswer(answer),
	}
}

// refused judges a case in which Sidegate allows the first event and the twin
// realm, without policies, refuses. When Keycloak under policies says something
// else, the second event may have come before the check that refuses.
func (c *common) refused(kind string, answer, twin rest.Answer, second func() error) (agree.Result, error) {
	out := c.outcome(kind, answer)
	if answer.Status == twin.Status && answer.Text("error") == twin.Text("error") &&
		answer.Text("errorMessage") == twin.Text("errorMessage") {
		return out.Refuse(), nil
	}
	if err := second(); err != nil {
		return agree.Result{}, err
	}
	out = c.outcome(kind, answer)
	if result, done := out.Judge(); done {
		return result, nil
	}
	return out.Differ("without policies the endpoint refuses: " + twin.String()), nil
}

// sameVerdict reports whether an act whose first event is rejected is judged.
func (c *common) rejected(kind string, answer rest.Answer) (agree.Result, error) {
	out := c.outcome(kind, answer)
	result, _ := out.Judge() // a rejection is always a result
	return result, nil
}

// stored compares what Keycloak stored with what Sidegate's answers lead to.
func (c *common) stored(ctx context.Context, out agree.Case, clientID string, want map[string]any) (agree.Result, error) {
	got, err := c.Under.ClientByID(ctx, clientID)
	if err != nil {
		return agree.Result{}, err
	}
	differences, members, absent := agree.CompareClients(got, want)
	if len(differences) == 0 {
		return out.Agree(), nil
	}
	return out.DifferClient(differences, c.blame(members, absent), sidegate.WantClient(members, absent)), nil
}

// blame returns the decision that most likely explains a difference: the last one
// that changed one of the differing members; else the last for what only the second
// event touches, and the first for everything else.
func (c *common) blame(members map[string]any, absent []string) sidegate.Decision {
	pointers := slices.Clone(absent)
	for name := range members {
		pointers = append(pointers, "/"+name)
	}
	for name := range sidegate.Attributes(members) {
		pointers = append(pointers, "/attributes/"+name)
	}
	for _, d := range slices.Backward(c.decisions) {
		if sidegate.Mutates(d.GetMutations(), pointers...) {
			return d
		}
	}
	if slices.ContainsFunc(pointers, func(p string) bool { return slices.Contains(secondOnly, p) }) {
		return c.decisions[len(c.decisions)-1]
	}
	return c.decisions[0]
}

// secondOnly are the members that only the event after a write touches.
var secondOnly = func() []string {
	pointers := []string{"/attributes/x509.casubjectdn"}
	for _, name := range agree.RotationTimes {
		pointers = append(pointers, "/attributes/"+name)
	}
	return pointers
}()

// createdID returns the internal id in the answer to a creation by the admin API.
func createdID(a rest.Answer) (string, error) {
	if location := a.Header.Get("Location"); a.OK() && location != "" {
		return path.Base(location), nil
	}
	return "", fmt.Errorf("create client: %w: %s", rest.ErrStatus, a)
}
