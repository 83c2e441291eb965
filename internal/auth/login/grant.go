package login

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/grpc/codes"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
)

// publicClient is the client by which people log in; it has no secret.
const publicClient = "admin-cli"

// tokenAnswer is a token answer (RFC 6749 section 5.1) with the members that
// Keycloak adds.
type tokenAnswer struct {
	AccessToken      string `json:"access_token"`
	ExpiresIn        int64  `json:"expires_in"`
	RefreshExpiresIn int64  `json:"refresh_expires_in"`
	RefreshToken     string `json:"refresh_token,omitempty"`
	TokenType        string `json:"token_type"`
	NotBeforePolicy  int64  `json:"not-before-policy"`
	SessionState     string `json:"session_state"`
	Scope            string `json:"scope"`
}

// scope is what every token is for. RFC 6749 section 3.3: a scope that was asked for
// may be ignored, if the answer says which one is given.
const scope = "profile"

func (s *Server) token(w http.ResponseWriter, r *http.Request, f *form) *failure {
	var of session
	var failed *failure
	switch grant := f.get("grant_type"); grant {
	case "password":
		of, failed = s.byPassword(r.Context(), f)
	case "client_credentials":
		of, failed = s.byCredentials(r.Context(), f)
	case "refresh_token":
		of, failed = s.byRefresh(f)
	case "":
		return bad(invalidRequest, "grant_type is missing")
	default:
		return bad(unsupportedGrant, "expected password, client_credentials or refresh_token")
	}
	if failed != nil {
		return failed
	}
	return s.grant(w, of)
}

func (s *Server) grant(w http.ResponseWriter, of session) *failure {
	access, life, err := s.accessToken(of)
	if err != nil {
		return &failure{status: http.StatusInternalServerError, Code: tryLater, Description: "the token cannot be signed"}
	}
	a := tokenAnswer{AccessToken: access, ExpiresIn: seconds(life), TokenType: "Bearer", SessionState: of.id, Scope: scope}
	if of.refreshable {
		a.RefreshToken, a.RefreshExpiresIn = s.sessions.refreshToken(of), seconds(of.ends.Sub(s.now()))
	}
	answer(w, http.StatusOK, a)
	return nil
}

// public refuses clients other than the public one, which proves nothing.
func (f *form) public() *failure {
	if f.byHeader || f.secret != "" || f.client != "" && f.client != publicClient {
		return f.unknownClient("for this grant_type expected client_id " + publicClient + " and no secret")
	}
	return nil
}

func (s *Server) byPassword(ctx context.Context, f *form) (session, *failure) {
	if failed := f.public(); failed != nil {
		return session{}, failed
	}
	name, password := f.get("username"), f.get("password")
	if name == "" || password == "" {
		return session{}, bad(invalidRequest, "username or password is missing")
	}
	u, failed := s.verify(ctx, f, name, password)
	if failed != nil {
		return session{}, failed
	}
	if u == nil {
		return session{}, bad(invalidGrant, "user name or password is wrong")
	}
	return s.begin(f, u, publicClient, true), nil
}

func (s *Server) byCredentials(ctx context.Context, f *form) (session, *failure) {
	if f.client == "" || f.secret == "" {
		return session{}, f.unknownClient("client id or secret is missing")
	}
	u, failed := s.verify(ctx, f, f.client, f.secret)
	if failed != nil {
		return session{}, failed
	}
	if u == nil {
		return session{}, f.unknownClient("client id or secret is wrong")
	}
	return s.begin(f, u, f.client, false), nil
}

func (s *Server) begin(f *form, u *user, client string, refreshable bool) session {
	s.report(u, f.from, "logged in as client "+client)
	return s.sessions.begin(u, client, refreshable)
}

