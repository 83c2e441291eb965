package service_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/bolt"
	"github.com/sidegate/sidegate/storage/memory"
)

// interrupted is a store in which somebody else is faster, once, when it is told
// to: between the moment at which a write looked and its commit.
type interrupted struct {
	storage.Store
	before func() error
}

// Commit implements storage.Store.
func (s *interrupted) Commit(ctx context.Context, c storage.Change) (storage.Meta, error) {
	if before := s.before; before != nil {
		s.before = nil
		if err := before(); err != nil {
			return storage.Meta{}, err
		}
	}
	return s.Store.Commit(ctx, c)
}

// checks makes rapid draw as many cases as a test promises.
func checks(t *testing.T, n int) {
	t.Helper()
	old := flag.Lookup("rapid.checks").Value.String()
	if set, err := strconv.Atoi(old); err == nil && set >= n {
		return
	}
	if err := flag.Set("rapid.checks", strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { flag.Set("rapid.checks", old) })
}

// Writers of items and of sets, each with a view of its own that may be stale, and
// another process that comes in between: what is acknowledged is what the model
// says, and what is refused stores nothing.
func TestWriters(t *testing.T) {
	for name, open := range map[string]func() (storage.Store, error){
		"memory": func() (storage.Store, error) { return memory.New(), nil },
		"bolt":   func() (storage.Store, error) { return bolt.Open(t.TempDir(), bolt.Options{NoSync: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			inner, err := open()
			if err != nil {
				t.Fatal(err)
			}
			store := &interrupted{Store: inner}
			t.Cleanup(func() { store.Close() })
			w := startOn(t, store, pdp.DefaultLimits())
			runs, tally := 0, map[string]int{}
			checks(t, 200)
			rapid.Check(t, func(rt *rapid.T) {
				runs++
				realm := fmt.Sprint("realm-", runs)
				w.createRealm(realm, nil)
				m := &model{revision: 1}
				if rapid.IntRange(0, 4).Draw(rt, "empty") < 4 {
					m.take(beginning())
					w.replaceSet(realm, m.asSet())
				}
				var clients [3]*writer
				for i := range clients {
					clients[i] = &writer{world: w, rt: rt, realm: realm, store: store, name: fmt.Sprint("client ", i), tally: tally}
					clients[i].look(m)
				}
				for range rapid.IntRange(10, 40).Draw(rt, "steps") {
					c := clients[rapid.IntRange(0, len(clients)-1).Draw(rt, "client")]
					if rapid.IntRange(0, 3).Draw(rt, "look or write") == 0 {
						c.look(m)
					} else {
						c.write(m)
					}
				}
			})
			if testing.Short() {
				return // too few cases
			}
			// The cases are worth something only if all of this happened.
			for _, what := range []string{
				"create", "replace", "patch", "move", "delete", "set", "set ETAG_MISMATCH", "set CONFLICT", "set IF_MATCH_REQUIRED",
				"set INVALID_DOCUMENT", "create CONFLICT", "create ETAG_MISMATCH", "create ALREADY_EXISTS", "move CONFLICT", "move ETAG_MISMATCH",
				"move NOT_FOUND", "delete PROFILE_IN_USE", "rebased replace", "rebased patch", "rebased move", "rebased delete", "rebased set",
			} {
				if tally[what] == 0 {
					t.Errorf("no case of %s in %d runs: %v", what, runs, tally)
				}
			}
		})
	}
}

// writer is one client.
type writer struct {
	*world
	rt    *rapid.T
	realm string
	store *interrupted
	name  string
	view  *seen
	tally map[string]int
}

// look refreshes the view, which must be what the model holds.
func (c *writer) look(m *model) {
	c.view = seenOf(c.set(c.realm))
	if c.view.revision != m.revision || !c.view.equal(m.state) {
		c.rt.Fatalf("%s sees %v at %d, want %v at %d", c.name, c.view.state, c.view.revision, m.state, m.revision)
	}
}

// write draws a write, carries it out, and compares.
func (c *writer) write(m *model) {
	o := c.draw()
	foreign, rotate, at := rapid.IntRange(0, 3).Draw(c.rt, "another process") == 0, rapid.Bool().Draw(c.rt, "rotate"), rapid.IntRange(0, 3).Draw(c.rt, "at")
	next, reason := m.outcome(o, c.view)
	if reason == "" && !o.check && foreign {
		// The first attempt will reach the store, and find it changed.
		c.store.before = func() error { return c.another(m, rotate, at) }
	}
	based := m.revision
	err := c.send(o)
	if c.store.before != nil {
		c.store.before = nil
		c.rt.Fatalf("%s: %+v did not reach the store: %v", c.name, o, err)
	}
	how := ""
	if m.revision != based { // the other process was faster
		next, reason = m.outcome(o, c.view)
		how = "rebased "
	}
	c.tally[strings.TrimSuffix(how+o.verb+" "+reason, " ")]++
	before := *m
	if got := reasonOf(err); got != reason {
		c.rt.Fatalf("%s: %+v from %v at %d: got %q (%v), want %q", c.name, o, c.view.state, c.view.revision, got, err, reason)
	}
	if reason == "" && !o.check {
		m.take(next)
	}
	c.compare(o, &before, m)
}

// reasonOf is the reason of a refusal; the two kinds of items are alike.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	switch reason := problemOf(err).Reason; reason {
	case "POLICY_NOT_FOUND", "PROFILE_NOT_FOUND":
		return "NOT_FOUND"
	default:
		return reason
	}
}

