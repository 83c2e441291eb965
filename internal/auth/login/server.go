package login

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc/codes"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
)

// Options are what a server is made of.
type Options struct {
	// Users are those who may log in; none closes both paths.
	Users []User
	// Issuer is `iss` and `aud` of the access tokens; empty means one of this package.
	Issuer string
	// Reporter is told of logins; required.
	Reporter *auth.Reporter
	// Now is the clock; nil means the system's.
	Now func() time.Time

	rounds int // of the hash, fewer in tests
}

// defaultIssuer names this package as the issuer: its tokens are for this process.
const defaultIssuer = "urn:sidegate:login"

// The paces of wrong passwords. By address the door closes after ten, for up to a
// quarter of an hour, to all passwords from there: who shares the address with a
// guesser cannot log in by password meanwhile, but tokens of every kind,
// certificates and the sessions that have begun go on. By user name it closes after
// twenty, for up to five minutes, and not to addresses from where the user has
// logged in before: nobody can lock somebody else out by name alone.
var (
	sourcePace = auth.Pace{Free: 10, First: time.Second, Longest: 15 * time.Minute, Forget: time.Hour}
	userPace   = auth.Pace{Free: 20, First: time.Second, Longest: 5 * time.Minute, Forget: time.Hour}
)

// Server answers the paths of logins and recognises the holders of its access
// tokens: it implements [http.Handler] and [auth.Authenticator].
type Server struct {
	issuer    string
	reporter  *auth.Reporter
	now       func() time.Time
	passwords *passwords
	sessions  *sessions
	mux       *http.ServeMux

	sources, users, tokens *auth.Throttle
	homes                  *homes

	signer jose.Signer
	public ed25519.PublicKey
}

// New makes a server and hashes the passwords of its users, which takes a tenth of
// a second each.
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Issuer == "" {
		o.Issuer = defaultIssuer
	}
	if o.rounds == 0 {
		o.rounds = rounds
	}
	passwords, err := newPasswords(o.Users, o.rounds)
	if err != nil {
		return nil, fmt.Errorf("auth principals: %w", err)
	}
	s := &Server{
		issuer: o.Issuer, reporter: o.Reporter, now: o.Now, passwords: passwords, sessions: newSessions(o.Now), mux: http.NewServeMux(),
		sources: auth.NewThrottle(sourcePace, o.Now), users: auth.NewThrottle(userPace, o.Now),
		tokens: auth.NewThrottle(auth.TokenPace, o.Now), homes: newHomes(o.Now),
	}
	if err := s.newKey(); err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	if len(o.Users) > 0 {
		s.mux.HandleFunc("/realms/{realm}/protocol/openid-connect/token", s.posted(s.token))
		s.mux.HandleFunc("/realms/{realm}/protocol/openid-connect/logout", s.posted(s.logout))
	}
	return s, nil
}

func (s *Server) newKey() error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	// RFC 9068 section 2.1.
	options := (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", rand.Text())
	s.public = public
	s.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: private}, options)
	return err
}

// Issuer is the issuer of the access tokens.
func (s *Server) Issuer() string { return s.issuer }

// Serves reports whether a request is for a path of logins; without users there is
// none.
func (s *Server) Serves(r *http.Request) bool {
	if s == nil {
		return false
	}
	_, pattern := s.mux.Handler(r)
	return pattern != ""
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// accessClaims are those of an access token (RFC 9068 section 2.2) and those that
// Keycloak's clients read.
type accessClaims struct {
	Issuer    string `json:"iss"`
	Audience  string `json:"aud"`
	Subject   string `json:"sub"`
	ClientID  string `json:"client_id"`
	Issued    int64  `json:"iat"`
	Expires   int64  `json:"exp"`
	ID        string `json:"jti"`
	Session   string `json:"sid"`
	Type      string `json:"typ"`
	Preferred string `json:"preferred_username"`
}

// accessToken makes an access token of a session; it ends with it.
func (s *Server) accessToken(of session) (token string, life time.Duration, err error) {
	now := s.now()
	if life = accessLife; of.ends.Before(now.Add(life)) {
		life = of.ends.Sub(now)
	}
	name := of.user.principal.Name
	payload, err := json.Marshal(accessClaims{
		Issuer: s.issuer, Audience: s.issuer, Subject: name, ClientID: of.client, Issued: now.Unix(), Expires: now.Add(life).Unix(),
		ID: rand.Text(), Session: of.id, Type: "Bearer", Preferred: name,
	})
	if err != nil {
		return "", 0, err
	}
	signed, err := s.signer.Sign(payload)
	if err != nil {
		return "", 0, err
	}
	token, err = signed.CompactSerialize()
	return token, life, err
}

// Authenticate implements [auth.Authenticator].
func (s *Server) Authenticate(_ context.Context, token string) (*auth.Principal, error) {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return nil, auth.ErrUnknownToken
	}
	payload, err := signed.Verify(s.public)
	if err != nil {
		return nil, fmt.Errorf("%w: it was not made by this process; log in again", auth.ErrUnknownToken)
	}
	var c accessClaims
	if err := json.Unmarshal(payload, &c); err != nil || c.Issuer != s.issuer || c.Audience != s.issuer {
		return nil, auth.ErrUnknownToken
	}
	if !s.now().Before(time.Unix(c.Expires, 0)) {
		return nil, auth.ErrTokenExpired
	}
	found, ok := s.sessions.find(c.Session)
	if !ok {
		return nil, fmt.Errorf("%w: its session has ended", auth.ErrTokenExpired)
	}
	return found.user.principal, nil
}

// report tells of a session that began or ended.
func (s *Server) report(of *user, from, detail string) {
	s.reporter.Happened(auth.Event{
		Kind: pb.AuditRecord_KIND_SESSION, Code: codes.OK, Caller: of.principal.Author(), From: from, Detail: detail,
	})
}
