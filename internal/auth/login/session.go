package login

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// accessLife is how long an access token is good.
	accessLife = 5 * time.Minute
	// refreshLife is how long a session lasts without being used.
	refreshLife = 30 * time.Minute
	// sessionLife is how long a session lasts at all.
	sessionLife = 10 * time.Hour
	// maxSessions bounds the sessions of one user; a further one ends the oldest.
	maxSessions = 1000
)

// session is a login. It is a value: the table holds what counts.
type session struct {
	id     string
	user   *user
	client string
	begun  time.Time
	// ends is when the session ends unless it is refreshed.
	ends time.Time
	// turn counts the refresh tokens; only the last one is good.
	turn uint64
	// refreshable tells that there are any.
	refreshable bool
}

// sessions are all that have begun. All methods may be called concurrently.
type sessions struct {
	now func() time.Time
	key [32]byte

	mu   sync.Mutex
	byID map[string]*session
}

func newSessions(now func() time.Time) *sessions {
	s := &sessions{now: now, byID: map[string]*session{}}
	rand.Read(s.key[:])
	return s
}

// begin makes a session and makes room for it.
func (s *sessions) begin(u *user, client string, refreshable bool) session {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	made := &session{id: rand.Text(), user: u, client: client, begun: now, refreshable: refreshable}
	made.extend(now)
	var oldest *session
	others := 0
	for id, old := range s.byID {
		switch {
		case !now.Before(old.ends):
			delete(s.byID, id)
		case old.user == u:
			if others++; oldest == nil || old.begun.Before(oldest.begun) {
				oldest = old
			}
		}
	}
	if others >= maxSessions {
		delete(s.byID, oldest.id)
	}
	s.byID[made.id] = made
	return *made
}

func (s *session) extend(now time.Time) {
	life := refreshLife
	if !s.refreshable {
		life = accessLife
	}
	s.ends = now.Add(life)
	if last := s.begun.Add(sessionLife); s.ends.After(last) {
		s.ends = last
	}
}

// find returns a session that has not ended.
func (s *sessions) find(id string) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.byID[id]
	if found == nil || !s.now().Before(found.ends) {
		return session{}, false
	}
	return *found, true
}

// refreshPrefix makes refresh tokens easy to find by secret scanners.
const refreshPrefix = "sgr_"

// refreshToken is the one that is good for the turn of a session.
func (s *sessions) refreshToken(of session) string {
	turn := strconv.FormatUint(of.turn, 10)
	return refreshPrefix + of.id + "." + turn + "." + s.mac(of.id, turn)
}

func (s *sessions) mac(id, turn string) string {
	m := hmac.New(sha256.New, s.key[:])
	m.Write([]byte(id + "." + turn))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// made tells whether a refresh token was made here, and of which session and turn.
func (s *sessions) made(token string) (id string, turn uint64, ok bool) {
	rest, found := strings.CutPrefix(token, refreshPrefix)
	parts := strings.Split(rest, ".")
	if !found || len(parts) != 3 || !hmac.Equal([]byte(parts[2]), []byte(s.mac(parts[0], parts[1]))) {
		return "", 0, false
	}
	turn, err := strconv.ParseUint(parts[1], 10, 64)
	return parts[0], turn, err == nil
}

// outcome is what became of a refresh token.
type outcome int

const (
	refreshed outcome = iota
	// forged: it was never made here.
	forged
	// over: its session has ended.
	over
	// reused: it was used before, and its session is ended now.
	reused
)

// refresh exchanges a refresh token for the next turn of its session.
func (s *sessions) refresh(token string) (session, outcome) {
	id, turn, ok := s.made(token)
	if !ok {
		return session{}, forged
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now, found := s.now(), s.byID[id]
	switch {
	case found == nil || !now.Before(found.ends):
		return session{}, over
	case turn != found.turn:
		delete(s.byID, id)
		return *found, reused
	}
	found.turn++
	found.extend(now)
	return *found, refreshed
}

// end ends the session of a refresh token, of whatever turn; ok tells that the
// token was made here.
func (s *sessions) end(token string) (ended *session, ok bool) {
	id, _, ok := s.made(token)
	s.mu.Lock()
	defer s.mu.Unlock()
	ended = s.byID[id]
	delete(s.byID, id)
	return ended, ok
}

// seconds is a span as OAuth counts it.
func seconds(d time.Duration) int64 { return int64(d.Round(time.Second) / time.Second) }
