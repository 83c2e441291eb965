package pdp

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"google.golang.org/protobuf/types/known/structpb"
)

// Compiler makes realms from policy sets. It is immutable and safe for concurrent use.
type Compiler struct {
	registry *Registry
	profiles map[string]*profile // built-in profiles, available or not
	policies []*policy           // server-wide policies
	order    []string            // names of the built-in profiles, as given
	missing  map[string][]string // executors that a built-in profile lacks
	global   []*pb.Policy
}

// NewCompiler returns a compiler with built-in profiles and server-wide policies.
// A built-in profile with an executor that is not registered is unavailable; all
// other faults in them are errors, as is a server-wide policy that cannot be used.
func NewCompiler(registry *Registry, profiles []*pb.Profile, policies []*pb.Policy) (*Compiler, error) {
	c := &Compiler{registry: registry, profiles: map[string]*profile{}, missing: map[string][]string{}, global: policies}
	b := &builder{Compiler: c}
	for _, p := range profiles {
		c.order = append(c.order, p.Name)
		if lacking := c.lacking(p); len(lacking) > 0 {
			c.missing[p.Name] = lacking
			continue
		}
		c.profiles[p.Name] = b.profile(p, &place{nil, "profiles/" + EscapePointer(p.Name), -1})
	}
	for i, p := range policies {
		compiled := b.policy(p, &place{nil, "policies", i}, nil)
		compiled.global = true
		c.policies = append(c.policies, compiled)
	}
	if len(b.errs) > 0 {
		return nil, joined(b.errs)
	}
	return c, nil
}

// Registry returns the conditions and executors that the compiler knows.
func (c *Compiler) Registry() *Registry { return c.registry }

// Available reports whether a built-in profile can be used, and which executors it lacks.
func (c *Compiler) Available(name string) (ok bool, lacking []string) {
	return c.profiles[name] != nil, c.missing[name]
}

// GlobalName reports whether a name is that of a built-in profile or a
// server-wide policy; items of a realm may not carry it.
func (c *Compiler) GlobalName(name string) bool {
	return slices.Contains(c.order, name) ||
		slices.ContainsFunc(c.global, func(p *pb.Policy) bool { return p.Name == name })
}

func (c *Compiler) lacking(p *pb.Profile) []string {
	var ids []string
	for _, x := range p.Executors {
		if c.registry.Executor(x.Executor) == nil && !slices.Contains(ids, x.Executor) {
			ids = append(ids, x.Executor)
		}
	}
	return ids
}

// Compile makes a realm from its policy set and settings. It returns everything
// that is wrong, in document order. When all of that are unknown configuration
// keys the realm is returned besides, otherwise it is nil.
func (c *Compiler) Compile(set *pb.PolicySet, settings *pb.RealmSettings) (*Realm, []*ConfigError) {
	b := &builder{Compiler: c}
	own := b.ownProfiles(set.GetProfiles())
	policies := slices.Clone(c.policies)
	names := map[string]bool{}
	for i, p := range set.GetPolicies() {
		at := &place{nil, "policies", i}
		b.name(p.Name, at, names, "policy")
		policies = append(policies, b.policy(p, at, own))
	}
	b.settings(settings)
	if slices.ContainsFunc(b.errs, func(e *ConfigError) bool { return !e.UnknownKey }) {
		return nil, b.errs
	}
	return newRealm(policies, settings), b.errs
}

func joined(errs []*ConfigError) error {
	list := make([]error, len(errs))
	for i, e := range errs {
		list[i] = e
	}
	return errors.Join(list...)
}

// JoinErrors makes one error of everything that is wrong, or nil of nothing.
func JoinErrors(errs []*ConfigError) error {
	if len(errs) == 0 {
		return nil
	}
	return joined(errs)
}

// builder compiles one set and collects what is wrong.
type builder struct {
	*Compiler
	errs []*ConfigError
}

