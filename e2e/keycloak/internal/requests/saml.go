package requests

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/generate"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
)

// samlLogin is a SAML AuthnRequest.
type samlLogin struct {
	*Runner
	entity   string
	redirect bool   // how it comes
	binding  string // asked for, or ""
	acs      string // asked for, or ""
}

const bindings = "urn:oasis:names:tc:SAML:2.0:bindings:"

func (w *Runner) drawSAML(r generate.Random) *samlLogin {
	return &samlLogin{
		Runner: w, entity: generate.Pick(r, slices.Sorted(maps.Keys(samlParties))...), redirect: r.Chance(50),
		binding: generate.Pick(r, "", bindings+"HTTP-POST", bindings+"HTTP-Redirect"),
		acs:     generate.Pick(r, "", "", "https://sp.example/acs", "http://sp.example/acs"),
	}
}

func (*samlLogin) kind() string { return "SAML login" }

// document is the AuthnRequest (SAML Core section 3.4.1).
func (s *samlLogin) document() string {
	optional := ""
	if s.binding != "" {
		optional += fmt.Sprintf(` ProtocolBinding=%q`, s.binding)
	}
	if s.acs != "" {
		optional += fmt.Sprintf(` AssertionConsumerServiceURL=%q`, s.acs)
	}
	return fmt.Sprintf(`<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"`+
		` xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="ID_%s" Version="2.0" IssueInstant=%q Destination=%q%s>`+
		`<saml:Issuer>%s</saml:Issuer></samlp:AuthnRequest>`,
		rand.Text(), time.Now().UTC().Format(time.RFC3339), s.endpoint(), optional, s.entity)
}

func (s *samlLogin) endpoint() string { return s.realm.Issuer() + "/protocol/saml" }

func (s *samlLogin) ready(context.Context) (*shot, error) {
	request, binding := rest.Request{Path: s.endpoint()}, "SAML_BINDING_POST"
	document := []byte(s.document())
	if s.redirect {
		var deflated bytes.Buffer
		out, err := flate.NewWriter(&deflated, flate.DefaultCompression)
		if err != nil {
			return nil, fmt.Errorf("deflate: %w", err)
		}
		if _, err := out.Write(document); err != nil {
			return nil, fmt.Errorf("deflate: %w", err)
		}
		if err := out.Close(); err != nil {
			return nil, fmt.Errorf("deflate: %w", err)
		}
		binding = "SAML_BINDING_REDIRECT"
		request.Method = http.MethodGet
		request.Query = url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString(deflated.Bytes())}}
	} else {
		request.Method = http.MethodPost
		request.Form = url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString(document)}}
	}
	facts := map[string]any{"samlBinding": binding, "samlSigned": false, "method": request.Method}
	if s.binding != "" {
		facts["samlProtocolBinding"] = s.binding
	}
	if s.acs != "" {
		facts["assertionConsumerServiceUrl"] = s.acs
	}
	return &shot{
		client: s.entity, seen: pageAnswer,
		events: []event{{"SAML_AUTHN_REQUEST", map[string]any{"request": facts}}},
		send:   func(ctx context.Context) (rest.Answer, error) { return s.realm.Rest().Do(ctx, request) },
	}, nil
}
