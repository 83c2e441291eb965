package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
)

// scheme is the name of the security scheme in proto/openapi.yaml.
const scheme = "bearer"

// rules are those of every operation; they follow the description.
const rules = `

Names in a path are percent-encoded, ` + "`/` as `%2F` and `:` as `%3A`" + `. In a request, null
counts as absent, members that are read-only are ignored, and unknown members and
unknown query parameters are refused. HEAD answers as GET. Errors are problems
(RFC 9457).`

// convert makes the document.
func convert(v2 []byte) ([]byte, error) {
	prepared, err := prepare(v2)
	if err != nil {
		return nil, err
	}
	var from openapi2.T
	if err := json.Unmarshal(prepared, &from); err != nil {
		return nil, fmt.Errorf("swagger read: %w", err)
	}
	doc, err := openapi2conv.ToV3(&from)
	if err != nil {
		return nil, fmt.Errorf("swagger conversion: %w", err)
	}
	doc.Info.Description += rules
	if doc.Components.SecuritySchemes[scheme] == nil {
		return nil, fmt.Errorf("security scheme %q is missing in proto/openapi.yaml", scheme)
	}
	doc.Components.SecuritySchemes[scheme] = &openapi3.SecuritySchemeRef{Value: &openapi3.SecurityScheme{
		Type: "http", Scheme: "bearer", Description: "An API token, an access token of the token endpoint, or a token of a configured issuer. A client certificate can stand for it.",
	}}
	refusals := addRefusals(doc)
	if err := finishOperations(doc, refusals); err != nil {
		return nil, err
	}
	addLogin(doc)
	finishSchemas(doc)
	return finish(doc)
}

// finish prints the document, sorted, and checks what it has printed.
func finish(doc *openapi3.T) ([]byte, error) {
	raw, err := doc.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("document print: %w", err)
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, fmt.Errorf("document print: %w", err)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(tree); err != nil {
		return nil, fmt.Errorf("document print: %w", err)
	}
	printed, err := openapi3.NewLoader().LoadFromData(out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("document check: %w", err)
	}
	if err := printed.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("document check: %w", err)
	}
	return out.Bytes(), nil
}
