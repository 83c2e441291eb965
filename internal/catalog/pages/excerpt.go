package pages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// foldWidth is the greatest length of a line of JSON that could be broken.
	foldWidth = 100
	// textWidth is the greatest length of a text in an excerpt.
	textWidth = 76
)

// member is a member of a JSON object, or an element of a list, which has no name.
type member struct {
	name  string
	value json.RawMessage
}

// members returns the members of an object or a list, in order.
func members(raw json.RawMessage) (list []member, err error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	open, err := dec.Token()
	if err != nil {
		return nil, fmt.Errorf("excerpt: %w", err)
	}
	for dec.More() {
		var m member
		if open == json.Delim('{') {
			name, err := dec.Token()
			if err != nil {
				return nil, fmt.Errorf("excerpt: %w", err)
			}
			m.name = fmt.Sprintf("%q: ", name)
		}
		if err := dec.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("excerpt: %w", err)
		}
		list = append(list, m)
	}
	return list, nil
}

// excerpt shows an object without the named members, in as few lines as are
// readable; long texts are cut.
func excerpt(raw json.RawMessage, without ...string) (string, error) {
	list, err := members(raw)
	if err != nil {
		return "", err
	}
	var kept []string
	for _, m := range list {
		dropped := false
		for _, name := range without {
			dropped = dropped || m.name == fmt.Sprintf("%q: ", name)
		}
		if !dropped {
			kept = append(kept, m.name+string(m.value))
		}
	}
	return fold([]byte("{"+strings.Join(kept, ",")+"}"), "", 0)
}

// fold writes a value on one line when it fits behind what stands before it, else
// one line for each member.
func fold(raw json.RawMessage, indent string, before int) (string, error) {
	flat, err := flatten(raw)
	if err != nil || raw[0] != '{' && raw[0] != '[' || before+utf8.RuneCountInString(flat) <= foldWidth {
		return flat, err
	}
	list, err := members(raw)
	if err != nil {
		return "", err
	}
	inner, lines := indent+"  ", make([]string, len(list))
	for i, m := range list {
		value, err := fold(m.value, inner, len(inner)+len(m.name)+1)
		if err != nil {
			return "", err
		}
		lines[i] = inner + m.name + value
	}
	return string(raw[0]) + "\n" + strings.Join(lines, ",\n") + "\n" + indent + string(raw[len(raw)-1]), nil
}

// flatten writes a value on one line.
func flatten(raw json.RawMessage) (string, error) {
	if raw[0] != '{' && raw[0] != '[' {
		return shortened(raw)
	}
	list, err := members(raw)
	if err != nil {
		return "", err
	}
	parts := make([]string, len(list))
	for i, m := range list {
		value, err := flatten(m.value)
		if err != nil {
			return "", err
		}
		parts[i] = m.name + value
	}
	return string(raw[0]) + strings.Join(parts, ", ") + string(raw[len(raw)-1]), nil
}

// shortened cuts a long text. It is written as it is read: with characters, not
// with their escapes.
func shortened(raw json.RawMessage) (string, error) {
	if raw[0] != '"' {
		return string(raw), nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", fmt.Errorf("excerpt: %w", err)
	}
	if runes := []rune(text); len(runes) > textWidth {
		text = string(runes[:textWidth-1]) + "…"
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(text)
	return strings.TrimSuffix(b.String(), "\n"), err
}
