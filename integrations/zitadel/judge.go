package zitadel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/sidegate/sidegate/client"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// judge asks Sidegate and carries the answer out.
type judge struct {
	realm   string
	issuer  string
	decider Decider
	observe func(context.Context, Observation)
	store   *store.Store
}

// notLookedUp are facts that this provider never has: it asks no name server.
var notLookedUp = []string{"/source/remoteHost"}

// question is an event with the facts that every event has. c may be nil.
func (j *judge) question(ctx context.Context, event clientpolicyv1.Event, c *store.Client, r *clientpolicyv1.OAuthRequest) *clientpolicyv1.EvaluateRequest {
	w := wireOf(ctx)
	q := &clientpolicyv1.EvaluateRequest{
		Realm:                j.realm,
		Event:                event,
		Request:              r,
		ClientAuthentication: w.auth,
		Tls:                  w.transport(),
		Dpop:                 w.proof(),
		Source:               &clientpolicyv1.Source{RemoteAddress: w.remote},
		Issuer:               j.issuer,
		Omitted:              slices.Clone(notLookedUp),
	}
	if c != nil {
		q.Client = c.Document()
	}
	return q
}

// ask asks one question about a stored client, or about none, and applies the
// mutations of the answer to it.
func (j *judge) ask(ctx context.Context, q *clientpolicyv1.EvaluateRequest, can ...client.Obligation) *client.Verdict {
	return j.askAnd(ctx, q, func(ms []*clientpolicyv1.Mutation) error {
		return j.store.ChangeClient(q.GetClient().GetClientId(), func(held *clientpolicyv1.Client) (*clientpolicyv1.Client, error) {
			changed, err := client.Documents{Stored: held}.Apply(ms)
			return changed.Stored, err
		})
	}, can...)
}

// askAnd asks one question and has apply carry out the mutations. What cannot be
// carried out refuses.
func (j *judge) askAnd(ctx context.Context, q *clientpolicyv1.EvaluateRequest, apply func([]*clientpolicyv1.Mutation) error, can ...client.Obligation) *client.Verdict {
	v := j.decider.Decide(ctx, q, can...)
	if v.Allowed() && len(v.Response.GetMutations()) > 0 {
		if err := apply(v.Response.GetMutations()); err != nil {
			v = client.Judge(q, nil, unusable(err))
		}
	}
	if j.observe != nil {
		id, name := judged(q)
		j.observe(ctx, Observation{Event: q.GetEvent(), ClientID: id, ClientName: name, Response: v.Response, Err: v.Err})
	}
	return v
}

// unusable tells a mutation that can never be applied from one that came too
// late: the second is worth another try.
func unusable(err error) error {
	if errors.Is(err, client.ErrStale) {
		return err
	}
	return fmt.Errorf("%w: %w", client.ErrAnswer, err)
}

// judged names the client that a question is about.
func judged(q *clientpolicyv1.EvaluateRequest) (id, name string) {
	for _, c := range []*clientpolicyv1.Client{q.GetClient(), q.GetProposedClient()} {
		if c.GetClientId() != "" {
			return c.GetClientId(), c.GetName()
		}
	}
	return q.GetRequest().GetParameters()["client_id"], ""
}

// may asks one question, adds what the answer obliges to terms, and returns the
// error to send when the answer is no.
func (j *judge) may(ctx context.Context, q *clientpolicyv1.EvaluateRequest, terms *store.Terms, can ...client.Obligation) error {
	v := j.ask(ctx, q, can...)
	if !v.Allowed() {
		return refuse(ctx, v)
	}
	for _, o := range v.Response.GetObligations() {
		agree(terms, o)
	}
	return nil
}

// agree adds an obligation that the hook has said it can fulfil.
func agree(terms *store.Terms, o *clientpolicyv1.Obligation) {
	switch client.KindOf(o) {
	case client.SuppressRefreshToken:
		terms.SuppressRefreshToken = true
	case client.LightweightAccessToken:
		terms.Lightweight = true
	case client.RestrictScopes:
		scopes := o.GetRestrictScopes().GetScopes()
		if terms.Restricted {
			scopes = slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return !slices.Contains(terms.Scopes, s) })
		}
		terms.Restricted, terms.Scopes = true, scopes
	}
}

// refuse is the error that carries a refusal out of a hook, with its status and
// the headers that go with it.
func refuse(ctx context.Context, v *client.Verdict) error {
	w := wireOf(ctx)
	w.refused = true
	if wait := v.RetryAfter(); wait > 0 {
		w.header.Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
	}
	return op.NewStatusError(protocolError(v.Refusal()), int(v.Refusal().GetHttpStatus()))
}

// protocolError takes any code: the library's type for them is not exported, and
// its WithDescription would read a percent sign as a format.
func protocolError(p *clientpolicyv1.PolicyError) *oidc.Error {
	e := &oidc.Error{Description: p.GetDescription()}
	setCode(&e.ErrorType, p.GetCode())
	return e
}

func setCode[T ~string](dst *T, code string) { *dst = T(code) }
