package oauth_test

import (
	"testing"

	"github.com/sidegate/sidegate/pdp/oauth"
)

func TestIsPushedRequestURI(t *testing.T) {
	for uri, want := range map[string]bool{
		"urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c": true,
		"URN:IETF:params:OAuth:Request_URI:x":                           true,
		"urn:ietf:params:oauth:request_uri:":                            true,
		"urn:ietf:params:oauth:request_uri":                             false,
		"urn:ietf:params:oauth:requeſt_uri:x":                           false,
		"https://a.example/urn:ietf:params:oauth:request_uri:x":         false,
		" urn:ietf:params:oauth:request_uri:x":                          false,
		"":                                                              false,
	} {
		if got := oauth.IsPushedRequestURI(uri); got != want {
			t.Errorf("IsPushedRequestURI(%q) = %t", uri, got)
		}
	}
}

func TestIsAssertionAuthenticator(t *testing.T) {
	for id, want := range map[string]bool{
		"client-jwt": true, "client-secret-jwt": true, "federated-jwt": true,
		"client-x509": false, "client-secret": false, "attestation-based": false, "none": false, "": false, "Client-JWT": false,
	} {
		if got := oauth.IsAssertionAuthenticator(id); got != want {
			t.Errorf("IsAssertionAuthenticator(%q) = %t", id, got)
		}
	}
}
