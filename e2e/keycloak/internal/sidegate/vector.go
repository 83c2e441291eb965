package sidegate

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Vector returns a case for a vector file in which Keycloak's answer is wanted of
// a decision. It is checked by the loader of vectors.
func (r *Realm) Vector(name string, d Decision, want map[string]any) (json.RawMessage, error) {
	if _, err := load(document(r.set, name, d.Request, want)); err != nil {
		return nil, fmt.Errorf("vector %s: %w", name, err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(vectorCase(r.set, name, d.Request, want)); err != nil {
		return nil, fmt.Errorf("vector %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// Wants of a vector.

// WantAllow wants an ALLOW.
func WantAllow() map[string]any { return map[string]any{"decision": "DECISION_ALLOW"} }

// WantClient wants an ALLOW after which the client has the members.
func WantClient(client map[string]any, absent []string) map[string]any {
	want := map[string]any{"decision": "DECISION_ALLOW", "client": client}
	if len(absent) > 0 {
		want["absent"] = absent
	}
	return want
}

// WantReject wants a REJECT with a code, or with any when it is empty.
func WantReject(code string) map[string]any {
	want := map[string]any{"decision": "DECISION_REJECT"}
	if code != "" {
		want["error"] = map[string]any{"code": code}
	}
	return want
}
