package writes

import (
	"context"
	"maps"
	"net/http"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/agree"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/generate"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/idp"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/sidegate"
)

// adminCreate creates a client by the admin API.
type adminCreate struct {
	common
	doc map[string]any
}

func (*adminCreate) kind() string { return "admin create" }

func (*adminCreate) prepare(context.Context) error { return nil }

func (a *adminCreate) run(ctx context.Context) (agree.Result, error) {
	w := adminWay("OPERATION_CREATE")
	first, err := a.decide("REGISTER", w, map[string]any{
		"proposedClient": sidegate.Facts(a.doc), "proposedMask": sidegate.Emptied(a.doc),
	})
	if err != nil {
		return agree.Result{}, err
	}
	answer, err := a.Under.CreateClient(ctx, a.doc)
	if err != nil || !first.Allowed() {
		return orRejected(err, &a.common, a.kind(), answer)
	}
	changed := sidegate.Apply(a.doc, first.GetMutations())
	twin, err := a.Twin.CreateClient(ctx, changed)
	if err != nil {
		return agree.Result{}, err
	}
	if !twin.OK() {
		return a.refused(a.kind(), answer, twin, func() error {
			_, err := a.decide("REGISTERED", w, map[string]any{"client": sidegate.Facts(changed)})
			return err
		})
	}
	written, err := a.Twin.ClientByID(ctx, a.name)
	if err != nil {
		return agree.Result{}, err
	}
	second, err := a.decide("REGISTERED", w, map[string]any{"client": sidegate.Facts(written)})
	if err != nil {
		return agree.Result{}, err
	}
	out := a.outcome(a.kind(), answer)
	if result, done := out.Judge(); done {
		return result, nil
	}
	return a.stored(ctx, out, a.name, sidegate.Apply(written, second.GetMutations()))
}

// orRejected returns an error, or the judgement of an act whose first event
// Sidegate rejects.
func orRejected(err error, c *common, kind string, answer rest.Answer) (agree.Result, error) {
	if err != nil {
		return agree.Result{}, err
	}
	return c.rejected(kind, answer)
}

// subject is a client made in both realms by the admin API, without policies.
type subject struct {
	doc        map[string]any
	role       bool // with a role of its own
	id, twinID string
}

// make creates the client in both realms; a document that Keycloak refuses is
// replaced by a plain one.
func (s *subject) make(ctx context.Context, c *common) error {
	s.doc["clientId"] = c.name
	answer, err := c.Under.CreateClient(ctx, s.doc)
	if err == nil && !answer.OK() {
		s.doc = map[string]any{"clientId": c.name, "redirectUris": []any{"https://app.example/cb"}}
		answer, err = c.Under.CreateClient(ctx, s.doc)
	}
	if err != nil {
		return err
	}
	if s.id, err = createdID(answer); err != nil {
		return err
	}
	if answer, err = c.Twin.CreateClient(ctx, s.doc); err != nil {
		return err
	}
	if s.twinID, err = createdID(answer); err != nil || !s.role {
		return err
	}
	return c.Under.AddRole(ctx, s.id, generate.Role)
}

// facts returns the client as Sidegate is told it is stored.
func (s *subject) facts(ctx context.Context, r *idp.Realm, clientID string) (map[string]any, error) {
	stored, err := r.ClientByID(ctx, clientID)
	if err != nil {
		return nil, err
	}
	if s.role {
		return sidegate.Facts(stored, generate.Role), nil
	}
	return sidegate.Facts(stored), nil
}

// adminUpdate changes a client by the admin API.
type adminUpdate struct {
	common
	subject
	delta map[string]any
	whole bool // the whole representation is sent, changed
}

func (w *Runner) drawUpdate(r generate.Random, base common) *adminUpdate {
	u := &adminUpdate{common: base, whole: r.Chance(35)}
	u.subject = subject{doc: w.document(r, base.name), role: r.Chance(40)}
	switch {
	case r.Chance(12):
		u.delta = map[string]any{}
	case r.Chance(25):
		u.delta = w.document(r, base.name)
	default:
		u.delta = generate.Client(r, "", 45)
	}
	return u
}

func (*adminUpdate) kind() string { return "admin update" }

func (a *adminUpdate) prepare(ctx context.Context) error { return a.make(ctx, &a.common) }

// submitted returns the document that is sent.
func (a *adminUpdate) submitted(before map[string]any) map[string]any {
	if !a.whole {
		return a.delta
	}
	doc := sidegate.Clone(before)
	for _, name := range []string{"id", "clientRoles"} {
		delete(doc, name)
	}
	for name, value := range a.delta {
		if name != "attributes" {
			doc[name] = value
		}
	}
	for name, value := range sidegate.Attributes(a.delta) {
		sidegate.SetAttribute(doc, name, value)
	}
	return doc
}