// place is where in a document the builder is; its pointer is built only for a problem.
type place struct {
	above *place
	name  string
	index int // position in the list called name, or -1
}

func (p *place) pointer() string {
	if p == nil {
		return ""
	}
	at := p.above.pointer() + "/" + p.name
	if p.index >= 0 {
		at += "/" + strconv.Itoa(p.index)
	}
	return at
}

func (b *builder) fail(provider string, at *place, member, format string, args ...any) {
	b.errs = append(b.errs, &ConfigError{Provider: provider, Path: at.pointer() + member, Problem: fmt.Sprintf(format, args...)})
}

func (b *builder) name(name string, at *place, seen map[string]bool, kind string) {
	if problem := CheckName(name); problem != "" {
		b.fail("", at, "/name", "%s", problem)
	}
	if seen[name] {
		b.fail("", at, "/name", "%s name %q is used twice; names must be unique in the realm", kind, name)
	}
	if b.GlobalName(name) {
		b.fail("", at, "/name", "%q is the name of a built-in item; choose another", name)
	}
	seen[name] = true
}

// CheckName returns what is wrong with the name of a profile or policy, or "".
func CheckName(name string) string {
	switch n := utf8.RuneCountInString(name); {
	case name == "":
		return "name is required"
	case !utf8.ValidString(name):
		return "name is not valid UTF-8"
	case n > 255:
		return fmt.Sprintf("name has %d characters, at most 255 are allowed", n)
	case name == "." || name == "..":
		return "name may not be . or .."
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "name holds a character that cannot be printed"
	}
	return ""
}

func (b *builder) ownProfiles(profiles []*pb.Profile) map[string]*profile {
	own, seen := map[string]*profile{}, map[string]bool{}
	for i, p := range profiles {
		at := &place{nil, "profiles", i}
		b.name(p.Name, at, seen, "profile")
		own[p.Name] = b.profile(p, at)
	}
	return own
}

func (b *builder) profile(p *pb.Profile, above *place) *profile {
	compiled := &profile{name: p.Name}
	for i, x := range p.Executors {
		at := &place{above, "executors", i}
		info := b.registry.Executor(x.Executor)
		if info == nil {
			b.fail("", at, "/executor", "unknown executor %q%s", x.Executor, Suggest(x.Executor, b.registry.ExecutorIDs()))
			continue
		}
		executor := configured(b, info.ID, info.New, x.Configuration, at, textIsNoList)
		compiled.executors = append(compiled.executors, &boundExecutor{info: info, executor: executor})
	}
	compiled.indexEvents()
	return compiled
}

func (b *builder) policy(p *pb.Policy, above *place, own map[string]*profile) *policy {
	compiled := &policy{name: p.Name, enabled: p.GetEnabled(), events: AllEvents, enforcement: p.Enforcement}
	b.mode(p, above, compiled)
	if len(p.Events) > 0 {
		compiled.events = b.events(p.Events, above)
	}
	for i, x := range p.Conditions {
		if c := b.condition(x, &place{above, "conditions", i}); c != nil {
			compiled.conditions = append(compiled.conditions, c)
		}
	}
	for i, name := range p.Profiles {
		at := &place{above, "profiles", i}
		if slices.Contains(p.Profiles[:i], name) {
			b.fail("", at, "", "profile %q is named twice", name)
		}
		if named := b.named(name, at, own); named != nil {
			compiled.profiles = append(compiled.profiles, named)
		}
	}
	return compiled
}

func (b *builder) mode(p *pb.Policy, at *place, compiled *policy) {
	switch p.GetMode() {
	case "STRICT":
		compiled.strict = true
	case "DEFAULT":
	default:
		if p.Mode != nil {
			b.fail("", at, "/mode", "unknown mode %q; known are DEFAULT and STRICT", p.GetMode())
		}
	}
	switch p.Enforcement {
	case pb.Policy_ENFORCEMENT_UNSPECIFIED:
		compiled.enforcement = pb.Policy_ENFORCEMENT_ENFORCE
	case pb.Policy_ENFORCEMENT_ENFORCE, pb.Policy_ENFORCEMENT_WARN, pb.Policy_ENFORCEMENT_AUDIT:
	default:
		b.fail("", at, "/enforcement", "unknown enforcement %d", p.Enforcement)
	}
}

