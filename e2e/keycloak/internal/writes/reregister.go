package writes

import (
	"context"
	"fmt"
	"maps"
	"net/http"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/agree"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/generate"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/idp"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/sidegate"
)

// reregister changes a dynamically registered client.
type reregister struct {
	common
	format      idp.Format
	by          idp.Caller
	base, doc   map[string]any
	under, twin registered
}

func (w *Runner) drawReregister(r generate.Random, base common) *reregister {
	a := &reregister{common: base, by: ownToken}
	if r.Chance(25) {
		a.by = idp.Bearer
	}
	a.format, a.base = w.drawFormat(r, base.name)
	if a.format == idp.OpenIDConnect {
		a.doc = generate.Metadata(r)
	} else {
		a.doc = generate.Client(r, base.name, generate.Pick(r, 20, 60, 100))
	}
	return a
}

func (a *reregister) kind() string { return "update " + string(a.format) + ", " + string(a.by) }

// prepare registers the client in both realms.
func (a *reregister) prepare(ctx context.Context) error {
	answer, err := a.Under.Register(ctx, a.format, idp.Anonymous, a.base)
	if err == nil && !answer.OK() {
		a.base = map[string]any{"clientId": a.name, "redirectUris": []any{"https://app.example/cb"}}
		if a.format == idp.OpenIDConnect {
			a.base = map[string]any{"redirect_uris": []any{"https://app.example/cb"}}
		}
		answer, err = a.Under.Register(ctx, a.format, idp.Anonymous, a.base)
	}
	if err != nil {
		return err
	}
	a.under = readRegistered(a.format, answer)
	if answer, err = a.Twin.Register(ctx, a.format, idp.Anonymous, a.base); err != nil {
		return err
	}
	if a.twin = readRegistered(a.format, answer); a.under.token == "" || a.twin.token == "" {
		return fmt.Errorf("register client: %w: %s", rest.ErrStatus, answer)
	}
	return nil
}

// token returns the token with which the client is changed.
func (a *reregister) token(r *idp.Realm, of registered) string {
	if a.by == ownToken {
		return of.token
	}
	return r.Boss.Token
}

// document returns the document for the client of a realm, which must name it.
func (a *reregister) document(doc map[string]any, of registered) map[string]any {
	named := maps.Clone(doc)
	if a.format == idp.OpenIDConnect {
		named["client_id"] = of.clientID
	} else {
		named["clientId"] = of.clientID
	}
	return named
}

func (a *reregister) run(ctx context.Context) (agree.Result, error) {
	before, err := a.Under.ClientByID(ctx, a.under.clientID)
	if err != nil {
		return agree.Result{}, err
	}
	w, doc := callerWay(a.by, "OPERATION_UPDATE"), a.doc
	if a.format == idp.Representation {
		doc = a.document(a.doc, a.under)
	}
	proposed, _, err := a.proposal(ctx, a.format, idp.Anonymous, doc)
	if err != nil {
		return agree.Result{}, err
	}
	answer, err := a.Under.Registered(ctx, http.MethodPut, a.format, a.under.clientID, a.token(a.Under, a.under), a.document(a.doc, a.under))
	if err != nil {
		return agree.Result{}, err
	}
	if proposed == nil {
		out := a.outcome(a.kind(), answer)
		return out.Refuse(), nil
	}
	first, err := a.decide("UPDATE", w, map[string]any{
		"client": sidegate.Facts(before), "proposedClient": sidegate.Facts(proposed), "proposedMask": sidegate.Emptied(proposed),
	})
	if err != nil || !first.Allowed() {
		return orRejected(err, &a.common, a.kind(), answer)
	}
	return a.finish(ctx, answer, w, first)
}

// finish judges the second event and what was stored.
func (a *reregister) finish(ctx context.Context, answer rest.Answer, w way, first sidegate.Decision) (agree.Result, error) {
	changed := a.doc
	if a.format == idp.Representation {
		changed = sidegate.Apply(a.doc, first.GetMutations())
	}
	twin, err := a.Twin.Registered(ctx, http.MethodPut, a.format, a.twin.clientID, a.token(a.Twin, a.twin), a.document(changed, a.twin))
	if err != nil {
		return agree.Result{}, err
	}
	if !twin.OK() {
		return a.refused(a.kind(), answer, twin, func() error { return nil })
	}
	written, err := a.Twin.ClientByID(ctx, a.twin.clientID)
	if err != nil {
		return agree.Result{}, err
	}
	if a.format == idp.OpenIDConnect {
		written = sidegate.Apply(written, first.GetMutations())
	}
	second, err := a.decide("UPDATED", w, map[string]any{"client": sidegate.Facts(written)})
	if err != nil {
		return agree.Result{}, err
	}
	out := a.outcome(a.kind(), answer)
	if result, done := out.Judge(); done {
		return result, nil
	}
	if why := a.tokenEffect(first, answer); why != "" {
		return out.DifferEffect(why), nil
	}
	return a.stored(ctx, out, a.under.clientID, sidegate.Apply(written, second.GetMutations()))
}

// tokenEffect compares the obligation to keep the registration access token with
// the token in the answer.
func (a *reregister) tokenEffect(first sidegate.Decision, answer rest.Answer) string {
	keep := false
	for _, o := range first.GetObligations() {
		keep = keep || o.GetKeepRegistrationAccessToken() != nil
	}
	issued := readRegistered(a.format, answer).token
	switch {
	case a.by != ownToken:
		return ""
	case keep && issued != a.under.token:
		return "the registration access token was rotated, and Sidegate says keep it"
	case !keep && issued == a.under.token:
		return "the registration access token was kept, and Sidegate does not say so"
	}
	return ""
}
