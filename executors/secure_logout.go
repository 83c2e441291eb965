package executors

import (
	"net/http"
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "secure-logout",
		Doc:    "Refuses front-channel logout.",
		Spec:   []string{secureLogoutSpec},
		Events: pdp.On(pdp.Register, pdp.Update, pdp.LogoutRequest),
		Delta:  true,
		New:    pdp.Configure(newSecureLogout),
	})
}

type secureLogoutConfig struct {
	// AllowFrontChannelLogout lets everything through.
	AllowFrontChannelLogout bool `config:"allow-front-channel-logout" default:"false" doc:"Let clients be logged out through the browser."`
}

// secureLogout allows no client to be logged out through the browser
// (executors-request.md, secure-logout). It judges the HTTP method of the browser's
// current call, so a logout that the user confirms by a form passes.
type secureLogout struct{ secureLogoutConfig }

func newSecureLogout(c secureLogoutConfig) (pdp.Executor, error) { return &secureLogout{c}, nil }

const secureLogoutSpec = "OIDC Front-Channel Logout §2"

// Execute judges the client on its writes, and the method on logout.
func (e *secureLogout) Execute(r *pdp.Request, v *pdp.Verdict) error {
	switch {
	case e.AllowFrontChannelLogout:
		r.Because("front-channel logout is allowed")
	case r.Event() == pdp.LogoutRequest:
		e.logout(r, v)
	default:
		e.configure(r, v)
	}
	return nil
}

func (e *secureLogout) configure(r *pdp.Request, v *pdp.Verdict) {
	client := r.Client()
	if client.IsTrue(pdp.FrontchannelLogout) {
		e.refuse(v, pdp.FrontchannelLogout.Pointer(), "front-channel logout must be off", "false", "true")
	}
	// A blank URL is none: it is dropped when the client is stored.
	if url, _ := client.Attribute(oauth.AttrFrontchannelLogoutURL); strings.TrimSpace(url) != "" {
		e.refuse(v, pdp.AttributePointer(oauth.AttrFrontchannelLogoutURL), "there must be no front-channel logout URL", "none", withoutUserinfo(url))
	}
}

// logout takes a browser's logout for a GET when the method was not told.
func (e *secureLogout) logout(r *pdp.Request, v *pdp.Verdict) {
	method := r.Method()
	if method == "" && r.FrontChannelLogout() {
		method = http.MethodGet
	}
	if method == http.MethodGet {
		e.refuse(v, "/request/method", "front-channel logout is not allowed", http.MethodPost, method)
	}
}

// refuse gives Keycloak's own code, also on logout.
func (*secureLogout) refuse(v *pdp.Verdict, field, description, expected, actual string) {
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRegistration, Field: field, Description: description, Expected: expected, Actual: actual,
		Spec: secureLogoutSpec, Remedy: "use back-channel logout, or turn allow-front-channel-logout on",
	})
}
