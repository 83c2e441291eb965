package zitadel

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rs/cors"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/sidegate/sidegate/client"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// Decider asks the decision point and fails closed; *client.Client is one.
type Decider interface {
	// Decide must return a verdict, never nil, whatever happens.
	Decide(ctx context.Context, req *clientpolicyv1.EvaluateRequest, can ...client.Obligation) *client.Verdict
}

// Observation is one decision, as the provider acted on it.
type Observation struct {
	// Event is what was asked about.
	Event clientpolicyv1.Event
	// ClientID is the client that was judged; empty when it is unknown.
	ClientID string
	// ClientName is its display name, if it has one.
	ClientName string
	// Response carries decision, reason, findings, mutations and obligations.
	Response *clientpolicyv1.EvaluateResponse
	// Err is set when the provider refused on its own account.
	Err error
}

// Config is what a provider needs.
type Config struct {
	// Issuer is the issuer URL, without a trailing slash and without a path. Plain
	// http is accepted on loopback only.
	Issuer string
	// Realm is the Sidegate realm whose policies judge.
	Realm string
	// Decider is asked before the provider acts.
	Decider Decider
	// Store holds clients, users and tokens.
	Store *store.Store
	// Observe is told of every decision; nil tells nobody.
	Observe func(context.Context, Observation)
	// Logger gets the library's log lines; nil drops them.
	Logger *slog.Logger
}

// Provider serves an OpenID provider over HTTP.
type Provider struct {
	server  *server
	handler http.Handler
}

// Paths of the endpoints.
const (
	pathAuthorize     = "/authorize"
	pathCallback      = "/authorize/callback"
	pathToken         = "/oauth/token"
	pathIntrospect    = "/oauth/introspect"
	pathUserInfo      = "/userinfo"
	pathRevoke        = "/revoke"
	pathEndSession    = "/end_session"
	pathDeviceAuth    = "/device_authorization"
	pathKeys          = "/keys"
	pathRegister      = "/register"
	pathLogin         = "/login/username"
	pathDevice        = "/device"
	pathDeviceLogin   = "/device/login"
	pathLoggedOut     = "/logged-out"
	deviceLifetime    = 5 * time.Minute
	devicePollSeconds = 5
)

// server holds the hooks: methods that override those of the library's server.
type server struct {
	*op.LegacyServer
	judge
	store *store.Store
}

// New makes a provider. It does not need Sidegate to be there yet: until then it
// refuses everything.
func New(cfg Config) (*Provider, error) {
	insecure, err := cfg.check()
	if err != nil {
		return nil, fmt.Errorf("make provider: %w", err)
	}
	opts := []op.Option{op.WithLogger(cfg.logger()), op.WithCrypto(newCrypto())}
	if insecure {
		opts = append(opts, op.WithAllowInsecure())
	}
	provider, err := op.NewProvider(libraryConfig(), cfg.Store, op.StaticIssuer(cfg.Issuer), opts...)
	if err != nil {
		return nil, fmt.Errorf("make provider: %w", err)
	}
	s := &server{
		LegacyServer: op.NewLegacyServer(provider, endpoints()),
		judge:        judge{realm: cfg.Realm, issuer: cfg.Issuer, decider: cfg.Decider, observe: cfg.Observe, store: cfg.Store},
		store:        cfg.Store,
	}
	return &Provider{server: s, handler: guard(s.routes(provider, cfg.logger()))}, nil
}

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

func (c Config) check() (insecure bool, err error) {
	if c.Decider == nil || c.Store == nil || c.Realm == "" {
		return false, errors.New("config: Decider, Store and Realm are required")
	}
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(c.Issuer, "#") {
		return false, fmt.Errorf("config: issuer %q: expected scheme and host, no path and no trailing slash", c.Issuer)
	}
	if u.Scheme == "http" && isLoopback(u.Hostname()) {
		return true, nil
	}
	if u.Scheme != "https" {
		return false, fmt.Errorf("config: issuer %q: expected https, or http on loopback", c.Issuer)
	}
	return false, nil
}

func (c Config) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Logger
}

// newCrypto seals codes with an authenticated cipher; the library's default also
// opens what it never sealed.
func newCrypto() op.Crypto {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	return op.NewAES256GCMCrypto(key, "1")
}

