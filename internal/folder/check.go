package folder

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/document"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage"
)

// Check finds what is wrong with a realm, as pdp.Compiler.Compile does: nothing
// that it returns is taken, unknown configuration keys neither.
type Check func(set *pb.PolicySet, settings *pb.RealmSettings) []*pdp.ConfigError

// check finds what is wrong with the realms that could be read.
func (s *state) check(compile Check, limits pdp.Limits) {
	for _, r := range s.realms {
		if r.broken {
			continue
		}
		c := &checker{state: s, Realm: r, limits: limits}
		c.stored()
		for _, problem := range compile(r.Set, r.Settings) {
			c.compiled(problem)
		}
	}
}

// checker finds what is wrong with one realm besides what the compiler finds.
type checker struct {
	*state
	*Realm
	limits pdp.Limits
}

// stored finds what could not be stored as it is written.
func (c *checker) stored() {
	if n := len(c.profiles) + len(c.policies); n > storage.MaxItems {
		c.at("", 0, 0, "%d profiles and policies in one realm, expected at most %d", n, storage.MaxItems)
	}
	for _, item := range c.profiles {
		c.node(item, item.node, "")
	}
	for _, item := range c.policies {
		c.node(item, item.node, "")
	}
	if c.settings.node != nil {
		c.node(c.settings, c.settings.node, "")
		c.retention()
	}
}

// exact is the greatest number up to which a double holds every integer.
const exact = 1 << 53

// beyond reports whether a number is an integer that a double may not hold. As a
// double, the first of them looks like exact itself.
func beyond(number string) bool {
	if n, ok := new(big.Int).SetString(number, 10); ok {
		return n.CmpAbs(big.NewInt(exact)) > 0
	}
	f, err := strconv.ParseFloat(number, 64)
	return err == nil && f == math.Trunc(f) && math.Abs(f) > exact
}

func (c *checker) node(in placed, n *document.Node, name string) {
	fail := func(format string, args ...any) { c.at(in.rel, n.Line, n.Column, format, args...) }
	switch n.Kind {
	case document.Text:
		if len(n.Text) > c.limits.StringBytes {
			fail("the text has %d bytes, at most %d are allowed", len(n.Text), c.limits.StringBytes)
		}
	case document.Number:
		if beyond(n.Text) {
			fail("the integer is beyond 2^53 and would not be kept exactly; write it as a text")
		}
	}
	if len(name) > c.limits.StringBytes {
		fail("the name of the member has %d bytes, at most %d are allowed", len(name), c.limits.StringBytes)
	}
	for _, item := range n.Items {
		c.node(in, item, "")
	}
	for _, m := range n.Members {
		c.node(in, m.Value, m.Name)
	}
}

// retention refuses what a store does not take.
func (c *checker) retention() {
	keep := c.Settings.GetHistoryRetention()
	if keep.GetMaxRevisions() < 0 {
		c.compiled(&pdp.ConfigError{Path: "/settings/historyRetention/maxRevisions", Problem: "expected 0 or more"})
	}
	if age := keep.GetMaxAge(); age != nil && (age.CheckValid() != nil || age.AsDuration() <= 0) {
		c.compiled(&pdp.ConfigError{Path: "/settings/historyRetention/maxAge", Problem: "expected a duration of more than 0; leave it out to keep revisions of any age"})
	}
	for i, client := range c.Settings.GetProtectedClients() {
		if client == "" {
			c.compiled(&pdp.ConfigError{Path: "/settings/protectedClients/" + strconv.Itoa(i), Problem: "a client id may not be empty"})
		}
	}
}

// compiled tells a problem by where it stands in a file.
func (c *checker) compiled(e *pdp.ConfigError) {
	problem := e.Problem
	if e.Provider != "" {
		problem = e.Provider + ": " + problem
	}
	in, rest := c.locate(strings.Split(strings.TrimPrefix(e.Path, "/"), "/"))
	if in.node == nil {
		c.at("", 0, 0, "%s: %s", e.Path, problem)
		return
	}
	line, column := follow(in.node, rest)
	c.at(in.rel, line, column, "%s", problem)
}

// locate finds the part of a file that a pointer begins with.
func (c *checker) locate(pointer []string) (in placed, rest []string) {
	if pointer[0] == "settings" {
		return c.settings, pointer[1:]
	}
	list := c.profiles
	if pointer[0] == "policies" {
		list = c.policies
	}
	if len(pointer) < 2 {
		return placed{}, nil
	}
	i, err := strconv.Atoi(pointer[1])
	if err != nil || i < 0 || i >= len(list) {
		return placed{}, nil
	}
	return list[i], pointer[2:]
}

// follow returns the place of what a pointer leads to, or of the last there is.
func follow(n *document.Node, pointer []string) (line, column int) {
	line, column = n.Line, n.Column
	for _, token := range pointer {
		next := (*document.Node)(nil)
		if i, err := strconv.Atoi(token); err == nil && n.Kind == document.List && i >= 0 && i < len(n.Items) {
			next = n.Items[i]
			line, column = next.Line, next.Column
		}
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		for _, m := range n.Members {
			if m.Name == name {
				next, line, column = m.Value, m.Line, m.Column
			}
		}
		if next == nil {
			return line, column
		}
		n = next
	}
	return line, column
}
