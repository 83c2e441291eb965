package login_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/auth/login"
)

// refresh exchanges a refresh token.
func (s *site) refresh(t *testing.T, token any) (int, map[string]any) {
	t.Helper()
	resp, answer := s.post(t, tokenPath, refreshGrant(token), nil)
	return resp.StatusCode, answer
}

func TestRefresh(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		first := s.login(t)
		time.Sleep(29 * time.Minute)
		status, second := s.refresh(t, first["refresh_token"])
		if status != http.StatusOK || second["refresh_token"] == first["refresh_token"] || second["session_state"] != first["session_state"] || second["refresh_expires_in"] != 1800.0 {
			t.Fatal(status, second)
		}
		if p, err := s.authenticate(t, second["access_token"]); err != nil || p.Author() != "user:alice" {
			t.Error(p, err)
		}
		time.Sleep(30 * time.Minute)
		if status, got := s.refresh(t, second["refresh_token"]); status != http.StatusBadRequest || got["error"] != "invalid_grant" {
			t.Error("after half an hour:", status, got)
		}
	})
}

// RFC 9700 section 4.14.2: of a token that is used twice, one user is a thief. The
// session ends, with its access tokens.
func TestReuseEndsTheSession(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		first, other := s.login(t), s.login(t)
		_, second := s.refresh(t, first["refresh_token"])
		if _, err := s.authenticate(t, second["access_token"]); err != nil {
			t.Fatal(err)
		}
		if status, got := s.refresh(t, first["refresh_token"]); status != http.StatusBadRequest || got["error"] != "invalid_grant" {
			t.Error(status, got)
		}
		if status, got := s.refresh(t, second["refresh_token"]); status != http.StatusBadRequest || got["error"] != "invalid_grant" {
			t.Error("the session goes on:", status, got)
		}
		for _, token := range []any{first["access_token"], second["access_token"]} {
			if _, err := s.authenticate(t, token); !errors.Is(err, auth.ErrTokenExpired) {
				t.Error(err)
			}
		}
		if _, err := s.authenticate(t, other["access_token"]); err != nil {
			t.Error("the user's other session has ended too:", err)
		}
		last := s.records[len(s.records)-1].GetDetail()
		if !strings.Contains(last, "a second time") || !strings.Contains(last, "user:alice") {
			t.Error(last)
		}
	})
}

func TestSessionsEnd(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		begin, answer := time.Now(), s.login(t)
		for {
			time.Sleep(25 * time.Minute)
			status, next := s.refresh(t, answer["refresh_token"])
			if status != http.StatusOK {
				break
			}
			left := 10*time.Hour - time.Since(begin)
			if got := next["refresh_expires_in"]; got != min(1800, left.Seconds()) {
				t.Errorf("%v left, but told %v", left, got)
			}
			if got := next["expires_in"]; got != min(300, left.Seconds()) {
				t.Errorf("%v left, but told %v", left, got)
			}
			answer = next
		}
		if took := time.Since(begin); took < 10*time.Hour || took > 10*time.Hour+25*time.Minute {
			t.Errorf("the session lasted %v", took)
		}
	})
}

func TestLogout(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		first := s.login(t)
		_, second := s.refresh(t, first["refresh_token"])
		logout := func(token any) (int, map[string]any, string) {
			resp, got := s.post(t, logoutPath, url.Values{"client_id": {"admin-cli"}, "refresh_token": {token.(string)}}, nil)
			return resp.StatusCode, got, resp.Header.Get("Cache-Control")
		}
		for name, token := range map[string]string{"none": "", "garbage": "x", "made-up": "sgr_" + first["session_state"].(string) + ".0.AAAA"} {
			status, got, _ := logout(token)
			if want := map[string]string{"none": "invalid_request"}[name]; status != http.StatusBadRequest || want != "" && got["error"] != want {
				t.Errorf("%s: %d %v", name, status, got)
			}
		}
		if _, err := s.authenticate(t, second["access_token"]); err != nil {
			t.Fatal("a made-up token ended the session:", err)
		}
		// A token that was used before ends the session as well, and once more does no harm.
		for range 2 {
			if status, got, cache := logout(first["refresh_token"]); status != http.StatusNoContent || len(got) > 0 || cache != "no-store" {
				t.Error(status, got, cache)
			}
		}
		if _, err := s.authenticate(t, second["access_token"]); !errors.Is(err, auth.ErrTokenExpired) {
			t.Error(err)
		}
		if status, _ := s.refresh(t, second["refresh_token"]); status != http.StatusBadRequest {
			t.Error(status)
		}
	})
}