func libraryConfig() *op.Config {
	return &op.Config{
		DefaultLogoutRedirectURI: pathLoggedOut,
		CodeMethodS256:           true,
		AuthMethodPost:           true,
		AuthMethodPrivateKeyJWT:  true,
		GrantTypeRefreshToken:    true,
		RequestObjectSupported:   true,
		SupportedScopes:          []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail, oidc.ScopeOfflineAccess},
		DeviceAuthorization: op.DeviceAuthorizationConfig{
			Lifetime:     deviceLifetime,
			PollInterval: devicePollSeconds * time.Second,
			UserFormPath: pathDevice,
			UserCode:     op.UserCodeBase20,
		},
	}
}

// endpoints is a literal: options of the library change a global variable.
func endpoints() op.Endpoints {
	return op.Endpoints{
		Authorization:       op.NewEndpoint(pathAuthorize),
		Token:               op.NewEndpoint(pathToken),
		Introspection:       op.NewEndpoint(pathIntrospect),
		Userinfo:            op.NewEndpoint(pathUserInfo),
		Revocation:          op.NewEndpoint(pathRevoke),
		EndSession:          op.NewEndpoint(pathEndSession),
		JwksURI:             op.NewEndpoint(pathKeys),
		DeviceAuthorization: op.NewEndpoint(pathDeviceAuth),
	}
}

// routes mounts the library beside the endpoints of this package. Cross-origin
// scripts may call, but not with the user's credentials.
func (s *server) routes(p *op.Provider, logger *slog.Logger) http.Handler {
	issuer := op.NewIssuerInterceptor(p.IssuerFromRequest)
	mux := http.NewServeMux()
	mux.Handle("/", op.RegisterLegacyServer(s, op.AuthorizeCallbackHandler(p),
		op.WithFallbackLogger(logger),
		op.WithServerCORSOptions(&cors.Options{AllowedOrigins: []string{"*"}, AllowedMethods: []string{http.MethodGet, http.MethodPost}, AllowedHeaders: []string{"Authorization", "Content-Type", "DPoP"}}),
	))
	mux.HandleFunc(pathRegister, issuer.HandlerFunc(s.register))
	mux.HandleFunc("GET "+pathLogin, s.showLogin)
	mux.HandleFunc("POST "+pathLogin, issuer.HandlerFunc(s.login))
	mux.HandleFunc("GET "+pathDevice, s.showDevice)
	mux.HandleFunc("POST "+pathDeviceLogin, s.answerDevice)
	mux.HandleFunc("GET "+pathLoggedOut, showLoggedOut)
	return mux
}

// Discovery overrides the library's: it knows no registration endpoint, and
// announces more than this provider does.
func (s *server) Discovery(ctx context.Context, r *op.Request[struct{}]) (*op.Response, error) {
	resp, err := s.LegacyServer.Discovery(ctx, r)
	if err != nil {
		return nil, err
	}
	d, ok := resp.Data.(*oidc.DiscoveryConfiguration)
	if !ok {
		return nil, oidc.ErrServerError()
	}
	d.RegistrationEndpoint = s.issuer + pathRegister
	d.ResponseTypesSupported = []string{string(oidc.ResponseTypeCode)}
	d.ResponseModesSupported = []string{string(oidc.ResponseModeQuery), string(oidc.ResponseModeFormPost)}
	d.GrantTypesSupported = supportedGrants
	d.TokenEndpointAuthSigningAlgValuesSupported = assertionAlgs
	d.RevocationEndpointAuthSigningAlgValuesSupported = assertionAlgs
	d.IntrospectionEndpointAuthSigningAlgValuesSupported = assertionAlgs
	d.RequestObjectSigningAlgValuesSupported = assertionAlgs
	return resp, nil
}

// supportedGrants are the grants that a client of this provider can have.
var supportedGrants = []oidc.GrantType{
	oidc.GrantTypeCode, oidc.GrantTypeRefreshToken, oidc.GrantTypeClientCredentials,
	oidc.GrantTypeDeviceCode, oidc.GrantTypeTokenExchange, oidc.GrantTypeBearer,
}

// assertionAlgs are the algorithms that the library verifies.
var assertionAlgs = []string{"RS256", "PS256", "ES256"}
