package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Errors of authentication, to be told apart by errors.Is.
var (
	// ErrUnknownToken means that no such token is stored.
	ErrUnknownToken = errors.New("unknown token")
	// ErrTokenExpired means that the token has ended.
	ErrTokenExpired = errors.New("token expired")
	// ErrTokenExists means that another token has the name.
	ErrTokenExists = errors.New("token name is taken")
	// ErrTokenNotFound means that there is no token to revoke.
	ErrTokenNotFound = errors.New("token not found")
)

// fileName is the name of the file of tokens in the data directory.
const fileName = "tokens.json"

// Tokens are the API tokens of a data directory. All methods may be called
// concurrently, also by several processes.
type Tokens struct {
	path string
	now  func() time.Time

	mu   sync.Mutex
	info fs.FileInfo // of the file that was read; nil when there was none
	file *tokenFile

	reporter *Reporter
	// told are the tokens that the reporter knows of, by id.
	told map[string]Token
}

// OpenTokens reads the tokens of a data directory, which may have none yet. It
// refuses a file that others than its owner can reach.
func OpenTokens(dir string, now func() time.Time) (*Tokens, error) {
	t := &Tokens{path: filepath.Join(dir, fileName), now: now, file: &tokenFile{}}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.refresh(); err != nil {
		return nil, err
	}
	return t, nil
}

// Authenticate returns who holds a token. It answers ErrUnknownToken or
// ErrTokenExpired, or another error when the file cannot be read.
func (t *Tokens) Authenticate(_ context.Context, secret string) (*Principal, error) {
	sum := hashOf(secret)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.refresh(); err != nil {
		return nil, err
	}
	// Every stored hash is compared, whichever matches.
	found := -1
	for i := range t.file.Tokens {
		same := subtle.ConstantTimeCompare(sum[:], t.file.Tokens[i].Hash[:])
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	switch {
	case found < 0:
		return nil, ErrUnknownToken
	case t.file.Tokens[found].expired(t.now()):
		return nil, ErrTokenExpired
	}
	return t.file.Tokens[found].principal(), nil
}

// List returns all tokens, expired ones too, in the order of their making.
func (t *Tokens) List() ([]Token, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.refresh(); err != nil {
		return nil, err
	}
	list := make([]Token, len(t.file.Tokens))
	for i, s := range t.file.Tokens {
		list[i] = s.Token
		list[i].Realms = slices.Clone(s.Realms)
	}
	return list, nil
}

// Create makes a token with the name, role, realms and expiry of spec and returns
// its secret, which is kept nowhere. It answers ErrTokenExists.
func (t *Tokens) Create(spec Token) (secret string, made Token, err error) {
	spec.ID, spec.Created = newID(), t.now().UTC().Truncate(time.Second)
	spec.Realms = slices.Clone(spec.Realms)
	if err := spec.check(); err != nil {
		return "", Token{}, err
	}
	if spec.expired(t.now()) {
		return "", Token{}, fmt.Errorf("token %q would have expired at %s already; give a time to come", spec.Name, spec.Expires.Format(time.RFC3339))
	}
	secret = newSecret()
	err = t.change(func(f *tokenFile) error { return f.add(storedToken{Token: spec, Hash: hashOf(secret)}) })
	if err != nil {
		return "", Token{}, err
	}
	return secret, spec, nil
}

// Revoke ends the token with an id at once. It answers ErrTokenNotFound.
func (t *Tokens) Revoke(id string) error {
	return t.change(func(f *tokenFile) error {
		i := slices.IndexFunc(f.Tokens, func(s storedToken) bool { return s.ID == id })
		if i < 0 {
			return fmt.Errorf("%w: %q; list the tokens to see their ids", ErrTokenNotFound, id)
		}
		f.Tokens = slices.Delete(f.Tokens, i, i+1)
		return nil
	})
}

// refresh reads the file when it is another one than was read last. What was
// known is forgotten when it cannot be read. The caller holds t.mu.
func (t *Tokens) refresh() error {
	info, err := os.Stat(t.path) //nolint:gosec // the path comes from the operator
	if errors.Is(err, fs.ErrNotExist) {
		t.info, t.file = nil, &tokenFile{}
		t.tell()
		return nil
	}
	if err == nil && t.info != nil && sameFile(info, t.info) {
		return nil
	}
	t.info, t.file = nil, &tokenFile{}
	if err != nil {
		return fmt.Errorf("token file: %w", err)
	}
	file, info, err := readTokenFile(t.path)
	if err != nil {
		return err
	}
	t.info, t.file = info, file
	t.tell()
	return nil
}

func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && a.Mode() == b.Mode()
}

// change reads the file anew, changes it and writes it, with other processes
// locked out.
func (t *Tokens) change(apply func(*tokenFile) error) error {
	unlock, err := lockFile(filepath.Join(filepath.Dir(t.path), "tokens.lock"))
	if err != nil {
		return fmt.Errorf("token file: %w", err)
	}
	defer unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.refresh(); err != nil {
		return err
	}
	next := &tokenFile{Bootstrapped: t.file.Bootstrapped, Tokens: slices.Clone(t.file.Tokens)}
	if err := apply(next); err != nil {
		return err
	}
	if err := next.write(t.path); err != nil {
		return fmt.Errorf("token file: %w", err)
	}
	return t.refresh()
}