// compare looks at the store itself: it holds what the model does, and a write
// that was acknowledged has changed nothing but what it was about.
func (c *writer) compare(o operation, before, m *model) {
	stored, err := c.world.store.Load(c.t.Context(), c.realm, 0)
	if err != nil {
		c.rt.Fatal(err)
	}
	got, err := stateOf(stored)
	if err != nil {
		c.rt.Fatal(err)
	}
	if stored.Meta.Revision != m.revision || !got.equal(m.state) {
		c.rt.Fatalf("%s: %+v: stored %v at %d, want %v at %d", c.name, o, got, stored.Meta.Revision, m.state, m.revision)
	}
	if m.revision == before.revision {
		return
	}
	if o.verb == "set" {
		if (o.base == baseTag || o.base == baseRevision) && !before.equal(c.view.state) {
			c.rt.Fatalf("%s: a set made from %v replaced %v", c.name, c.view.state, before.state)
		}
		return
	}
	for _, profiles := range []bool{true, false} {
		others := func(s state) []thing {
			return slices.DeleteFunc(slices.Clone(*s.list(profiles)), func(x thing) bool {
				return profiles == o.profiles && (x.name == o.name || x.name == o.to.name)
			})
		}
		if was, is := others(before.state), others(got); !slices.Equal(was, is) {
			c.rt.Fatalf("%s: %+v changed others: %v, now %v", c.name, o, was, is)
		}
	}
}

// another commits a change past the service. It runs within a call, where nothing
// may be drawn.
func (c *writer) another(m *model, rotate bool, at int) error {
	next := m.clone()
	switch n := len(next.policies); {
	case n == 0:
		next.policies = append(next.policies, thing{name: "p0", text: "foreign"})
	case rotate && n > 1:
		next.policies = append(next.policies[1:], next.policies[0])
	default:
		next.policies[at%n].text += "+"
	}
	state, err := c.store.Load(c.t.Context(), c.realm, 0)
	if err != nil {
		return err
	}
	change := storage.Change{
		Realm: c.realm, Parent: state.Meta.Revision, Author: "another", Surface: "rest", Time: time.Unix(1_900_000_000, 0),
		Content: storage.Content{Settings: state.Settings, Profiles: state.Profiles},
	}
	for _, x := range next.policies {
		item, err := storage.NewPolicy(x.asPolicy())
		if err != nil {
			return err
		}
		change.Policies = append(change.Policies, item)
	}
	if _, err := c.store.Store.Commit(c.t.Context(), change); err != nil {
		return err
	}
	m.take(next)
	return nil
}

