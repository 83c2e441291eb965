// Package contexts keeps the named contexts of the command line: which server a
// name stands for, and where its credentials lie.
//
// They are one YAML file, readable by its owner alone, which names files and never
// holds a secret itself:
//
//	current: prod
//	contexts:
//	  prod:
//	    server: https://sidegate.example
//	    token-file: prod.token
//	    realm: shop
//
// A relative path starts at the directory of the file. The package refuses a file
// that others can read or write, unknown keys, and values of the wrong kind, all
// with their place.
package contexts

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"github.com/sidegate/sidegate/internal/document"
	"github.com/sidegate/sidegate/pdp"
)

const (
	maxBytes    = 1 << 20
	maxContexts = 1000
	maxName     = 255
	// secret begins every API token.
	secret = "sgt_"
)

// ErrNotFound is the error of a name that no context has.
var ErrNotFound = errors.New("no such context")

// Context is how to reach a server, and as whom. Empty members are not set.
type Context struct {
	// Name is what it is called.
	Name string
	// Server is the URL of the administration API.
	Server string
	// TokenFile is a file with a bearer token.
	TokenFile string
	// CAFile is a PEM file with the authorities that are trusted, in place of the system's.
	CAFile string
	// ClientCert is a PEM file with a client certificate.
	ClientCert string
	// ClientKey is a PEM file with the private key that belongs to it.
	ClientKey string
	// Realm is the realm of commands that name none.
	Realm string
	// GRPC is the decision listener: host:port or unix:///path.
	GRPC string
}

// member is a key of a context.
type member struct {
	key  string
	path bool
	of   func(*Context) *string
}

var members = []member{
	{"server", false, func(c *Context) *string { return &c.Server }},
	{"token-file", true, func(c *Context) *string { return &c.TokenFile }},
	{"ca-file", true, func(c *Context) *string { return &c.CAFile }},
	{"client-cert", true, func(c *Context) *string { return &c.ClientCert }},
	{"client-key", true, func(c *Context) *string { return &c.ClientKey }},
	{"realm", false, func(c *Context) *string { return &c.Realm }},
	{"grpc", false, func(c *Context) *string { return &c.GRPC }},
}

// Each calls f with every key and value that is set.
func (c *Context) Each(f func(key, value string)) {
	for _, m := range members {
		if v := *m.of(c); v != "" {
			f(m.key, v)
		}
	}
}

// Or fills what is not set from another context. A client certificate and its key
// are one thing.
func (c Context) Or(other Context) Context {
	if c.ClientCert != "" || c.ClientKey != "" {
		other.ClientCert, other.ClientKey = "", ""
	}
	for _, m := range members {
		*m.of(&c) = cmp.Or(*m.of(&c), *m.of(&other))
	}
	c.Name = cmp.Or(c.Name, other.Name)
	return c
}

// Check refuses a context that could not be used.
func (c *Context) Check() error {
	switch {
	case c.Name == "" || len(c.Name) > maxName || strings.IndexFunc(c.Name, unnamed) >= 0:
		return fmt.Errorf("context %q: expected a name of 1 to %d letters, digits, or . _ - @", c.Name, maxName)
	case c.Server == "" && c.GRPC == "":
		return fmt.Errorf("context %q: expected a server", c.Name)
	case (c.ClientCert == "") != (c.ClientKey == ""):
		return fmt.Errorf("context %q: client-cert and client-key belong together; one is missing", c.Name)
	case strings.HasPrefix(filepath.Base(c.TokenFile), secret):
		return fmt.Errorf("context %q: token-file: expected the path of a file, got what looks like a token; put it into a file of its own", c.Name)
	}
	return nil
}

// unnamed tells a character that no name has, so that a name needs no quoting.
func unnamed(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-@", r)
}

// File is the contexts of a user.
type File struct {
	// Path is where they are kept.
	Path string
	// Current is the name of the context in use; empty means none.
	Current string
	// List is the contexts, by name.
	List []Context
}

// Get returns a context by name, or ErrNotFound.
func (f *File) Get(name string) (Context, error) {
	names := make([]string, len(f.List))
	for i, c := range f.List {
		if c.Name == name {
			return c, nil
		}
		names[i] = c.Name
	}
	return Context{}, fmt.Errorf("%w: %q in %s%s", ErrNotFound, name, f.Path, pdp.Suggest(name, names))
}

// Set adds a context or replaces the one of its name.
func (f *File) Set(c Context) error {
	if err := c.Check(); err != nil {
		return err
	}
	i, found := slices.BinarySearchFunc(f.List, c.Name, func(c Context, name string) int { return strings.Compare(c.Name, name) })
	switch {
	case found:
		f.List[i] = c
	case len(f.List) == maxContexts:
		return fmt.Errorf("%s: expected at most %d contexts", f.Path, maxContexts)
	default:
		f.List = slices.Insert(f.List, i, c)
	}
	return nil
}

// Delete removes a context, or answers ErrNotFound.
func (f *File) Delete(name string) error {
	if _, err := f.Get(name); err != nil {
		return err
	}
	f.List = slices.DeleteFunc(f.List, func(c Context) bool { return c.Name == name })
	if f.Current == name {
		f.Current = ""
	}
	return nil
}

// Read reads the file; one that is not there has no contexts.
func Read(path string) (*File, error) {
	f := &File{Path: path}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return nil, err
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s: others can read or write it (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	case info.Size() > maxBytes:
		return nil, &document.Error{Path: path, Problem: fmt.Sprintf("expected at most %d bytes", maxBytes)}
	case info.Size() == 0:
		return f, nil
	}
	n, err := document.Read(path, nil)
	if err != nil {
		return nil, err
	}
	r := &reader{file: f}
	r.read(n)
	if err := errors.Join(r.problems...); err != nil {
		return nil, err
	}
	return f, nil
}
