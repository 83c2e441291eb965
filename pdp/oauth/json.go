package oauth

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"
)

const (
	// MaxJSONSize is the greatest size in bytes of a JWS or of a JSON object that
	// this package reads.
	MaxJSONSize = 64 << 10
	// MaxJSONDepth is how deep objects and arrays may nest; the outermost is 1 deep.
	MaxJSONDepth = 64
)

// ErrObject is returned by [ReadObject]. Its text never quotes the input.
var ErrObject = errors.New("not a JSON object")

// ReadObject reads one JSON object from text, with numbers as float64. It refuses
// what readers of JSON are known to differ on: member names that occur twice (RFC
// 8259 §4), bytes that are not UTF-8 (§8.1), and anything behind the object. It
// also refuses more than [MaxJSONSize] or [MaxJSONDepth].
func ReadObject(text string) (map[string]any, error) {
	return readObject([]byte(text))
}

func readObject(data []byte) (map[string]any, error) {
	switch {
	case len(data) > MaxJSONSize:
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrObject, MaxJSONSize)
	case !utf8.Valid(data):
		return nil, fmt.Errorf("%w: not UTF-8", ErrObject)
	case depth(data) > MaxJSONDepth:
		return nil, fmt.Errorf("%w: nested deeper than %d", ErrObject, MaxJSONDepth)
	}
	var object map[string]any
	if json.Unmarshal(data, &object) != nil || object == nil {
		return nil, fmt.Errorf("%w: malformed, no object, or a name that occurs twice", ErrObject)
	}
	return object, nil
}

// depth returns how deep brackets and braces nest in a JSON text. The decoder
// recurses, so it is asked first; on malformed JSON it may answer too much.
func depth(data []byte) (deepest int) {
	now, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && (c == '{' || c == '['):
			now++
			deepest = max(deepest, now)
		case !quoted && (c == '}' || c == ']'):
			now--
		}
	}
	return deepest
}
