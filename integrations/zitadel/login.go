package zitadel

import (
	"net/http"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// signIn is what the login page shows.
type signIn struct {
	ID, Client string
	Scopes     []string
	Fault      string
}

// showLogin serves the page that the authorization endpoint redirects to.
func (s *server) showLogin(rw http.ResponseWriter, r *http.Request) {
	s.loginPage(rw, r, r.Form.Get("authRequestID"), "")
}

func (s *server) loginPage(rw http.ResponseWriter, r *http.Request, id, fault string) {
	ar, err := s.store.AuthRequestByID(r.Context(), id)
	if err != nil {
		showFault(rw, badRequest("the sign-in has expired or was completed; go back to the application and start again"))
		return
	}
	show(rw, http.StatusOK, loginPage, signIn{ID: id, Client: s.nameOf(ar), Scopes: ar.GetScopes(), Fault: fault})
}

// nameOf is the client's display name, or its id.
func (s *server) nameOf(ar op.AuthRequest) string { return s.displayName(ar.GetClientID()) }

func (s *server) displayName(clientID string) string {
	if c, ok := s.store.Client(clientID); ok && c.Document().GetName() != "" {
		return c.Document().GetName()
	}
	return clientID
}

// login takes the page's form: id, username, password. A wrong password shows
// the page again.
func (s *server) login(rw http.ResponseWriter, r *http.Request) {
	id := r.PostForm.Get("id")
	if err := s.store.Login(id, r.PostForm.Get("username"), r.PostForm.Get("password")); err != nil {
		s.loginPage(rw, r, id, "Wrong user name or password.")
		return
	}
	http.Redirect(rw, r, s.callbackURL(r.Context(), id), http.StatusFound) //nolint:gosec // the issuer's own URL with an escaped query
}

// deviceForm is what the device page shows.
type deviceForm struct {
	UserCode, Client string
	Scopes           []string
	Fault            string
}

// showDevice serves the verification page of RFC 8628 section 3.3.
func (s *server) showDevice(rw http.ResponseWriter, r *http.Request) {
	s.devicePage(rw, r.Form.Get("user_code"), "")
}

func (s *server) devicePage(rw http.ResponseWriter, userCode, fault string) {
	form := deviceForm{UserCode: userCode, Fault: fault}
	if id, scopes, ok := s.store.DeviceClient(userCode); ok {
		form.Client, form.Scopes = s.displayName(id), scopes
	}
	show(rw, http.StatusOK, devicePage, form)
}

// answerDevice takes the form: user_code, username, password, action.
func (s *server) answerDevice(rw http.ResponseWriter, r *http.Request) {
	f := r.PostForm
	action := f.Get("action")
	if action != "allowed" && action != "denied" {
		showFault(rw, badRequest("action must be allowed or denied"))
		return
	}
	if err := s.store.AnswerDevice(f.Get("user_code"), f.Get("username"), f.Get("password"), action == "allowed"); err != nil {
		s.devicePage(rw, f.Get("user_code"), "Wrong code, user name or password.")
		return
	}
	show(rw, http.StatusOK, noticePage, notice{"Device " + action, "You can go back to your device."})
}

func showLoggedOut(rw http.ResponseWriter, _ *http.Request) {
	show(rw, http.StatusOK, noticePage, notice{"Signed out", "Your session at this provider has ended."})
}
