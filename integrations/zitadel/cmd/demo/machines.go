package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

var errNoTokens = errors.New("the step before has brought no tokens")

// machinePolicy is the policy that is switched off and on.
const machinePolicy = "machines-use-keys"

// What a client credentials grant brings.
var (
	granted = allowed(clientpolicyv1.Event_EVENT_SERVICE_ACCOUNT_TOKEN_REQUEST, clientpolicyv1.Event_EVENT_SERVICE_ACCOUNT_TOKEN_RESPONSE)
	denied  = []want{refused(clientpolicyv1.Event_EVENT_SERVICE_ACCOUNT_TOKEN_REQUEST, "secure-client-authenticator")}
)

func machines() []step {
	return []step{
		{name: "(e) A machine that signs with its private key gets a token", want: granted, run: byKey},
		{name: "    One that sends a secret is refused", want: denied, run: bySecret(http.StatusBadRequest)},
	}
}

// switching changes a policy while everything runs.
func switching() []step {
	return []step{
		{
			name: "(g) The policy " + machinePolicy + " is switched off over REST: the same request passes", want: granted,
			run: switched(false, bySecret(http.StatusOK)),
		},
		{
			name: "    and on again: it is refused again", want: denied,
			run: switched(true, bySecret(http.StatusBadRequest)),
		},
	}
}

func byKey(ctx context.Context, s *stage) error {
	assertion, err := s.assertion()
	if err != nil {
		return err
	}
	r, err := s.post(ctx, "/oauth/token", url.Values{
		"grant_type": {"client_credentials"}, "scope": {"reports"}, "client_assertion": {assertion}, "client_assertion_type": {assertionURN},
	}, credentials{})
	return check(r, err, http.StatusOK, "token")
}

func bySecret(status int) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		r, err := s.clientCredentials(ctx)
		return check(r, err, status, "token")
	}
}

func switched(on bool, then func(context.Context, *stage) error) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		if err := s.admin.enable(ctx, machinePolicy, on); err != nil {
			return err
		}
		return then(ctx, s)
	}
}

// epilogue is what happens once Sidegate has been stopped.
func epilogue() []step {
	return []step{{
		name: "(z) Sidegate is gone: the provider fails closed",
		want: []want{refused(clientpolicyv1.Event_EVENT_SERVICE_ACCOUNT_TOKEN_REQUEST, "")},
		run:  bySecret(http.StatusServiceUnavailable),
	}}
}
