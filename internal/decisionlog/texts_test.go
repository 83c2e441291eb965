package decisionlog_test

import (
	"strings"
	"testing"

	"github.com/sidegate/sidegate/internal/decisionlog"
)

// TestCleanURI shows what is cut out of URIs.
func TestCleanURI(t *testing.T) {
	const random = "Zx9kQ2mWv7Lp4Rt8Yb3Nc6Hd1Fg5Js0T"
	for s, want := range map[string]string{
		"https://a.example":                            "https://a.example",
		"https://a.example:8443/x/y?tenant=7&flag&k=#": "https://a.example:8443/x/y?tenant=masked&masked&k=#",
		"https://u@a.example":                          "https://masked@a.example",
		"//u:p@a.example/x":                            "//masked:masked@a.example/x",
		"https://a.example/" + random + "/x":           "https://a.example/masked/x",
		"https://" + random + "/x":                     "https://masked/x",
		"https://a.example/?" + random + "=1":          "https://a.example/?masked=masked",
		"com.example.app:/cb/" + random:                "com.example.app:/cb/masked",
		"urn:ietf:wg:oauth:2.0:oob":                    "urn:ietf:wg:oauth:2.0:oob",
		"urn:ietf:params:oauth:request_uri:abc":        "urn:ietf:params:oauth:request_uri:masked",
		"URN:IETF:params:oauth:request_uri:abc":        "URN:IETF:params:oauth:request_uri:masked",
		"data:text/plain,hunter2":                      "data:masked",
		"mailto:alice@example.com":                     "mailto:masked",
		"/realms/x/*":                                  "/realms/x/*",
		"*":                                            "*",
		"+":                                            "+",
		"":                                             "",
		"no uri":                                       "",
		"https://a b":                                  "",
		"1 2:x":                                        "",
		"https://a.example/" + strings.Repeat("x", 4096): "",
	} {
		got, ok := decisionlog.CleanURI(s)
		if got != want || ok != (want != "" || s == "") {
			t.Errorf("%q became %q, %v, want %q", s, got, ok, want)
		}
	}
}

// TestCredential tells names from credentials.
func TestCredential(t *testing.T) {
	for s, want := range map[string]bool{
		"fapi-2-security-profile": false, "urn:ietf:params:oauth:grant-type:token-exchange": false, "openid profile email offline_access": false,
		"7a1c1f64-5f4e-4a0f-9d3c-2f9a5f6f0a11": false, "ECDHE-RSA-AES128-GCM-SHA256": false, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": false,
		"/staff/Very-Long-Department-Name-Without-Number": false, "basic": false, "Basic ": false, "eyJ": false, "": false,
		"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM": true, "Bearer abc": true, "dpop x": true, "x eyJhbGciOiJub25lIn0.e30.": true,
		"-----BEGIN RSA PRIVATE KEY-----": true, "prefix:Zx9kQ2mWv7Lp4Rt8Yb3Nc6Hd1Fg5Js0T": true,
	} {
		if got := decisionlog.Credential(s); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
}
