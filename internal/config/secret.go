package config

import (
	"crypto/subtle"
	"fmt"
)

// redacted stands for a secret wherever one could be printed.
const redacted = "[redacted]"

// Secret is a text that cannot be printed by mistake: every way to format or
// encode it gives "[redacted]". The zero value holds nothing.
type Secret struct {
	// text is a function so that what prints by reflection finds no text.
	text func() string
}

// NewSecret makes a secret of a text.
func NewSecret(text string) Secret { return Secret{func() string { return text }} }

// Reveal returns the text itself. What it returns must not be kept, logged or
// made part of an error.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return s.text()
}

// Set reports whether there is a text.
func (s Secret) Set() bool { return s.Reveal() != "" }

// Equal compares two secrets in constant time.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// Format implements fmt.Formatter for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String implements fmt.Stringer.
func (s Secret) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return redacted }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
