package zitadel

import (
	"context"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// undecodable are the facts of a token that is none of ours.
func undecodable(kind clientpolicyv1.TokenFacts_Kind) *clientpolicyv1.TokenFacts {
	return &clientpolicyv1.TokenFacts{Kind: kind, State: clientpolicyv1.TokenFacts_STATE_UNDECODABLE}
}

// accessToken verifies a JWT access token and returns what the store knows of
// it. Opening any other text would panic inside the library later on.
func (s *server) accessToken(ctx context.Context, raw string) (store.AccessToken, bool) {
	if _, ok := openJWT(raw); !ok {
		return store.AccessToken{}, false
	}
	claims, err := op.VerifyAccessToken[*oidc.AccessTokenClaims](ctx, raw, s.Provider().AccessTokenVerifier(ctx))
	if err != nil {
		return store.AccessToken{}, false
	}
	return s.store.AccessToken(claims.JWTID)
}

// tokenFacts are the facts of a token that may be an access or a refresh token.
func (s *server) tokenFacts(ctx context.Context, raw string) *clientpolicyv1.TokenFacts {
	if t, ok := s.store.RefreshToken(raw); ok {
		return refreshFacts(s.issuer, t)
	}
	if t, ok := s.accessToken(ctx, raw); ok {
		return accessFacts(s.issuer, t)
	}
	return undecodable(clientpolicyv1.TokenFacts_KIND_UNSPECIFIED)
}

func accessFacts(issuer string, t store.AccessToken) *clientpolicyv1.TokenFacts {
	return &clientpolicyv1.TokenFacts{
		Kind:   clientpolicyv1.TokenFacts_KIND_ACCESS_TOKEN,
		State:  clientpolicyv1.TokenFacts_STATE_VERIFIED,
		Claims: claims("Bearer", issuer, t.ClientID, t.Subject, t.Audience, t.Scopes, t.Expires),
	}
}

func refreshFacts(issuer string, t store.RefreshToken) *clientpolicyv1.TokenFacts {
	return &clientpolicyv1.TokenFacts{
		Kind:   clientpolicyv1.TokenFacts_KIND_REFRESH_TOKEN,
		State:  clientpolicyv1.TokenFacts_STATE_VERIFIED,
		Claims: claims("Refresh", issuer, t.ClientID, t.Subject, t.Audience, t.Scopes, t.Expires),
	}
}

func claims(typ, issuer, clientID, subject string, audience, scopes []string, expires time.Time) *structpb.Struct {
	aud := &structpb.ListValue{}
	for _, a := range audience {
		aud.Values = append(aud.Values, structpb.NewStringValue(a))
	}
	return &structpb.Struct{Fields: map[string]*structpb.Value{
		"typ":   structpb.NewStringValue(typ),
		"iss":   structpb.NewStringValue(issuer),
		"azp":   structpb.NewStringValue(clientID),
		"sub":   structpb.NewStringValue(subject),
		"aud":   structpb.NewListValue(aud),
		"scope": structpb.NewStringValue(strings.Join(scopes, " ")),
		"exp":   structpb.NewNumberValue(float64(expires.Unix())),
	}}
}

// granted is an authorization that tokens are made from.
type granted interface {
	GetScopes() []string
	GetAuthTime() time.Time
}

func sessionFacts(g granted) *clientpolicyv1.SessionFacts {
	out := &clientpolicyv1.SessionFacts{Scope: strings.Join(g.GetScopes(), " ")}
	if t := g.GetAuthTime(); !t.IsZero() {
		out.AuthTime = timestamppb.New(t)
	}
	return out
}
