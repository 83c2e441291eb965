package server

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/auth/login"
	"github.com/sidegate/sidegate/internal/auth/oidc"
	"github.com/sidegate/sidegate/internal/config"
)

// openAuth makes everything by which callers are known: API tokens, issuers, user
// names with passwords, and client certificates.
func (s *server) openAuth(context.Context) error {
	s.reporter = auth.NewReporter(s.log.Named("auth"), s.audit)
	s.closers = append(s.closers, func() error { s.reporter.Close(); return nil })
	tokens, err := s.openTokens()
	if err != nil {
		return err
	}
	issuers, err := s.openIssuers()
	if err != nil {
		return err
	}
	if s.login, err = s.newLogin(); err != nil {
		return err
	}
	bearers, err := auth.NewBearers(tokens, append(issuers, s.login)...)
	if err != nil {
		return fmt.Errorf("auth.oidc: %w", err)
	}
	certificates, err := newCertificates(s.config.Auth.Certificates)
	if err != nil {
		return err
	}
	s.guard = auth.NewGuard(bearers, s.log.Named("auth"), auth.WithCertificates(certificates), auth.WithReporter(s.reporter))
	return nil
}

func (s *server) openTokens() (*auth.Tokens, error) {
	tokens, err := auth.OpenTokens(s.config.Data, time.Now)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	if err := tokens.Bootstrap(s.config.BootstrapTokenFile, s.log); err != nil {
		return nil, fmt.Errorf("bootstrap-token-file: %w", err)
	}
	tokens.Report(s.reporter)
	return tokens, nil
}

func (s *server) openIssuers() ([]auth.TokenIssuer, error) {
	var issuers []auth.TokenIssuer
	for i, c := range s.config.Auth.OIDC {
		issuer, err := s.openIssuer(c)
		if err != nil {
			return nil, fmt.Errorf("auth.oidc[%d]: %w", i, err)
		}
		s.closers = append(s.closers, func() error { issuer.Close(); return nil })
		issuers = append(issuers, issuer)
	}
	return issuers, nil
}

func (s *server) openIssuer(c config.Issuer) (*oidc.Issuer, error) {
	o := oidc.Options{
		Issuer: c.Issuer, Audience: c.Audience, JWKSURL: c.JWKSURL, Algorithms: c.Algorithms, KeycloakRoles: c.KeycloakRoles,
	}
	if c.CAFile != "" {
		var err error
		if o.Authorities, err = authorities(c.CAFile); err != nil {
			return nil, err
		}
	}
	for _, r := range c.Roles {
		role, err := auth.ParseRole(r.Role)
		if err != nil {
			return nil, err
		}
		o.Roles = append(o.Roles, oidc.Mapping{Claim: r.Claim, Value: r.Value, Realm: r.Realm, Role: role})
	}
	return oidc.New(o, s.log.Named("oidc"), s.reporter)
}

func authorities(file string) (*x509.CertPool, error) {
	pool, err := auth.ReadAuthorities(file)
	if err != nil {
		return nil, fmt.Errorf("ca-file: %w", err)
	}
	return pool, nil
}

// newLogin takes the principals of the file and of the environment.
func (s *server) newLogin() (*login.Server, error) {
	o := login.Options{Reporter: s.reporter}
	for i, p := range s.config.Auth.Principals {
		password, err := login.ReadPassword(p.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("auth.principals[%d]: %w", i, err)
		}
		roles, err := parseRoles(p.Roles)
		if err != nil {
			return nil, fmt.Errorf("auth.principals[%d]: %w", i, err)
		}
		o.Users = append(o.Users, login.User{Name: p.Username, Password: password, Roles: roles})
	}
	if s.config.BootstrapUsername != "" {
		o.Users = append(o.Users, login.User{
			Name: s.config.BootstrapUsername, Password: []byte(s.config.BootstrapPassword.Reveal()),
			Roles: map[string]auth.Role{auth.AllRealms: auth.Admin},
		})
	}
	server, err := login.New(o)
	if err != nil {
		return nil, fmt.Errorf("auth.principals: %w", err)
	}
	return server, nil
}

func newCertificates(list []config.Certificate) (*auth.Certificates, error) {
	var rules []auth.CertificateRule
	for i, c := range list {
		roles, err := parseRoles(c.Roles)
		if err != nil {
			return nil, fmt.Errorf("auth.certificates[%d]: %w", i, err)
		}
		rules = append(rules, auth.CertificateRule{Subject: c.Subject, SAN: c.SAN, Name: c.Name, Roles: roles})
	}
	certificates, err := auth.NewCertificates(rules, time.Now)
	if err != nil {
		return nil, fmt.Errorf("auth.certificates: %w", err)
	}
	return certificates, nil
}

func parseRoles(names map[string]string) (map[string]auth.Role, error) {
	roles := make(map[string]auth.Role, len(names))
	for realm, name := range names {
		role, err := auth.ParseRole(name)
		if err != nil {
			return nil, err
		}
		roles[realm] = role
	}
	return roles, nil
}
