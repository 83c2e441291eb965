package requests

import (
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/agree"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/jose"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
)

func to(location string) rest.Answer {
	return rest.Answer{Status: http.StatusFound, Header: http.Header{"Location": {location}}}
}

func TestPageAnswer(t *testing.T) {
	keys, err := jose.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	response, err := keys.Sign("none", nil, map[string]any{"error": "invalid_client"}, "")
	if err != nil {
		t.Fatal(err)
	}
	refused := func(status int, code string) agree.Seen {
		return agree.Seen{Status: status, Code: code, Redirect: code != ""}
	}
	for name, tt := range map[string]struct {
		answer rest.Answer
		want   agree.Seen
	}{
		"login page": {rest.Answer{Status: 200, Body: []byte(`<form id="kc-form-login" action="http://x/y?a=b&amp;c=d" method="post">`)},
			agree.Seen{Allowed: true}},
		"to login":   {to("http://127.0.0.1:1/realms/r/login-actions/authenticate?client_id=c"), agree.Seen{Allowed: true}},
		"query":      {to("https://app.example/cb?error=invalid_request&state=s"), refused(302, "invalid_request")},
		"fragment":   {to("com.example.app:/cb#error=invalid_scope"), refused(302, "invalid_scope")},
		"jwt":        {to("https://app.example/cb?response=" + response), refused(302, "invalid_client")},
		"form":       {rest.Answer{Status: 200, Body: []byte(`<INPUT TYPE="HIDDEN" NAME="error" VALUE="not_allowed">`)}, refused(200, "not_allowed")},
		"form jwt":   {rest.Answer{Status: 200, Body: []byte(`<INPUT NAME="response" VALUE="` + response + `">`)}, refused(200, "invalid_client")},
		"error page": {rest.Answer{Status: 400, Body: []byte(`<html>`)}, refused(400, "")},
		"other page": {rest.Answer{Status: 200, Body: []byte(`<html>`)}, refused(200, "")},
	} {
		if got := pageAnswer(tt.answer); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

func TestWireWithholdsSecrets(t *testing.T) {
	got := wire(url.Values{"client_id": {"c"}, "client_secret": {"s"}, "code": {"x"}, "scope": {"a", "b"}})
	want := map[string]any{
		"parameters":     map[string]any{"client_id": "c", "scope": "a"},
		"parameterNames": []string{"client_id", "client_secret", "code", "scope"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
