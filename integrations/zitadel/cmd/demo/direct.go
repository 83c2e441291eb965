package main

import (
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	zitadel "github.com/sidegate/sidegate/integrations/zitadel"
)

// direct are questions that no provider stands between: Sidegate judges what the
// library of this provider cannot do.
func direct() []step {
	return []step{
		{
			name: "(h) Asked over REST: a partner redeems a code with its TLS certificate",
			want: allowed(clientpolicyv1.Event_EVENT_TOKEN_REQUEST),
			run:  overREST(func(s *stage) *clientpolicyv1.EvaluateRequest { return redemption(s.issuer, partner(), true) }),
		},
		{
			name: "    and without it",
			want: []want{refused(clientpolicyv1.Event_EVENT_TOKEN_REQUEST, "holder-of-key-enforcer")},
			run:  overREST(func(s *stage) *clientpolicyv1.EvaluateRequest { return redemption(s.issuer, partner(), false) }),
		},
		{
			name: "(i) Asked over gRPC: FAPI 2.0 wants authorization requests to be pushed",
			want: []want{refused(clientpolicyv1.Event_EVENT_PRE_AUTHORIZATION_REQUEST, "secure-par-content")},
			run:  overGRPC(notPushed),
		},
		{
			name: "    and allows a code redeemed with certificate, private_key_jwt and PKCE",
			want: allowed(clientpolicyv1.Event_EVENT_TOKEN_REQUEST),
			run:  overGRPC(func(s *stage) *clientpolicyv1.EvaluateRequest { return redemption(s.issuer, bank(), true) }),
		},
	}
}

func overREST(ask func(*stage) *clientpolicyv1.EvaluateRequest) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		q := ask(s)
		r, err := s.admin.evaluate(ctx, q)
		if err != nil {
			return err
		}
		s.observe(zitadel.Observation{Event: q.GetEvent(), ClientID: q.GetClient().GetClientId(), Response: r})
		return nil
	}
}

func overGRPC(ask func(*stage) *clientpolicyv1.EvaluateRequest) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		q := ask(s)
		q.Realm = realm
		r, err := s.decisions.Evaluate(ctx, q)
		if err != nil {
			return err
		}
		s.observe(zitadel.Observation{Event: q.GetEvent(), ClientID: q.GetClient().GetClientId(), Response: r})
		return nil
	}
}

// confidential is a client that authenticates by key.
func confidential(id, redirectURI string) *clientpolicyv1.Client {
	return &clientpolicyv1.Client{
		ClientId: &id, Protocol: proto.String("openid-connect"), Enabled: proto.Bool(true), PublicClient: proto.Bool(false), BearerOnly: proto.Bool(false),
		ClientAuthenticatorType: proto.String("client-jwt"), StandardFlowEnabled: proto.Bool(true), RedirectUris: []string{redirectURI},
	}
}

func partner() *clientpolicyv1.Client {
	c := confidential("partner", "https://partner.example/callback")
	c.Attributes = map[string]string{"tier": "partner"}
	return c
}

func bank() *clientpolicyv1.Client {
	c := confidential("bank", "https://bank.example/callback")
	c.ClientRoles = []string{"fapi2"}
	return c
}

// certificate is a thumbprint as RFC 8705 section 3.1 writes it.
const certificate = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"

// redemption is a code grant with all that the profiles ask for, except the
// certificate when that is left out.
func redemption(issuer string, c *clientpolicyv1.Client, withCertificate bool) *clientpolicyv1.EvaluateRequest {
	p := newPKCE()
	uri := c.GetRedirectUris()[0]
	q := &clientpolicyv1.EvaluateRequest{
		Event:  clientpolicyv1.Event_EVENT_TOKEN_REQUEST,
		Client: c,
		Issuer: issuer,
		Request: &clientpolicyv1.OAuthRequest{Method: "POST",
			Parameters:     map[string]string{"grant_type": "authorization_code", "redirect_uri": uri, "code_verifier": p.verifier},
			ParameterNames: []string{"client_assertion", "client_assertion_type", "code", "code_verifier", "grant_type", "redirect_uri"}},
		Session: &clientpolicyv1.SessionFacts{Scope: "openid", CodeChallenge: p.challenge, CodeChallengeMethod: "S256"},
		ClientAuthentication: &clientpolicyv1.ClientAuthentication{Authenticator: "client-jwt", AssertionType: assertionURN,
			Assertion: &clientpolicyv1.JwtFacts{Alg: "PS256", Verified: true, Claims: &structpb.Struct{Fields: map[string]*structpb.Value{
				"iss": structpb.NewStringValue(c.GetClientId()), "sub": structpb.NewStringValue(c.GetClientId()), "aud": structpb.NewStringValue(issuer)}}}},
	}
	if withCertificate {
		q.Tls = &clientpolicyv1.TransportSecurity{Version: "TLSv1.3", Cipher: "TLS_AES_256_GCM_SHA384", ClientCertificateSha256: certificate}
	}
	return q
}

// notPushed is an authorization request that comes in the query.
func notPushed(s *stage) *clientpolicyv1.EvaluateRequest {
	c := bank()
	p := newPKCE()
	q := &clientpolicyv1.OAuthRequest{Method: "GET", Parameters: map[string]string{}}
	for name, values := range authorization(c.GetClientId(), c.GetRedirectUris()[0], p) {
		q.Parameters[name] = values[0]
	}
	return &clientpolicyv1.EvaluateRequest{Event: clientpolicyv1.Event_EVENT_PRE_AUTHORIZATION_REQUEST, Client: c, Issuer: s.issuer, Request: q}
}
