package login

import (
	"bytes"
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode"
	"unicode/utf8"

	"github.com/sidegate/sidegate/internal/auth"
)

// User is a principal with a password.
type User struct {
	// Name is the user name, 1 to 255 printable characters; for client credentials it
	// is the client id.
	Name string
	// Password has 1 to 1,024 bytes. [New] wipes it.
	Password []byte
	// Roles by realm, or auth.AllRealms; at least one.
	Roles map[string]auth.Role
}

const (
	maxUsers    = 100
	maxName     = 255
	maxPassword = 1024
	// rounds of PBKDF2 with HMAC-SHA-256 cost a guesser about what a tenth of a second
	// costs here.
	rounds = 600_000
	// maxWaiting bounds the passwords that wait for their hash.
	maxWaiting = 16
)

// user is a User with the hash of its password.
type user struct {
	principal *auth.Principal
	hash      hash
}

type hash struct {
	salt [16]byte
	sum  []byte
}

// passwords knows who has which.
type passwords struct {
	rounds int
	users  map[string]*user
	// nobody is hashed against when there is no such user, to take the same time.
	nobody hash
	// turn is held by whoever computes a hash, waiting by whoever wants to.
	turn, waiting chan struct{}
}

func newPasswords(users []User, rounds int) (*passwords, error) {
	p := &passwords{rounds: rounds, users: map[string]*user{}, turn: make(chan struct{}, 1), waiting: make(chan struct{}, maxWaiting)}
	if len(users) > maxUsers {
		return nil, fmt.Errorf("there are %d, expected at most %d", len(users), maxUsers)
	}
	var errs []error
	for i := range users {
		if err := p.add(&users[i]); err != nil {
			errs = append(errs, fmt.Errorf("principals[%d]: %w", i, err))
		}
	}
	var err error
	if p.nobody, err = p.newHash(rand.Text()); err != nil {
		errs = append(errs, err)
	}
	return p, errors.Join(errs...)
}

func (p *passwords) add(u *User) error {
	defer clear(u.Password)
	if n := utf8.RuneCountInString(u.Name); n < 1 || n > maxName || !utf8.ValidString(u.Name) ||
		bytes.ContainsFunc([]byte(u.Name), func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("username: expected 1 to %d printable characters", maxName)
	}
	if p.users[u.Name] != nil {
		return fmt.Errorf("username %q is that of an earlier one; give each its own", u.Name)
	}
	if n := len(u.Password); n < 1 || n > maxPassword {
		return fmt.Errorf("password of %q has %d bytes, expected 1 to %d", u.Name, n, maxPassword)
	}
	if err := auth.CheckRoles(u.Roles); err != nil {
		return fmt.Errorf("%q: %w", u.Name, err)
	}
	h, err := p.newHash(string(u.Password))
	if err != nil {
		return err
	}
	p.users[u.Name] = &user{&auth.Principal{Name: u.Name, Kind: auth.KindUser, Roles: u.Roles}, h}
	return nil
}

func (p *passwords) newHash(password string) (h hash, err error) {
	rand.Read(h.salt[:])
	h.sum, err = pbkdf2.Key(sha256.New, password, h.salt[:], p.rounds, sha256.Size)
	return h, err
}

// errBusy means that too many passwords are being checked.
var errBusy = errors.New("too many logins at once")

// enter waits for a turn to check a password. Turns come one after the other, so
// that guesses at the same time are counted one by one.
func (p *passwords) enter(ctx context.Context) (leave func(), err error) {
	select {
	case p.waiting <- struct{}{}:
		defer func() { <-p.waiting }()
	default:
		return nil, errBusy
	}
	select {
	case p.turn <- struct{}{}:
		return func() { <-p.turn }, nil
	case <-ctx.Done():
		return nil, errBusy
	}
}

// check returns who has the name and the password, or nil. It takes as long for
// names that nobody has.
func (p *passwords) check(name, password string) (*user, error) {
	u, h := p.users[name], p.nobody
	if u != nil {
		h = u.hash
	}
	sum, err := pbkdf2.Key(sha256.New, password, h.salt[:], p.rounds, sha256.Size)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(sum, h.sum) != 1 {
		return nil, nil
	}
	return u, nil
}

// ReadPassword reads a file that holds a password and at most one end of line. It
// refuses a file that others than its owner can reach.
func ReadPassword(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("password file: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("password file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("password file %s is open to others (mode %v); make it 0600", file, info.Mode().Perm())
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPassword+3))
	if err != nil {
		return nil, fmt.Errorf("password file: %w", err)
	}
	data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	if n := len(data); n < 1 || n > maxPassword {
		return nil, fmt.Errorf("password file %s: expected 1 to %d bytes", file, maxPassword)
	}
	return data, nil
}
