package oauth_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

var header = b64(`{"alg":"PS256","kid":"k"}`)

func TestReadJWS(t *testing.T) {
	claims := map[string]any{"aud": []any{"https://idp.example"}, "exp": 5.0, "sub": "ü"}
	payload := b64(`{"aud":["https://idp.example"],"exp":5,"sub":"ü"}`)
	for name, compact := range map[string]string{
		"three parts":     header + "." + payload + ".c2ln",
		"two parts":       header + "." + payload,
		"empty signature": header + "." + payload + ".",
	} {
		alg, got, err := oauth.ReadJWS(compact)
		if err != nil || alg != "PS256" || !cmp.Equal(claims, got) {
			t.Errorf("%s: %q, %v, %v", name, alg, got, err)
		}
		if alg, err := oauth.JWSAlgorithm(compact); alg != "PS256" || err != nil {
			t.Errorf("%s: JWSAlgorithm: %q, %v", name, alg, err)
		}
	}
	if alg, err := oauth.JWSAlgorithm(b64(`{"alg":"none"}`) + "." + b64("{}") + "."); alg != "none" || err != nil {
		t.Errorf("alg none: %q, %v", alg, err)
	}
	if got, err := oauth.JWSAlgorithm(header + "." + b64("no object") + ".c2ln"); got != "PS256" || err != nil {
		t.Errorf("JWSAlgorithm judges the payload: %q, %v", got, err)
	}
}

func TestReadJWSRefuses(t *testing.T) {
	payload := b64(`{"sub":"s3cret"}`)
	huge := b64(`{"a":"` + strings.Repeat("x", 49<<10) + `"}`)
	for name, compact := range map[string]string{
		"empty":                 "",
		"one part":              "s3cret",
		"four parts":            header + "." + payload + ".c2ln.",
		"five parts":            header + "." + payload + ".c2ln.c2ln.c2ln",
		"dots":                  "..",
		"no header":             "." + payload + ".c2ln",
		"no payload":            header + "..c2ln",
		"padding":               header + "." + base64.URLEncoding.EncodeToString([]byte(`{"a":"s3cret"}`)),
		"standard alphabet":     header + ".e30+.c2ln",
		"line break in header":  header[:4] + "\n" + header[4:] + "." + payload,
		"line break in payload": header + "." + payload[:4] + "\r\n" + payload[4:],
		"blank":                 header + ". " + payload,
		"loose bits":            header + ".e31.c2ln",
		"signature not base64":  header + "." + payload + ".!",
		"payload not JSON":      header + "." + b64("s3cret"),
		"payload an array":      header + "." + b64("[]"),
		"payload null":          header + "." + b64("null"),
		"payload trailing":      header + "." + b64("{}{}"),
		"payload twice a name":  header + "." + b64(`{"s3cret":1,"s3cret":2}`),
		"payload not UTF-8":     header + "." + b64("{\"a\":\"\xff\"}"),
		"payload huge number":   header + "." + b64(`{"exp":1e999}`),
		"too large":             header + "." + huge,
		"header an array":       b64("[]") + "." + payload,
		"header twice alg":      b64(`{"alg":"PS256","alg":"none"}`) + "." + payload,
		"header twice, escaped": b64(`{"alg":"PS256","\u0061lg":"none"}`) + "." + payload,
		"header without alg":    b64(`{"ALG":"PS256"}`) + "." + payload,
		"header with empty alg": b64(`{"alg":""}`) + "." + payload,
		"header with alg list":  b64(`{"alg":["PS256"]}`) + "." + payload,
	} {
		alg, claims, err := oauth.ReadJWS(compact)
		if !errors.Is(err, oauth.ErrJWS) || alg != "" || claims != nil {
			t.Errorf("%s: %q, %v, %v", name, alg, claims, err)
			continue
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: error quotes the token: %v", name, err)
		}
	}
}

// An error says which part is at fault, since it may not show it.
func TestReadJWSErrors(t *testing.T) {
	for compact, want := range map[string]string{
		"a":                              "malformed jws: expected two or three parts",
		header + ".e30.c2ln.":            "malformed jws: expected two or three parts",
		"!.e30":                          "malformed jws: header: not base64url without padding",
		header + ".!":                    "malformed jws: payload: not base64url without padding",
		header + ".e30.!":                "malformed jws: signature: not base64url without padding",
		"e30.e30":                        "malformed jws: header: alg: expected a text",
		header + "." + b64("{\"\xff\"}"): "malformed jws: payload: not a JSON object: not UTF-8",
	} {
		if _, _, err := oauth.ReadJWS(compact); err == nil || err.Error() != want {
			t.Errorf("ReadJWS(%q): %v, want %s", compact, err, want)
		}
	}
}

func TestFAPIAlgorithms(t *testing.T) {
	want := []string{"PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}
	if got := oauth.FAPIAlgorithms(); !cmp.Equal(got, want) {
		t.Errorf("FAPIAlgorithms() = %v", got)
	}
	for _, alg := range want {
		if !oauth.IsFAPIAlgorithm(alg) {
			t.Errorf("IsFAPIAlgorithm(%q) = false", alg)
		}
	}
	for _, alg := range []string{"", "none", "any", "EdDSA", "es256", "RS256", "HS256", "PS256 "} {
		if oauth.IsFAPIAlgorithm(alg) {
			t.Errorf("IsFAPIAlgorithm(%q) = true", alg)
		}
	}
}

// FuzzReadJWS demands that what is read was said exactly once: a JWS made anew from
// the parts is the one that was read.
func FuzzReadJWS(f *testing.F) {
	f.Add(header + "." + b64(`{"aud":"a"}`) + ".c2ln")
	f.Add(header + "." + b64(`{"aud":["a",{"b":[null,true,1e3]}]}`))
	f.Add(b64(`{"alg":"none"}`) + "." + b64(`{}`) + ".")
	f.Add(b64(`{"alg":"PS256","\u0061lg":"none"}`) + "..")
	f.Add("a.b.c.d.e")
	f.Fuzz(func(t *testing.T, compact string) {
		alg, claims, err := oauth.ReadJWS(compact)
		if err != nil {
			if !errors.Is(err, oauth.ErrJWS) || alg != "" || claims != nil {
				t.Errorf("refusal %v with %q, %v", err, alg, claims)
			}
			return
		}
		if again, err := oauth.JWSAlgorithm(compact); again != alg || err != nil || alg == "" {
			t.Errorf("JWSAlgorithm: %q, %v; ReadJWS: %q", again, err, alg)
		}
		parts := strings.Split(compact, ".")
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil || b64(string(payload)) != parts[1] {
			t.Errorf("payload %q is not the only text for its bytes", parts[1])
		}
		if object, err := oauth.ReadObject(string(payload)); err != nil || !cmp.Equal(object, claims) {
			t.Errorf("ReadObject: %v, %v; ReadJWS: %v", object, err, claims)
		}
	})
}