// draw makes up a write.
func (c *writer) draw() operation {
	rt := c.rt
	o := operation{
		verb:     rapid.SampledFrom([]string{"set", "move", "patch", "replace", "create", "delete", "move", "set"}).Draw(rt, "verb"),
		profiles: rapid.IntRange(0, 2).Draw(rt, "kind") == 0,
		check:    rapid.IntRange(0, 7).Draw(rt, "validateOnly") == 0,
		base:     rapid.SampledFrom([]base{baseNone, baseTag, baseAny, baseRevision}).Draw(rt, "base"),
	}
	if o.verb == "set" {
		o.base = rapid.SampledFrom([]base{baseNone, baseTag, baseRevision, baseForce, baseAny}).Draw(rt, "base of the set")
		o.set = c.drawSet()
		return o
	}
	if o.verb == "move" {
		o.profiles = false
	}
	o.name = drawName(rt, o.profiles)
	o.to = drawThing(rt, o.profiles)
	switch o.verb {
	case "create":
		o.to.name = o.name
	case "replace":
		if rapid.IntRange(0, 3).Draw(rt, "rename") > 0 {
			o.to.name = o.name
		}
	case "move":
		o.to.name = o.name
		if rapid.Bool().Draw(rt, "beside") {
			o.beside, o.after = drawName(rt, false), rapid.Bool().Draw(rt, "after")
		} else {
			o.index = rapid.IntRange(0, 4).Draw(rt, "index")
		}
	default:
		o.to.name = o.name
	}
	return o
}

// drawSet changes the set that the client saw.
func (c *writer) drawSet() state {
	set := c.view.state.clone()
	for range rapid.IntRange(0, 3).Draw(c.rt, "changes") {
		profiles := rapid.Bool().Draw(c.rt, "of profiles")
		list := set.list(profiles)
		x := drawThing(c.rt, profiles)
		switch i := find(*list, x.name); {
		case i < 0:
			*list = append(*list, x)
		case rapid.Bool().Draw(c.rt, "drop"):
			*list = slices.Delete(*list, i, i+1)
		default:
			(*list)[i] = x
		}
	}
	return set
}

func drawName(rt *rapid.T, profile bool) string {
	if profile {
		return rapid.SampledFrom([]string{"q0", "q1"}).Draw(rt, "profile")
	}
	return rapid.SampledFrom([]string{"p0", "p1", "p2", "p3"}).Draw(rt, "policy")
}

func drawThing(rt *rapid.T, profile bool) thing {
	x := thing{name: drawName(rt, profile), text: rapid.SampledFrom([]string{"x", "y", "z"}).Draw(rt, "text")}
	if !profile {
		x.profile = rapid.SampledFrom([]string{"", "", "q0", "q1"}).Draw(rt, "named")
	}
	return x
}

// send makes the call of an operation.
func (c *writer) send(o operation) error {
	ctx := c.root(c.metadata(o)...)
	switch {
	case o.verb == "set":
		_, err := c.admin.ReplacePolicySet(ctx, &pb.ReplacePolicySetRequest{
			Realm: c.realm, Document: o.set.asSet(), Force: o.base == baseForce, ValidateOnly: o.check,
		})
		return err
	case o.profiles:
		return c.sendProfile(ctx, o)
	}
	return c.sendPolicy(ctx, o)
}

func (o operation) place() *pb.PolicyPlace {
	switch {
	case o.beside == "":
		return index(int32(o.index))
	case o.after:
		return after(o.beside)
	}
	return before(o.beside)
}

// metadata says what a write was based on.
func (c *writer) metadata(o operation) []string {
	switch {
	case o.base == baseAny:
		return []string{"if-match", "*"}
	case o.base == baseRevision:
		return []string{"x-sidegate-revision", fmt.Sprint(c.view.revision)}
	case o.base != baseTag:
		return nil
	case o.verb == "set" || o.verb == "create":
		return []string{"if-match", fmt.Sprintf(`"%d"`, c.view.revision)}
	}
	list := *c.view.list(o.profiles)
	if i := find(list, o.name); i >= 0 {
		return []string{"if-match", c.view.tags[list[i]]}
	}
	return []string{"if-match", `"of-nothing"`}
}

