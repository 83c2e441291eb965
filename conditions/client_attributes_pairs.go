package conditions

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/types/known/structpb"
)

// attributePairs is the value of the key `attributes`. Keycloak's console writes a
// text that holds JSON, an array of pairs `{"key":…,"value":…}`; a text that holds
// an object, and both without the text around them, are read besides
// (conditions.md 5). pairs is nil when the key is missing.
type attributePairs struct{ pairs []pdp.Key }

const expectedPairs = `expected pairs such as [{"key":"tier","value":"gold"}]`

var (
	errPairsSyntax = errors.New("malformed JSON; " + expectedPairs)
	errPairsKind   = errors.New("neither a list nor an object; " + expectedPairs)
)

// UnmarshalConfig reads any of the four forms. It refuses a pair that is not
// exactly a key and a value, on which Keycloak fails at every event.
func (a *attributePairs) UnmarshalConfig(v *structpb.Value) (err error) {
	switch kind := v.Kind.(type) {
	case *structpb.Value_StringValue:
		a.pairs, err = pairsOfText(kind.StringValue)
	case *structpb.Value_ListValue:
		a.pairs, err = pairsOfList(kind.ListValue.GetValues())
	case *structpb.Value_StructValue:
		a.pairs, err = membersOfStruct(kind.StructValue)
	default:
		err = errPairsKind
	}
	return err
}

// pairOf makes a pair of the members of its object.
func pairOf(members []pdp.Key) (pair pdp.Key, err error) {
	key := slices.IndexFunc(members, func(m pdp.Key) bool { return m.Name == "key" })
	value := slices.IndexFunc(members, func(m pdp.Key) bool { return m.Name == "value" })
	if len(members) != 2 || key < 0 || value < 0 {
		return pair, errors.New("a pair has exactly the members key and value")
	}
	return pdp.Key{Name: members[key].Value, Value: members[value].Value}, nil
}

// pairsOfText reads a text. Numbers count as they are written, and what readers of
// JSON differ on is refused: names that occur twice, and anything behind the value
// (RFC 8259 §4).
func pairsOfText(text string) (pairs []pdp.Key, err error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	switch first, tokenErr := dec.Token(); {
	case tokenErr != nil:
		return nil, errPairsSyntax
	case first == json.Delim('['):
		pairs, err = readPairs(dec)
	case first == json.Delim('{'):
		pairs, err = readMembers(dec)
	default:
		err = errPairsKind
	}
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errPairsSyntax
	}
	return pairs, nil
}

// readPairs reads an array behind its bracket.
func readPairs(dec *json.Decoder) ([]pdp.Key, error) {
	pairs := []pdp.Key{}
	for dec.More() {
		open, err := dec.Token()
		if err != nil {
			return nil, errPairsSyntax
		}
		if open != json.Delim('{') {
			return nil, fmt.Errorf("element %d: no object; %s", len(pairs), expectedPairs)
		}
		members, err := readMembers(dec)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", len(pairs), err)
		}
		pair, err := pairOf(members)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", len(pairs), err)
		}
		pairs = append(pairs, pair)
	}
	return pairs, readEnd(dec)
}

// readMembers reads an object behind its brace: names and scalar values.
func readMembers(dec *json.Decoder) ([]pdp.Key, error) {
	members := []pdp.Key{}
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, errPairsSyntax
		}
		if slices.ContainsFunc(members, func(m pdp.Key) bool { return m.Name == name }) {
			return nil, fmt.Errorf("the name %.64q occurs twice", name)
		}
		if token, err = dec.Token(); err != nil {
			return nil, errPairsSyntax
		}
		value, err := scalarOf(token)
		if err != nil {
			return nil, fmt.Errorf("%.64q: %w", name, err)
		}
		members = append(members, pdp.Key{Name: name, Value: value})
	}
	return members, readEnd(dec)
}

func readEnd(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return errPairsSyntax
	}
	return nil
}

func scalarOf(token json.Token) (string, error) {
	switch t := token.(type) {
	case string:
		return t, nil
	case json.Number:
		return t.String(), nil
	case bool:
		return strconv.FormatBool(t), nil
	}
	return "", errNoText
}

var errNoText = errors.New("expected a text, a number, true or false")

func pairsOfList(values []*structpb.Value) ([]pdp.Key, error) {
	pairs := make([]pdp.Key, 0, len(values))
	for i, v := range values {
		object, ok := v.GetKind().(*structpb.Value_StructValue)
		if !ok {
			return nil, fmt.Errorf("element %d: no object; %s", i, expectedPairs)
		}
		members, err := membersOfStruct(object.StructValue)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		pair, err := pairOf(members)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		pairs = append(pairs, pair)
	}
	return pairs, nil
}

func membersOfStruct(s *structpb.Struct) ([]pdp.Key, error) {
	members := make([]pdp.Key, 0, len(s.GetFields()))
	for _, name := range slices.Sorted(maps.Keys(s.GetFields())) {
		value, err := textOfValue(s.Fields[name])
		if err != nil {
			return nil, fmt.Errorf("%.64q: %w", name, err)
		}
		members = append(members, pdp.Key{Name: name, Value: value})
	}
	return members, nil
}

func textOfValue(v *structpb.Value) (string, error) {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		return kind.StringValue, nil
	case *structpb.Value_NumberValue:
		return strconv.FormatFloat(kind.NumberValue, 'f', -1, 64), nil
	case *structpb.Value_BoolValue:
		return strconv.FormatBool(kind.BoolValue), nil
	}
	return "", errNoText
}

// ConfigSchema describes the four forms. What the text holds is beyond it.
func (*attributePairs) ConfigSchema() map[string]any {
	scalar := map[string]any{"type": []any{"string", "number", "boolean"}}
	return map[string]any{"anyOf": []any{
		map[string]any{"type": "string", "contentMediaType": "application/json"},
		map[string]any{"type": "array", "items": map[string]any{
			"type": "object", "required": []any{"key", "value"}, "additionalProperties": false,
			"properties": map[string]any{"key": scalar, "value": scalar},
		}},
		map[string]any{"type": "object", "additionalProperties": scalar},
	}}
}
