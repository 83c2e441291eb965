package login_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/auth/login"
)

// Whatever is sent, nobody logs in without a password, and every answer is one of
// the contract.
func FuzzToken(f *testing.F) {
	f.Add("grant_type=password&username=alice&password=x", "")
	f.Add("grant_type=client_credentials", "Basic YWxpY2U6eA==")
	f.Add("grant_type=refresh_token&refresh_token=sgr_a.0.b", "")
	f.Add("grant_type=%70assword&a;b", "Basic")
	f.Fuzz(func(t *testing.T, body, authorization string) {
		server, err := login.New(login.Fast(login.Options{
			Users:    []login.User{{Name: "alice", Password: []byte(secret), Roles: map[string]auth.Role{auth.AllRealms: auth.Admin}}},
			Reporter: auth.NewReporter(zap.NewNop(), nil),
		}))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{tokenPath, logoutPath} {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if authorization != "" {
				r.Header["Authorization"] = []string{authorization}
			}
			w := httptest.NewRecorder()
			server.ServeHTTP(w, r)
			switch w.Code {
			case http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge:
			default:
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	})
}