func (b *builder) events(events []Event, above *place) EventSet {
	var set EventSet
	for i, e := range events {
		if !KnownEvent(e) {
			b.fail("", &place{above, "events", i}, "", "unknown event %d; send one of the 35 names that begin with EVENT_", e)
			continue
		}
		set |= On(e)
	}
	return set
}

// named finds a profile; one of the realm hides a built-in one (engine.md 3-3).
func (b *builder) named(name string, at *place, own map[string]*profile) *profile {
	if p := own[name]; p != nil {
		return p
	}
	if p := b.profiles[name]; p != nil {
		return p
	}
	if lacking := b.missing[name]; len(lacking) > 0 {
		b.fail("", at, "", "built-in profile %q is not available: this version lacks %s", name, strings.Join(lacking, ", "))
		return nil
	}
	b.fail("", at, "", "unknown profile %q%s", name, Suggest(name, append(sortedKeys(own), sortedKeys(b.profiles)...)))
	return nil
}

func (b *builder) condition(x *pb.PolicyCondition, at *place) *boundCondition {
	info := b.registry.Condition(x.Condition)
	if info == nil {
		b.fail("", at, "/condition", "unknown condition %q%s", x.Condition, Suggest(x.Condition, b.registry.ConditionIDs()))
		return nil
	}
	negative, rest, err := takeNegation(x.Configuration)
	if err != nil {
		b.fail(info.ID, at, "/configuration/"+NegativeLogicKey, "%s", err)
	}
	condition := configured(b, info.ID, info.New, rest, at, textIsList)
	if condition == nil {
		return nil
	}
	return &boundCondition{info: info, condition: condition, negated: negative}
}

// NegativeLogicKey is the configuration key that turns any condition's vote round.
const NegativeLogicKey = "is-negative-logic"

// takeNegation reads the negation and returns the configuration without it.
func takeNegation(s *structpb.Struct) (bool, *structpb.Struct, error) {
	v, ok := s.GetFields()[NegativeLogicKey]
	if !ok {
		return false, s, nil
	}
	rest := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for key, value := range s.Fields {
		if key != NegativeLogicKey {
			rest.Fields[key] = value
		}
	}
	if text, isText := v.Kind.(*structpb.Value_StringValue); isText && blank(text.StringValue) {
		return false, rest, nil
	}
	if _, null := v.Kind.(*structpb.Value_NullValue); null {
		return false, rest, nil
	}
	negative, err := boolOf(v)
	return negative, rest, err
}

// configured makes a provider and files its errors under the place at hand.
func configured[P any](b *builder, id string, f Factory[P], s *structpb.Struct, at *place, l leniency) P {
	p, errs := f.build(s, l)
	for _, e := range errs {
		filed := *e
		filed.Provider, filed.Path = id, at.pointer()+"/configuration"+e.Path
		b.errs = append(b.errs, &filed)
	}
	return p
}

func (b *builder) settings(s *pb.RealmSettings) {
	at := &place{nil, "settings", -1}
	if c := s.GetCompatibility(); s != nil && s.Compatibility != nil &&
		c != pb.RealmSettings_COMPATIBILITY_SAFE && c != pb.RealmSettings_COMPATIBILITY_KEYCLOAK {
		b.fail("", at, "/compatibility", "must be COMPATIBILITY_SAFE or COMPATIBILITY_KEYCLOAK, or left out, got %s", c)
	}
	for i, fact := range s.GetOmittedFacts() {
		if problem := CheckFact(fact); problem != "" {
			b.fail("", &place{at, "omittedFacts", i}, "", "%s", problem)
		}
	}
}