// The sessions of one user are bounded: the oldest makes room, nobody else's does.
func TestSessionsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		resp, bob := s.post(t, tokenPath, passwordGrant("bob: the ü", "b"), nil)
		if resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
		var tokens []any
		for range login.MaxSessions + 1 {
			tokens = append(tokens, s.login(t)["access_token"])
			time.Sleep(time.Millisecond)
		}
		if _, err := s.authenticate(t, tokens[0]); !errors.Is(err, auth.ErrTokenExpired) {
			t.Error("the oldest:", err)
		}
		for i, token := range tokens[1:] {
			if _, err := s.authenticate(t, token); err != nil {
				t.Fatal(i+1, err)
			}
		}
		if _, err := s.authenticate(t, bob["access_token"]); err != nil {
			t.Error("another user's:", err)
		}
	})
}

// guess tries passwords and returns the status of the last answer.
func (s *site) guess(t *testing.T, name, password string) (int, string) {
	t.Helper()
	resp, _ := s.post(t, tokenPath, passwordGrant(name, password), nil)
	return resp.StatusCode, resp.Header.Get("Retry-After")
}

// Ten wrong passwords from one address cost nothing; then the door closes, twice as
// long each time, to right ones too. What is no password goes on.
func TestGuessingFromOneAddress(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		before := s.login(t)
		for i := range 11 {
			// Names differ: it is the address that counts.
			if status, _ := s.guess(t, strings.Repeat("x", i+1), "x"); status != http.StatusBadRequest {
				t.Fatal(i, status)
			}
		}
		for _, seconds := range []int{1, 2, 4} {
			status, after := s.guess(t, "alice", secret)
			if status != http.StatusTooManyRequests || after == "" {
				t.Fatal(status, after)
			}
			if _, err := s.authenticate(t, before["access_token"]); err != nil {
				t.Error("sessions end:", err)
			}
			time.Sleep(time.Duration(seconds) * time.Second)
			if status, _ := s.guess(t, "alice", "x"); status != http.StatusBadRequest {
				t.Error(status)
			}
		}
		if status, _ := s.refresh(t, before["refresh_token"]); status != http.StatusOK {
			t.Error("refreshing ends:", status)
		}
		s.from = "192.0.2.2:1"
		if status, _ := s.guess(t, "alice", secret); status != http.StatusOK {
			t.Error("another address is closed:", status)
		}
		s.from = "192.0.2.1:77"
		time.Sleep(time.Minute)
		if status, _ := s.guess(t, "alice", secret); status != http.StatusOK {
			t.Error("the door does not open:", status)
		}
	})
}

// Wrong passwords for one name from everywhere close the door to that name, but not
// to where the user has logged in before, and whether there is such a user or not.
func TestGuessingOneName(t *testing.T) {
	for _, name := range []string{"alice", "nobody"} {
		bubble(t, func(t *testing.T, s *site) {
			s.login(t)
			home := s.from
			for i := range 21 {
				s.from = "198.51.100." + strings.Repeat("1", i%3+1) + ":1"
				if i >= 10 {
					s.from = "203.0.113." + strings.Repeat("1", i%3+1) + ":1"
				}
				if status, _ := s.guess(t, name, "x"); status != http.StatusBadRequest {
					t.Fatal(i, status)
				}
			}
			s.from = "192.0.2.99:1"
			if status, after := s.guess(t, name, secret); status != http.StatusTooManyRequests || after != "1" {
				t.Error(status, after)
			}
			if status, _ := s.guess(t, "bob: the ü", "b"); status != http.StatusOK {
				t.Error("another name is closed:", status)
			}
			s.from = home
			if status, _ := s.guess(t, "alice", secret); status != http.StatusOK {
				t.Error("the user is locked out at home:", status)
			}
		})
	}
}

// Many right logins count for nothing.
func TestRightPasswordsAreNotSlowed(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		for range 100 {
			s.login(t)
		}
	})
}

func TestGuessingRefreshTokens(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		good := s.login(t)
		for range auth.TokenPace.Free + 1 {
			if status, _ := s.refresh(t, "x"); status != http.StatusBadRequest {
				t.Fatal(status)
			}
		}
		if status, got := s.refresh(t, "x"); status != http.StatusTooManyRequests || got["error"] != "temporarily_unavailable" {
			t.Error(status, got)
		}
		if status, _ := s.refresh(t, good["refresh_token"]); status != http.StatusOK {
			t.Error("a good one is refused:", status)
		}
	})
}

// Many logins at once are answered one after the other; those that would have to
// wait too long are told to come back.
func TestManyLoginsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		release := login.Hold(s.Server)
		var mu sync.Mutex
		counts := map[int]int{}
		var all sync.WaitGroup
		for range login.MaxWaiting + 5 {
			all.Go(func() {
				status, after := s.guess(t, "alice", secret)
				mu.Lock()
				defer mu.Unlock()
				counts[status]++
				if status != http.StatusOK && after != "1" {
					t.Errorf("Retry-After %q", after)
				}
			})
		}
		synctest.Wait()
		if counts[http.StatusServiceUnavailable] != 5 || len(counts) != 1 {
			t.Error(counts)
		}
		release()
		all.Wait()
		if counts[http.StatusOK] != login.MaxWaiting {
			t.Error(counts)
		}
	})
}
