package store

import (
	"crypto/subtle"
	"net/url"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// User is a person who can sign in.
type User struct {
	// ID is the subject of tokens.
	ID string
	// Username and Password are what the login page asks for.
	Username, Password string
	// Name and Email are claims.
	Name, Email string
}

// ExampleUsers are two users, the first named after the issuer's host. Both
// passwords are `verysecure`: they are for trying the provider out.
func ExampleUsers(issuer string) []User {
	host := "localhost"
	if u, err := url.Parse(issuer); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	return []User{
		{ID: "id1", Username: "test-user@" + host, Password: "verysecure", Name: "Test User", Email: "test-user@example.com"},
		{ID: "id2", Username: "test-user2", Password: "verysecure", Name: "Test User2", Email: "test-user2@example.com"},
	}
}

// authenticate finds the user with this name and password. The lock is held.
func (s *Store) authenticate(username, password string) (User, bool) {
	for _, u := range s.users {
		if u.Username != username {
			continue
		}
		given, want := digestOf(password), digestOf(u.Password)
		return u, u.Password != "" && subtle.ConstantTimeCompare(given[:], want[:]) == 1
	}
	return User{}, false
}

// user returns a user by id.
func (s *Store) user(id string) (User, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[id]
	return u, ok
}

var errLogin = oidc.ErrAccessDenied().WithDescription("wrong user name or password, or the sign-in has expired")
