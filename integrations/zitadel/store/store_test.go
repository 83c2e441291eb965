package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"google.golang.org/protobuf/proto"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// clock is a clock that stands still until it is turned.
type clock struct{ at time.Time }

func (c *clock) now() time.Time       { return c.at }
func (c *clock) turn(d time.Duration) { c.at = c.at.Add(d) }
func newClock() *clock                { return &clock{at: time.Unix(1_800_000_000, 0)} }
func wantCode(t *testing.T, err error, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
}

func newStore(t *testing.T) (*store.Store, *clock) {
	t.Helper()
	c := newClock()
	s, err := store.New(store.ExampleUsers("https://idp.example"), c.now)
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func request(t *testing.T, s *store.Store, hint string) string {
	t.Helper()
	r, err := s.CreateAuthRequest(t.Context(), &oidc.AuthRequest{ClientID: "web", RedirectURI: "https://a", Scopes: []string{"openid"}, ResponseType: "code"}, hint)
	if err != nil {
		t.Fatal(err)
	}
	return r.GetID()
}

func TestSignInExpires(t *testing.T) {
	s, c := newStore(t)
	id := request(t, s, "")
	c.turn(11 * time.Minute)
	if err := s.Login(id, "test-user2", "verysecure"); err == nil {
		t.Error("an expired request was signed in")
	}
	_, err := s.AuthRequestByID(t.Context(), id)
	wantCode(t, err, oidc.ErrInvalidRequest())
}

func TestHintedUser(t *testing.T) {
	s, _ := newStore(t)
	id := request(t, s, "id1")
	if err := s.Login(id, "test-user2", "verysecure"); err == nil {
		t.Error("another user than the hinted one was signed in")
	}
	if err := s.Login(id, "test-user@idp.example", "verysecure"); err != nil {
		t.Error(err)
	}
}

func TestCodeExpires(t *testing.T) {
	s, c := newStore(t)
	id := request(t, s, "")
	if err := s.Login(id, "test-user2", "verysecure"); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveAuthCode(t.Context(), id, "code"); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveAuthCode(t.Context(), id, "code2"); err == nil {
		t.Error("a second code for one sign-in")
	}
	if _, err := s.AuthRequestByCode(t.Context(), "code"); err != nil {
		t.Error(err)
	}
	c.turn(61 * time.Second)
	_, err := s.RedeemCode("code")
	wantCode(t, err, oidc.ErrInvalidGrant())
}

func TestDeletedRequestTakesItsCodeAlong(t *testing.T) {
	s, _ := newStore(t)
	id := request(t, s, "")
	if err := s.SaveAuthCode(t.Context(), id, "code"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteAuthRequest(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	_, err := s.AuthRequestByCode(t.Context(), "code")
	wantCode(t, err, oidc.ErrInvalidGrant())
}

func TestTokensExpire(t *testing.T) {
	s, c := newStore(t)
	state := &op.DeviceAuthorizationState{ClientID: "web", Scopes: []string{"openid"}, Subject: "id2"}
	id, refresh, _, err := s.CreateAccessAndRefreshTokens(t.Context(), state, "")
	if err != nil {
		t.Fatal(err)
	}
	c.turn(6 * time.Minute)
	if _, ok := s.AccessToken(id); ok {
		t.Error("access token outlives its life")
	}
	if _, ok := s.RefreshToken(refresh); !ok {
		t.Error("refresh token died early")
	}
	c.turn(6 * time.Hour)
	_, err = s.TokenRequestByRefreshToken(t.Context(), refresh)
	wantCode(t, err, oidc.ErrInvalidGrant())
	_, _, _, err = s.CreateAccessAndRefreshTokens(t.Context(), state, refresh)
	wantCode(t, err, oidc.ErrInvalidGrant())
}

func TestDeviceCodes(t *testing.T) {
	s, c := newStore(t)
	expires := c.now().Add(5 * time.Minute)
	if err := s.StoreDeviceAuthorization(t.Context(), "web", "dev", "AAAA-BBBB", expires, []string{"openid"}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.StoreDeviceAuthorization(t.Context(), "web", "dev2", "AAAA-BBBB", expires, nil), op.ErrDuplicateUserCode)
	if id, _, ok := s.DeviceClient(" aaaa-bbbb "); !ok || id != "web" {
		t.Error("a user code must be found however it was typed")
	}
	_, err := s.RedeemDevice("web", "dev")
	wantCode(t, err, oidc.ErrInvalidGrant())
	_, err = s.GetDeviceAuthorizatonState(t.Context(), "other", "dev")
	wantCode(t, err, oidc.ErrInvalidGrant())
	if err := s.AnswerDevice("AAAA-BBBB", "test-user2", "wrong", true); err == nil {
		t.Error("approved with a wrong password")
	}
	if err := s.AnswerDevice("AAAA-BBBB", "test-user2", "verysecure", false); err != nil {
		t.Fatal(err)
	}
	state, err := s.GetDeviceAuthorizatonState(t.Context(), "web", "dev")
	if err != nil || !state.Denied {
		t.Errorf("%v, %v; want denied", state, err)
	}
	_, err = s.RedeemDevice("web", "dev")
	wantCode(t, err, oidc.ErrInvalidGrant())
	if err := s.AnswerDevice("AAAA-BBBB", "test-user2", "verysecure", true); err == nil {
		t.Error("answered twice")
	}
}

func TestClients(t *testing.T) {
	s, _ := newStore(t)
	doc := &clientpolicyv1.Client{ClientId: proto.String("web"), ClientAuthenticatorType: proto.String(store.ClientSecret)}
	c, err := store.NewClient(doc, "s3cret", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddClient(c); err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.AddClient(c), store.ErrClientExists)
	for secret, want := range map[string]bool{"s3cret": true, "": false, "S3CRET": false} {
		if err := s.AuthorizeClientIDSecret(t.Context(), "web", secret); (err == nil) != want {
			t.Errorf("secret %q: %v", secret, err)
		}
	}
	if _, err := s.ClientCredentials(t.Context(), "nobody", ""); err == nil {
		t.Error("a client that does not exist authenticated")
	}
	errNo := errors.New("no")
	wantCode(t, s.ChangeClient("web", func(*clientpolicyv1.Client) (*clientpolicyv1.Client, error) { return nil, errNo }), errNo)
	for name, tc := range map[string]struct {
		doc    *clientpolicyv1.Client
		secret string
	}{
		"no id":                      {&clientpolicyv1.Client{}, "x"},
		"confidential, no secret":    {doc, ""},
		"public with secret":         {&clientpolicyv1.Client{ClientId: proto.String("p"), PublicClient: proto.Bool(true)}, "x"},
		"key client with secret":     {&clientpolicyv1.Client{ClientId: proto.String("p"), ClientAuthenticatorType: proto.String(store.ClientJWT)}, "x"},
		"keys that cannot be parsed": {&clientpolicyv1.Client{ClientId: proto.String("p"), ClientAuthenticatorType: proto.String(store.ClientJWT), Attributes: map[string]string{store.AttrJWKS: "{"}}, ""},
	} {
		if _, err := store.NewClient(tc.doc, tc.secret, ""); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAssertionsAreUsedOnce(t *testing.T) {
	s, c := newStore(t)
	expires := c.now().Add(time.Minute)
	if !s.UseAssertion("a", "1", expires) || s.UseAssertion("a", "1", expires) || !s.UseAssertion("b", "1", expires) {
		t.Error("an assertion is used once for each client")
	}
}

func TestParseKeys(t *testing.T) {
	key := map[string]any{"kty": "EC", "crv": "P-256", "kid": "k", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
	set := func(keys ...map[string]any) []byte {
		raw, err := json.Marshal(map[string]any{"keys": keys})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	private := map[string]any{"d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}
	noID := map[string]any{}
	for k, v := range key {
		private[k], noID[k] = v, v
	}
	delete(noID, "kid")
	if _, err := store.ParseKeys(set(key)); err != nil {
		t.Error(err)
	}
	for name, raw := range map[string][]byte{"private": set(private), "none": set(), "twice": set(key, key), "no kid": set(noID), "junk": []byte("x")} {
		_, err := store.ParseKeys(raw)
		if !errors.Is(err, store.ErrKeys) {
			t.Errorf("%s: %v, want ErrKeys", name, err)
		}
	}
}

func TestTermsTravelInTheContext(t *testing.T) {
	if got := store.TermsFrom(context.Background()); got.Restricted || got.Lightweight || got.SuppressRefreshToken {
		t.Errorf("%+v, want none", got)
	}
}
