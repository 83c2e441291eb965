package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// secretPrefix makes tokens easy to find by secret scanners.
const secretPrefix = "sgt_"

// secretBytes is the number of random bytes of a token.
const secretBytes = 32

const (
	maxTokens = 10_000
	maxName   = 255
	maxRealms = 1000
)

// Token describes an API token; the secret is not part of it.
type Token struct {
	// ID names the token, to revoke it.
	ID string `json:"id"`
	// Name says who or what holds it; unique, 1 to 255 printable characters.
	Name string `json:"name"`
	// Role in the realms.
	Role Role `json:"role"`
	// Realms in which the role holds, or AllRealms alone.
	Realms []string `json:"realms"`
	// Created is when it was made.
	Created time.Time `json:"created"`
	// Expires is when it ends; zero means never.
	Expires time.Time `json:"expires,omitzero"`
}

// MarshalText writes the name of the role.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the name of a role.
func (r *Role) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRole(string(text))
	return err
}

// principal is who holds the token.
func (t *Token) principal() *Principal {
	p := &Principal{Name: t.Name, Kind: KindToken, Roles: make(map[string]Role, len(t.Realms))}
	for _, realm := range t.Realms {
		p.Roles[realm] = t.Role
	}
	return p
}

func (t *Token) expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// check refuses a token that nobody could use or tell apart.
func (t *Token) check() error {
	if problem := checkText(t.Name); problem != "" {
		return fmt.Errorf("token name %s", problem)
	}
	if t.Role < Evaluator || t.Role > Admin {
		return fmt.Errorf("token %q has no role; known are %s", t.Name, strings.Join(roleNames[1:], ", "))
	}
	if n := len(t.Realms); n < 1 || n > maxRealms {
		return fmt.Errorf("token %q is for %d realms, expected 1 to %d, or * for all", t.Name, n, maxRealms)
	}
	for _, realm := range t.Realms {
		if err := CheckRealm(realm); err != nil {
			return fmt.Errorf("token %q: %w", t.Name, err)
		}
	}
	if slices.Contains(t.Realms, AllRealms) && len(t.Realms) > 1 {
		return fmt.Errorf("token %q is for all realms and for some; give * alone or leave it out", t.Name)
	}
	return nil
}

func checkText(s string) string {
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	case n < 1 || n > maxName:
		return fmt.Sprintf("has %d characters, expected 1 to %d", n, maxName)
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "holds a character that cannot be printed"
	}
	return ""
}

// hash is the SHA-256 of a secret, in hexadecimal in JSON.
type hash [sha256.Size]byte

func hashOf(secret string) hash { return sha256.Sum256([]byte(secret)) }

// MarshalText writes hexadecimal digits.
func (h hash) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h[:])), nil }

// UnmarshalText reads hexadecimal digits, all of them.
func (h *hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return fmt.Errorf("a token hash has %d digits, expected %d", len(text), hex.EncodedLen(len(h)))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// newSecret makes a token that nobody can guess.
func newSecret() string {
	var b [secretBytes]byte
	rand.Read(b[:]) // never fails: crypto/rand.Read ends the process instead
	return secretPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

func newID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