// verify returns who has the password, nil when nobody does.
func (s *Server) verify(ctx context.Context, f *form, name, password string) (*user, *failure) {
	if len(name) > 4*maxName || len(password) > maxPassword {
		return nil, bad(invalidRequest, fmt.Sprintf("expected a name of at most %d characters and a password of at most %d bytes", maxName, maxPassword))
	}
	at := home{name, auth.Source(f.from)}
	if wait := s.closed(at); wait > 0 {
		return nil, s.tooMany(f, name, wait)
	}
	leave, err := s.passwords.enter(ctx)
	if err != nil {
		return nil, &failure{status: http.StatusServiceUnavailable, wait: time.Second, Code: tryLater, Description: err.Error() + "; try again"}
	}
	defer leave()
	// Others may have failed while this one waited for its turn.
	if wait := s.closed(at); wait > 0 {
		return nil, s.tooMany(f, name, wait)
	}
	u, err := s.passwords.check(name, password)
	switch {
	case err != nil:
		return nil, &failure{status: http.StatusInternalServerError, Code: tryLater, Description: "the password cannot be checked"}
	case u == nil:
		s.sources.Fail(at.source)
		s.users.Fail(at.user)
		s.wrong(f, codes.Unauthenticated, s.naming(name), "wrong password for "+s.naming(name))
		return nil, nil
	}
	s.homes.add(at)
	return u, nil
}

// closed is how long passwords are not looked at, by address and by name.
func (s *Server) closed(at home) time.Duration {
	wait := s.sources.Wait(at.source)
	if !s.homes.has(at) {
		wait = max(wait, s.users.Wait(at.user))
	}
	return wait
}

func (s *Server) tooMany(f *form, name string, wait time.Duration) *failure {
	s.wrong(f, codes.ResourceExhausted, s.naming(name), "too many wrong passwords, now for "+s.naming(name))
	return tooMany(wait)
}

// naming names a user for the log; what nobody is called may be a password that
// was typed into the wrong field.
func (s *Server) naming(name string) string {
	if u := s.passwords.users[name]; u != nil {
		return u.principal.Author()
	}
	return "a user who does not exist"
}

// refreshToken is what was tried where there was no password.
const refreshToken = "refresh token"

// wrong tells of a refusal, apart from those of something else.
func (s *Server) wrong(f *form, code codes.Code, what, detail string) {
	s.reporter.Refused(auth.Event{
		Kind: pb.AuditRecord_KIND_AUTHENTICATION_FAILED, What: what, From: f.from, Code: code, Detail: detail,
	})
}

func (s *Server) byRefresh(f *form) (session, *failure) {
	if failed := f.public(); failed != nil {
		return session{}, failed
	}
	token := f.get("refresh_token")
	if token == "" {
		return session{}, bad(invalidRequest, "refresh_token is missing")
	}
	of, became := s.sessions.refresh(token)
	switch became {
	case refreshed:
		return of, nil
	case reused:
		s.wrong(f, codes.Unauthenticated, refreshToken, "a refresh token was used a second time; the session of "+of.user.principal.Author()+" has been ended")
	case forged:
		return session{}, s.forged(f)
	}
	return session{}, bad(invalidGrant, "the session has ended; log in again")
}

// forged answers a refresh token that was never made here.
func (s *Server) forged(f *form) *failure {
	if wait := s.tokens.Fail(auth.Source(f.from)); wait > 0 {
		s.wrong(f, codes.ResourceExhausted, refreshToken, "too many unknown refresh tokens")
		return tooMany(wait)
	}
	s.wrong(f, codes.Unauthenticated, refreshToken, "unknown refresh token")
	return bad(invalidGrant, "unknown refresh token; log in again")
}

func (s *Server) logout(w http.ResponseWriter, _ *http.Request, f *form) *failure {
	token := f.get("refresh_token")
	if token == "" {
		return bad(invalidRequest, "refresh_token is missing")
	}
	ended, ok := s.sessions.end(token)
	if !ok {
		return s.forged(f)
	}
	if ended != nil {
		s.report(ended.user, f.from, "logged out")
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
