package zitadel

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// VerifyAuthRequest asks PRE_AUTHORIZATION_REQUEST before anything of the
// request is trusted, then lets the library merge the request object and look
// up the client.
func (s *server) VerifyAuthRequest(ctx context.Context, r *op.Request[oidc.AuthRequest]) (*op.ClientRequest[oidc.AuthRequest], error) {
	w := wireOf(ctx)
	object := r.Data.RequestParam
	if object != "" {
		w.object = objectFacts(object)
	}
	known, _ := s.store.Client(r.Data.ClientID)
	facts := requestFacts(r)
	facts.RequestObject = w.object
	v := s.ask(ctx, s.question(ctx, clientpolicyv1.Event_EVENT_PRE_AUTHORIZATION_REQUEST, known, facts))
	if !v.Allowed() {
		return nil, refuse(ctx, v)
	}
	if r.Form.Has("request_uri") {
		return nil, coded("request_uri_not_supported", "request_uri is not supported")
	}
	out, err := s.LegacyServer.VerifyAuthRequest(ctx, r)
	if err != nil {
		return nil, authorizeFault(err, object != "")
	}
	if object != "" {
		if err := checkObject(w.object, time.Now()); err != nil {
			return nil, err
		}
		w.object.Verified = true
	}
	// The library answers 500 to this one.
	if out.Data.RedirectURI == "" {
		return nil, oidc.ErrInvalidRequestRedirectURI().WithDescription("redirect_uri is missing")
	}
	w.scope = strings.Join(out.Data.Scopes, " ")
	return out, nil
}

// authorizeFault keeps the texts of foreign errors from the page.
func authorizeFault(err error, object bool) error {
	if object {
		return coded("invalid_request_object", "the request object is not valid")
	}
	return err
}

// checkObject checks the life of a request object, which the library does not
// (RFC 9101 section 4: exp and nbf as in RFC 7519).
func checkObject(o *clientpolicyv1.RequestObject, now time.Time) error {
	exp, hasExp := o.GetClaims().GetFields()["exp"]
	if hasExp && now.Unix() >= int64(exp.GetNumberValue()) {
		return coded("invalid_request_object", "the request object has expired")
	}
	if nbf, ok := o.GetClaims().GetFields()["nbf"]; ok && now.Unix() < int64(nbf.GetNumberValue()) {
		return coded("invalid_request_object", "the request object is not valid yet")
	}
	return nil
}

// Authorize asks AUTHORIZATION_REQUEST once client and redirect URI are proven,
// before the request is saved and before the user sees anything.
func (s *server) Authorize(ctx context.Context, r *op.ClientRequest[oidc.AuthRequest]) (*op.Redirect, error) {
	c, ok := r.Client.(*store.Client)
	if !ok {
		return nil, oidc.ErrServerError()
	}
	if !redirectProven(c, r.Data.RedirectURI) {
		return nil, oidc.ErrInvalidRequestRedirectURI().WithDescription("redirect_uri is not registered for this client")
	}
	if e := checkAuthorization(r.Data); e != nil {
		return s.sendBack(ctx, r.Data, e)
	}
	w := wireOf(ctx)
	facts := requestFacts(r.Request)
	facts.RequestObject, facts.RedirectUri = w.object, r.Data.RedirectURI
	facts.EffectiveParameters = effective(r.Data, facts, w)
	v := s.ask(ctx, s.question(ctx, clientpolicyv1.Event_EVENT_AUTHORIZATION_REQUEST, c, facts))
	switch {
	case v.Allowed():
	case v.Refusal().GetDelivery() == clientpolicyv1.PolicyError_DELIVERY_REDIRECT:
		return s.sendBack(ctx, r.Data, protocolError(v.Refusal()))
	default:
		return nil, refuse(ctx, v)
	}
	// The client's own demand, which a policy may have set at registration.
	if m := c.PKCEMethod(); m != "" && (r.Data.CodeChallenge == "" || string(r.Data.CodeChallengeMethod) != m) {
		return s.sendBack(ctx, r.Data, oidc.ErrInvalidRequest().WithDescription("this client must use PKCE with %s", m))
	}
	r.Data.Scopes = slices.DeleteFunc(r.Data.Scopes, func(scope string) bool { return !c.IsScopeAllowed(scope) })
	return s.LegacyServer.Authorize(ctx, r)
}

// redirectProven compares exactly; the library unescapes first, and ignores the
// path's escapes. RFC 8252 section 7.3: the port of a loopback address is free.
func redirectProven(c *store.Client, uri string) bool {
	if slices.Contains(c.RedirectURIs(), uri) {
		return true
	}
	asked, ok := op.HTTPLoopbackOrLocalhost(uri)
	if !ok || c.ApplicationType() != op.ApplicationTypeNative {
		return false
	}
	return slices.ContainsFunc(c.RedirectURIs(), func(held string) bool {
		h, ok := op.HTTPLoopbackOrLocalhost(held)
		return ok && h.Scheme == asked.Scheme && h.Hostname() == asked.Hostname() && h.EscapedPath() == asked.EscapedPath() &&
			h.RawQuery == asked.RawQuery && asked.User == nil && asked.Fragment == ""
	})
}

// checkAuthorization is the syntax that the library does not check.
func checkAuthorization(r *oidc.AuthRequest) *oidc.Error {
	switch {
	// RFC 7636 section 4.4.1: an unknown method is an error, not plain.
	case r.CodeChallengeMethod != "" && r.CodeChallengeMethod != oidc.CodeChallengeMethodS256 && r.CodeChallengeMethod != oidc.CodeChallengeMethodPlain:
		return oidc.ErrInvalidRequest().WithDescription("code_challenge_method must be S256 or plain")
	case r.CodeChallengeMethod != "" && r.CodeChallenge == "":
		return oidc.ErrInvalidRequest().WithDescription("code_challenge_method without code_challenge")
	// The library escapes fragments twice.
	case !slices.Contains([]oidc.ResponseMode{"", oidc.ResponseModeQuery, oidc.ResponseModeFormPost}, r.ResponseMode):
		r.ResponseMode = ""
		return oidc.ErrInvalidRequest().WithDescription("response_mode must be query or form_post")
	default:
		return nil
	}
}

// sendBack redirects an error to the proven URI (RFC 6749 section 4.1.2.1).
func (s *server) sendBack(ctx context.Context, r *oidc.AuthRequest, e *oidc.Error) (*op.Redirect, error) {
	return op.TryErrorRedirect(ctx, r, e, s.Provider().Encoder(), s.Provider().Logger())
}

func coded(code, description string) error {
	return op.NewStatusError(protocolError(&clientpolicyv1.PolicyError{Code: code, Description: description}), http.StatusBadRequest)
}

// callbackURL is where a finished sign-in goes on.
func (s *server) callbackURL(ctx context.Context, id string) string {
	return s.AuthCallbackURL()(ctx, url.QueryEscape(id))
}
