package conditions

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

// acrLevels tells the level of authentication context classes: by the client's own
// map or, when that says nothing, by the realm's.
type acrLevels struct {
	r   *pdp.Request
	own map[string]int64
}

func (l acrLevels) of(acr string) (level int64, ok bool) {
	if len(l.own) > 0 {
		level, ok = l.own[acr]
		return level, ok
	}
	n, ok := l.r.ACRLevel(acr)
	return int64(n), ok
}

// readACRLevels reads a client's map of classes and levels. As in Keycloak a null
// gives no level, and a level that is no number makes the map count for nothing.
func readACRLevels(text string) map[string]int64 {
	object, err := oauth.ReadObject(text)
	if err != nil {
		return nil
	}
	levels := make(map[string]int64, len(object))
	for acr, value := range object {
		if value == nil {
			continue
		}
		level, ok := acrLevel(value)
		if !ok {
			return nil
		}
		levels[acr] = level
	}
	return levels
}

// acrLevel reads a number, whose fraction is cut, or a text that is a whole number.
func acrLevel(value any) (int64, bool) {
	switch v := value.(type) {
	case float64:
		return int64(v), math.Abs(v) <= math.MaxInt32
	case string:
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 32)
		return n, err == nil
	}
	return 0, false
}

// acrOfClaims returns the classes that a parameter `claims` asks for in the ID
// token, essential or not (OIDC Core §5.5). Strange tells that some of them are no
// texts: they are asked for and equal nothing. What cannot be read asks for nothing.
//
// The reader is lenient on purpose: what Keycloak reads a class from, such as an
// object with a name twice or with something behind it, must not pass unseen.
func acrOfClaims(claims string) (classes []string, strange bool) {
	// Most requests with claims ask for no class; a backslash may spell one.
	if !strings.Contains(claims, "acr") && !strings.Contains(claims, `\`) {
		return nil, false
	}
	var document json.RawMessage
	if json.NewDecoder(strings.NewReader(claims)).Decode(&document) != nil {
		return nil, false
	}
	acr := memberOf(memberOf(document, "id_token"), "acr")
	var values []any
	if raw := memberOf(acr, "values"); raw != nil && json.Unmarshal(raw, &values) != nil {
		return nil, false
	}
	if values == nil {
		var value any
		if raw := memberOf(acr, "value"); raw == nil || json.Unmarshal(raw, &value) != nil || value == nil {
			return nil, false
		}
		values = []any{value}
	}
	for _, v := range values {
		if s, ok := v.(string); ok {
			classes = append(classes, s)
		} else {
			strange = true
		}
	}
	return classes, strange
}

// memberOf returns a member of an object, or nil when there is none or no object.
func memberOf(object json.RawMessage, name string) json.RawMessage {
	var members map[string]json.RawMessage
	if object == nil || json.Unmarshal(object, &members) != nil {
		return nil
	}
	return members[name]
}
