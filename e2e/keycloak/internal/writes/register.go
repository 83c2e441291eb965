package writes

import (
	"context"
	"net/http"
	"slices"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/agree"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/generate"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/idp"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/sidegate"
)

// ownToken is the caller who holds the registration access token of the client.
const ownToken idp.Caller = "registration access token"

// registered are the members of the answer to a registration that are used.
type registered struct{ clientID, token string }

func readRegistered(f idp.Format, a rest.Answer) registered {
	if f == idp.OpenIDConnect {
		return registered{a.Text("client_id"), a.Text("registration_access_token")}
	}
	return registered{a.Text("clientId"), a.Text("registrationAccessToken")}
}

// converted are the members that Keycloak makes of registered metadata before any
// policy is asked; all others are filled in when the client is stored.
var converted = []string{
	"name", "baseUrl", "redirectUris", "publicClient", "standardFlowEnabled", "implicitFlowEnabled",
	"directAccessGrantsEnabled", "serviceAccountsEnabled", "clientAuthenticatorType", "frontchannelLogout", "attributes",
}

// filledAttributes are attributes that are filled in when a client is stored.
var filledAttributes = []string{"realm_client", "client.secret.creation.time"}

// conversion returns the client that Keycloak makes of metadata, from the client
// that it stores when no policy is in the way.
func conversion(stored map[string]any) map[string]any {
	proposed := map[string]any{}
	for name, value := range sidegate.Facts(stored) {
		if slices.Contains(converted, name) {
			proposed[name] = value
		}
	}
	for _, name := range filledAttributes {
		delete(sidegate.Attributes(proposed), name)
	}
	return proposed
}

// register registers a client dynamically.
type register struct {
	common
	format idp.Format
	by     idp.Caller
	doc    map[string]any
}

func (w *Runner) drawRegister(r generate.Random, base common) *register {
	a := &register{common: base, by: generate.Pick(r, idp.Anonymous, idp.InitialToken, idp.Bearer)}
	a.format, a.doc = w.drawFormat(r, base.name)
	return a
}

// drawFormat makes the document of a dynamic registration.
func (w *Runner) drawFormat(r generate.Random, clientID string) (idp.Format, map[string]any) {
	if r.Chance(65) {
		return idp.OpenIDConnect, generate.Metadata(r)
	}
	return idp.Representation, w.document(r, clientID)
}

func (a *register) kind() string { return "register " + string(a.format) + ", " + string(a.by) }

func (*register) prepare(context.Context) error { return nil }

// proposal returns what policies are shown of the document, and the client that
// the twin realm stored for it; it is nil when the endpoint refuses the document.
func (c *common) proposal(ctx context.Context, f idp.Format, by idp.Caller, doc map[string]any) (proposed, stored map[string]any, err error) {
	if f == idp.Representation {
		return doc, nil, nil
	}
	answer, err := c.Twin.Register(ctx, f, by, doc)
	if err != nil || !answer.OK() {
		return nil, nil, err
	}
	stored, err = c.Twin.ClientByID(ctx, readRegistered(f, answer).clientID)
	if err != nil {
		return nil, nil, err
	}
	return conversion(stored), stored, nil
}

func (a *register) run(ctx context.Context) (agree.Result, error) {
	w := callerWay(a.by, "OPERATION_CREATE")
	proposed, stored, err := a.proposal(ctx, a.format, a.by, a.doc)
	if err != nil {
		return agree.Result{}, err
	}
	answer, err := a.Under.Register(ctx, a.format, a.by, a.doc)
	if err != nil {
		return agree.Result{}, err
	}
	if proposed == nil {
		out := a.outcome(a.kind(), answer)
		return out.Refuse(), nil
	}
	first, err := a.decide("REGISTER", w, map[string]any{
		"proposedClient": sidegate.Facts(proposed), "proposedMask": sidegate.Emptied(proposed),
	})
	if err != nil || !first.Allowed() {
		return orRejected(err, &a.common, a.kind(), answer)
	}
	written, twin, err := a.written(ctx, first, stored)
	if err != nil {
		return agree.Result{}, err
	}
	if written == nil {
		return a.refused(a.kind(), answer, twin, func() error {
			_, err := a.decide("REGISTERED", w, map[string]any{"client": sidegate.Facts(sidegate.Apply(a.doc, first.GetMutations()))})
			return err
		})
	}
	second, err := a.decide("REGISTERED", w, map[string]any{"client": sidegate.Facts(written)})
	if err != nil {
		return agree.Result{}, err
	}
	out := a.outcome(a.kind(), answer)
	if result, done := out.Judge(); done {
		return result, nil
	}
	return a.stored(ctx, out, readRegistered(a.format, answer).clientID, sidegate.Apply(written, second.GetMutations()))
}

// written returns the client as it stands when the second event comes. It is nil,
// with the answer, when the twin realm refuses the document.
func (a *register) written(ctx context.Context, first sidegate.Decision, stored map[string]any) (map[string]any, rest.Answer, error) {
	if a.format == idp.OpenIDConnect {
		client := sidegate.Apply(stored, first.GetMutations())
		// A client that needs consent is stored without full scope unless it asks.
		if client["consentRequired"] == true && !sidegate.Mutates(first.GetMutations(), "/fullScopeAllowed") {
			client["fullScopeAllowed"] = false
		}
		return client, rest.Answer{}, nil
	}
	answer, err := a.Twin.Register(ctx, a.format, a.by, sidegate.Apply(a.doc, first.GetMutations()))
	if err != nil || !answer.OK() {
		return nil, answer, err
	}
	client, err := a.Twin.ClientByID(ctx, readRegistered(a.format, answer).clientID)
	return client, answer, err
}

// registeredTouch reads or deletes a registered client.
type registeredTouch struct {
	*reregister
	remove bool
}

func (a *registeredTouch) kind() string {
	if a.remove {
		return "registered delete"
	}
	return "registered view"
}

func (a *registeredTouch) run(ctx context.Context) (agree.Result, error) {
	before, err := a.Under.ClientByID(ctx, a.under.clientID)
	if err != nil {
		return agree.Result{}, err
	}
	event, operation, method := "VIEW", "OPERATION_READ", http.MethodGet
	if a.remove {
		event, operation, method = "UNREGISTER", "OPERATION_DELETE", http.MethodDelete
	}
	if _, err := a.decide(event, callerWay(a.by, operation), map[string]any{"client": sidegate.Facts(before)}); err != nil {
		return agree.Result{}, err
	}
	answer, err := a.Under.Registered(ctx, method, a.format, a.under.clientID, a.token(a.Under, a.under), nil)
	if err != nil {
		return agree.Result{}, err
	}
	out := a.outcome(a.kind(), answer)
	if result, done := out.Judge(); done {
		return result, nil
	}
	return out.Agree(), nil
}