func (c *writer) sendPolicy(ctx context.Context, o operation) (err error) {
	switch o.verb {
	case "create":
		_, err = c.admin.CreatePolicy(ctx, &pb.CreatePolicyRequest{Realm: c.realm, Document: o.to.asPolicy(), ValidateOnly: o.check})
	case "replace":
		_, err = c.admin.ReplacePolicy(ctx, &pb.ReplacePolicyRequest{Realm: c.realm, Policy: o.name, Document: o.to.asPolicy(), ValidateOnly: o.check})
	case "patch":
		_, err = c.admin.UpdatePolicy(ctx, &pb.UpdatePolicyRequest{
			Realm: c.realm, Policy: o.name, Document: &pb.Policy{Description: proto.String(o.to.text)}, ValidateOnly: o.check,
		})
	case "move":
		_, err = c.admin.MovePolicy(ctx, &pb.MovePolicyRequest{Realm: c.realm, Policy: o.name, Place: o.place(), ValidateOnly: o.check})
	case "delete":
		_, err = c.admin.DeletePolicy(ctx, &pb.DeletePolicyRequest{Realm: c.realm, Policy: o.name, ValidateOnly: o.check})
	}
	return err
}

func (c *writer) sendProfile(ctx context.Context, o operation) (err error) {
	switch o.verb {
	case "create":
		_, err = c.admin.CreateProfile(ctx, &pb.CreateProfileRequest{Realm: c.realm, Document: o.to.asProfile(), ValidateOnly: o.check})
	case "replace":
		_, err = c.admin.ReplaceProfile(ctx, &pb.ReplaceProfileRequest{Realm: c.realm, Profile: o.name, Document: o.to.asProfile(), ValidateOnly: o.check})
	case "patch":
		_, err = c.admin.UpdateProfile(ctx, &pb.UpdateProfileRequest{
			Realm: c.realm, Profile: o.name, Document: &pb.Profile{Description: proto.String(o.to.text)}, ValidateOnly: o.check,
		})
	case "delete":
		_, err = c.admin.DeleteProfile(ctx, &pb.DeleteProfileRequest{Realm: c.realm, Profile: o.name, ValidateOnly: o.check})
	}
	return err
}

// Writers of sets that begin anew when they are refused, and writers of items, all
// at once and in two processes: whatever was acknowledged is there in the end.
func TestConcurrentWriters(t *testing.T) {
	const each = 12
	w := start(t)
	w.createRealm("master", nil)
	second := startOn(t, w.store, pdp.DefaultLimits())
	var running sync.WaitGroup
	for i := range 8 {
		via := []*world{w, second}[i%2]
		running.Go(func() {
			for n := range each {
				if err := via.add(fmt.Sprintf("p-%d-%d", i, n), i/2); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	state, err := w.store.Load(t.Context(), "master", 0)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, item := range state.Policies {
		there[item.Name()] = true
	}
	for i := range 8 {
		for n := range each {
			if name := fmt.Sprintf("p-%d-%d", i, n); !there[name] {
				t.Errorf("%s is lost", name)
			}
		}
	}
	equal(t, state.Meta.Revision, int64(1+8*each))
}

// add creates a policy, by itself or as a part of the set, which it reads until
// it is not refused.
func (w *world) add(name string, how int) error {
	if how > 1 {
		_, err := w.createPolicy(policy(name))
		return err
	}
	for {
		set := w.set("master")
		request := &pb.ReplacePolicySetRequest{Realm: "master", Document: set}
		set.Policies = append(set.Policies, policy(name))
		ctx := w.root("if-match", set.GetEtag())
		if how == 1 {
			ctx, request.Revision = w.root(), set.GetRevision()
		}
		_, err := w.admin.ReplacePolicySet(ctx, request)
		if reason := problemOf(err).Reason; reason != "ETAG_MISMATCH" && reason != "CONFLICT" {
			return err
		}
	}
}
