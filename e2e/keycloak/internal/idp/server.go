// Package idp drives the Keycloak under test: its realms, their policies, clients
// and registration endpoints.
//
// Clients are read by the list of the admin API, which asks no policy; everything
// that a policy may refuse hands the answer to the caller as it came.
package idp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
)

// Server is the Keycloak under test, seen as its administrator.
type Server struct {
	rest           *rest.Client
	user, password string

	mu      sync.Mutex
	token   string
	renewal time.Time
}

// New returns the server at an address with the administrator of its master realm.
func New(base, user, password string) *Server {
	return &Server{rest: rest.New(base), user: user, password: password}
}

// tokenLife is how long a token of the master realm is used; Keycloak's are valid
// for a minute.
const tokenLife = 40 * time.Second

// admin returns a token of the administrator, renewed in time.
func (s *Server) admin(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.renewal) {
		return s.token, nil
	}
	asked := time.Now()
	token, err := s.passwordToken(ctx, "master", s.user, s.password)
	if err != nil {
		return "", err
	}
	s.token, s.renewal = token, asked.Add(tokenLife)
	return token, nil
}

func (s *Server) passwordToken(ctx context.Context, realm, user, password string) (string, error) {
	a, err := s.rest.Must(ctx, rest.Request{
		Method: http.MethodPost, Path: "/realms/" + realm + "/protocol/openid-connect/token",
		Form: url.Values{
			"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {user}, "password": {password},
		},
	})
	if err != nil {
		return "", fmt.Errorf("log in to realm %s: %w", realm, err)
	}
	token := a.Text("access_token")
	if token == "" {
		return "", errors.New("log in to realm " + realm + ": the answer has no access token")
	}
	return token, nil
}

// call sends a request as administrator of the master realm.
func (s *Server) call(ctx context.Context, method, path string, body any) (rest.Answer, error) {
	token, err := s.admin(ctx)
	if err != nil {
		return rest.Answer{}, err
	}
	return s.rest.Do(ctx, rest.Request{Method: method, Path: path, JSON: body, Bearer: token})
}

func (s *Server) must(ctx context.Context, method, path string, body any) (rest.Answer, error) {
	a, err := s.call(ctx, method, path, body)
	if err == nil && !a.OK() {
		err = fmt.Errorf("%s %s: %w: %s", method, path, rest.ErrStatus, a)
	}
	return a, err
}
