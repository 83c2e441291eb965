package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// refPrefix is where references to schemas lead in Swagger 2.
const refPrefix = "#/definitions/"

// prepare mends what would be lost in the conversion or cannot be mended after it.
func prepare(v2 []byte) ([]byte, error) {
	var doc map[string]any
	if err := json.Unmarshal(v2, &doc); err != nil {
		return nil, fmt.Errorf("swagger read: %w", err)
	}
	definitions, ok := doc["definitions"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("swagger read: it has no definitions")
	}
	renamed := shorter(definitions)
	for from, to := range renamed {
		definitions[to] = definitions[from]
		delete(definitions, from)
	}
	return json.Marshal(mend(doc, renamed))
}

// shorter returns the names without the package that the generator puts in front
// of those that end alike, as far as they are free.
func shorter(definitions map[string]any) map[string]string {
	renamed := map[string]string{}
	for name := range definitions {
		short, ok := strings.CutPrefix(name, "v1.")
		if _, taken := definitions[short]; ok && !taken {
			renamed[name] = short
		}
	}
	return renamed
}

// mend walks through a value. Whatever stands beside a reference has no meaning in
// OpenAPI 3.0: it is kept in a schema around it.
func mend(v any, renamed map[string]string) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = mend(v[i], renamed)
		}
	case map[string]any:
		for name := range v {
			v[name] = mend(v[name], renamed)
		}
		if ref, ok := v["$ref"].(string); ok {
			return mendRef(v, ref, renamed)
		}
	}
	return v
}

func mendRef(v map[string]any, ref string, renamed map[string]string) any {
	if to, ok := renamed[strings.TrimPrefix(ref, refPrefix)]; ok {
		ref = refPrefix + to
	}
	delete(v, "$ref")
	delete(v, "type")
	bare := map[string]any{"$ref": ref}
	if len(v) == 0 {
		return bare
	}
	v["allOf"] = []any{bare}
	return v
}