func (a *adminUpdate) run(ctx context.Context) (agree.Result, error) {
	before, err := a.facts(ctx, a.Under, a.name)
	if err != nil {
		return agree.Result{}, err
	}
	w, doc := adminWay("OPERATION_UPDATE"), a.submitted(before)
	first, err := a.decide("UPDATE", w, map[string]any{
		"client": before, "proposedClient": sidegate.Facts(doc), "proposedMask": sidegate.Emptied(doc),
	})
	if err != nil {
		return agree.Result{}, err
	}
	answer, err := a.Under.UpdateClient(ctx, a.id, doc)
	if err != nil || !first.Allowed() {
		return orRejected(err, &a.common, a.kind(), answer)
	}
	changed := sidegate.Apply(doc, first.GetMutations())
	twin, err := a.Twin.UpdateClient(ctx, a.twinID, changed)
	if err != nil {
		return agree.Result{}, err
	}
	if !twin.OK() {
		return a.refused(a.kind(), answer, twin, func() error { return nil })
	}
	return a.finish(ctx, answer, w, before, changed)
}

// finish judges the second event and what was stored.
func (a *adminUpdate) finish(ctx context.Context, answer rest.Answer, w way, before, changed map[string]any) (agree.Result, error) {
	written, err := a.facts(ctx, a.Twin, a.name)
	if err != nil {
		return agree.Result{}, err
	}
	written = keepRotation(written, before, changed)
	second, err := a.decide("UPDATED", w, map[string]any{"client": written, "proposedClient": sidegate.Facts(changed)})
	if err != nil {
		return agree.Result{}, err
	}
	out := a.outcome(a.kind(), answer)
	result, done := out.Judge()
	switch {
	case !done:
		return a.stored(ctx, out, a.name, withoutRoles(sidegate.Apply(written, second.GetMutations())))
	case result.Rejected: // what was written must be undone
		return a.stored(ctx, out, a.name, withoutRoles(before))
	}
	return result, nil
}

func withoutRoles(client map[string]any) map[string]any {
	c := maps.Clone(client)
	delete(c, "clientRoles")
	return c
}

// adminSecret makes a new secret for a client by the admin API.
type adminSecret struct {
	common
	subject
}

func (*adminSecret) kind() string { return "admin new secret" }

func (a *adminSecret) prepare(ctx context.Context) error { return a.make(ctx, &a.common) }

func (a *adminSecret) run(ctx context.Context) (agree.Result, error) {
	before, err := a.facts(ctx, a.Under, a.name)
	if err != nil {
		return agree.Result{}, err
	}
	second, err := a.decide("UPDATED", adminWay("OPERATION_SECRET_REGENERATION"), map[string]any{
		"client": before, "proposedClient": before,
	})
	if err != nil {
		return agree.Result{}, err
	}
	answer, err := a.Under.RegenerateSecret(ctx, a.id)
	if err != nil {
		return agree.Result{}, err
	}
	out := a.outcome(a.kind(), answer)
	if result, done := out.Judge(); done {
		return result, nil
	}
	return a.stored(ctx, out, a.name, sidegate.Apply(before, second.GetMutations()))
}

// adminTouch reads or deletes a client by the admin API.
type adminTouch struct {
	common
	subject
	remove bool
}

func (a *adminTouch) kind() string {
	if a.remove {
		return "admin delete"
	}
	return "admin view"
}

func (a *adminTouch) prepare(ctx context.Context) error { return a.make(ctx, &a.common) }

func (a *adminTouch) run(ctx context.Context) (agree.Result, error) {
	before, err := a.facts(ctx, a.Under, a.name)
	if err != nil {
		return agree.Result{}, err
	}
	event, operation, do := "VIEW", "OPERATION_READ", a.Under.ViewClient
	if a.remove {
		event, operation, do = "UNREGISTER", "OPERATION_DELETE", a.Under.DeleteClient
	}
	if _, err := a.decide(event, adminWay(operation), map[string]any{"client": before}); err != nil {
		return agree.Result{}, err
	}
	answer, err := do(ctx, a.id)
	if err != nil {
		return agree.Result{}, err
	}
	out := a.outcome(a.kind(), answer)
	if result, done := out.Judge(); done {
		return result, nil
	}
	if a.remove && answer.Status != http.StatusNoContent {
		return out.DifferEffect("a deletion answers 204"), nil
	}
	return out.Agree(), nil
}

// keepRotation lays the rotation attributes that a client was left with, or was
// given, over what the twin realm stored: there they are dropped for lack of a
// policy, but only after policies would have seen them.
func keepRotation(written, before, submitted map[string]any) map[string]any {
	kept := sidegate.Clone(written)
	for _, name := range agree.RotationTimes {
		value := sidegate.Attributes(before)[name]
		if v, sent := sidegate.Attributes(submitted)[name]; sent {
			value = v
		}
		if value != nil && value != "" {
			sidegate.SetAttribute(kept, name, value)
		}
	}
	return kept
}
