package zitadel

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// jwt is a JWS in compact form, opened without looking at its signature.
type jwt struct {
	header struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
		Typ string `json:"typ"`
	}
	claims *structpb.Struct
}

// openJWT reads header and claims; ok is false for anything but a JWS whose
// payload is a JSON object (RFC 7519 section 7.2).
func openJWT(compact string) (out jwt, ok bool) {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return jwt{}, false
	}
	header, err1 := base64.RawURLEncoding.DecodeString(parts[0])
	payload, err2 := base64.RawURLEncoding.DecodeString(parts[1])
	if err1 != nil || err2 != nil || json.Unmarshal(header, &out.header) != nil {
		return jwt{}, false
	}
	out.claims = &structpb.Struct{}
	if err := out.claims.UnmarshalJSON(payload); err != nil {
		return jwt{}, false
	}
	return out, true
}

func (t jwt) text(claim string) string { return t.claims.GetFields()[claim].GetStringValue() }

func (t jwt) number(claim string) float64 { return t.claims.GetFields()[claim].GetNumberValue() }

// facts are what policies may know of a client assertion.
func (t jwt) facts(verified bool) *clientpolicyv1.JwtFacts {
	return &clientpolicyv1.JwtFacts{Alg: t.header.Alg, Kid: t.header.Kid, Typ: t.header.Typ, Verified: verified, Claims: t.claims}
}

// objectFacts are what policies may know of a request object sent by value. One
// that cannot be read is still one that was sent.
func objectFacts(compact string) *clientpolicyv1.RequestObject {
	out := &clientpolicyv1.RequestObject{Source: clientpolicyv1.RequestObject_SOURCE_REQUEST}
	// RFC 7516 section 7.1: five parts are a JWE.
	out.Encrypted = strings.Count(compact, ".") == 4
	if t, ok := openJWT(compact); ok {
		out.Alg, out.Kid, out.Typ, out.Claims = t.header.Alg, t.header.Kid, t.header.Typ, t.claims
	}
	return out
}
