package pdp

import (
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/types/known/structpb"
)

// Vote is a condition's answer. The zero value is invalid and counts as a fault.
type Vote int8

// The votes.
const (
	_ Vote = iota
	// Yes lets the policy apply.
	Yes
	// No keeps the policy from applying.
	No
	// Abstain has nothing to say.
	Abstain
)

// VoteIf returns Yes when the statement holds, else No.
func VoteIf(holds bool) Vote {
	if holds {
		return Yes
	}
	return No
}

// Condition votes on whether a policy applies to a request.
//
// Vote is called only on the events of the condition's descriptor; on all others
// the engine abstains for it. It must not keep the request, must not allocate
// when it can help it, and must be safe for concurrent use. An error means that
// it could not decide: the engine rejects. Negation is the engine's business.
type Condition interface {
	Vote(*Request) (Vote, error)
}

// Executor judges a request and may change the client.
//
// Execute is called only on the events of the executor's descriptor. Objections,
// changes and obligations go to the verdict; the returned error means that the
// executor could not decide, and rejects. It must not keep its arguments, must
// not allocate when there is nothing to say, and must be safe for concurrent use.
type Executor interface {
	Execute(*Request, *Verdict) error
}

// Indexed is a condition that can vote YES only when the request holds one of
// certain values. The engine reaches its policies through an index on them.
type Indexed interface {
	// Index returns the kind of value and the values; any of them suffices. An
	// empty list means the condition never votes YES.
	Index() (KeyKind, []Key)
}

// KeyKind is a kind of value that policies are indexed by.
type KeyKind int8

// The kinds of values.
const (
	_ KeyKind = iota
	// ClientRoleKey indexes by roles defined on the stored client.
	ClientRoleKey
	// ClientAttributeKey indexes by an attribute of the stored client and its value.
	ClientAttributeKey
	// GrantTypeKey indexes by [Request.GrantType].
	GrantTypeKey
)

// Key is a value that policies are indexed by; Name is the attribute's name and
// empty for kinds other than [ClientAttributeKey].
type Key struct{ Name, Value string }

// ConditionInfo describes a condition.
type ConditionInfo struct {
	// ID is Keycloak's provider id.
	ID string
	// Doc says in one line what the condition is for.
	Doc string
	// Spec names documents and clauses.
	Spec []string
	// Events are those on which the condition votes; on others it abstains.
	Events EventSet
	// MayFault marks a condition that may be unable to decide although no fact
	// that it needs is omitted: it has cases of its own, or reads the value of a
	// parameter, which may have been withheld.
	MayFault bool
	// New makes the condition from its configuration.
	New Factory[Condition]
}

// ExecutorInfo describes an executor.
type ExecutorInfo struct {
	// ID is Keycloak's provider id.
	ID string
	// Doc says in one line what the executor is for.
	Doc string
	// Spec names documents and clauses.
	Spec []string
	// Events are those on which the executor acts.
	Events EventSet
	// Delta marks an executor that Keycloak gives the submitted fields alone on
	// UPDATE; under compatibility KEYCLOAK it sees those, else the effective client.
	Delta bool
	// UnsafeRedirect marks an executor whose finding means that the redirect URI
	// must not be used: it is delivered as a page (RFC 9700 section 4.11.2).
	UnsafeRedirect bool
	// New makes the executor from its configuration.
	New Factory[Executor]
}

// Factory makes a provider from its configuration.
type Factory[P any] struct {
	// Properties describe the configuration.
	Properties []Property
	build      func(*structpb.Struct, leniency) (P, []*ConfigError)
}

// Configure returns the factory of a provider whose configuration decodes into a
// struct C by its field tags (see [Property]). It panics when the tags are
// malformed, which a test of the registry shows at once.
func Configure[P, C any](build func(C) (P, error)) Factory[P] {
	schema := schemaOf[C]()
	return Factory[P]{
		Properties: schema.properties(),
		build: func(s *structpb.Struct, l leniency) (P, []*ConfigError) {
			var (
				config C
				none   P
			)
			errs := schema.decode(s, &config, l)
			if slices.ContainsFunc(errs, func(e *ConfigError) bool { return !e.UnknownKey }) {
				return none, errs
			}
			p, err := build(config)
			if err != nil {
				return none, append(errs, asConfigError(err))
			}
			return p, errs
		},
	}
}

// NoConfig is the configuration of a provider that has none.
type NoConfig struct{}

// Registry holds the conditions and executors that policies may name.
type Registry struct {
	conditions map[string]*ConditionInfo
	executors  map[string]*ExecutorInfo
}

// NewRegistry returns a registry. It refuses duplicates and descriptors without
// id, documentation, events or constructor.
func NewRegistry(conditions []ConditionInfo, executors []ExecutorInfo) (*Registry, error) {
	r := &Registry{conditions: map[string]*ConditionInfo{}, executors: map[string]*ExecutorInfo{}}
	for i := range conditions {
		c := &conditions[i]
		if c.ID == "" || c.Doc == "" || c.Events == 0 || c.New.build == nil {
			return nil, fmt.Errorf("condition %q: id, doc, events and constructor are required", c.ID)
		}
		if r.conditions[c.ID] != nil {
			return nil, fmt.Errorf("condition %q: registered twice", c.ID)
		}
		r.conditions[c.ID] = c
	}
	for i := range executors {
		x := &executors[i]
		if x.ID == "" || x.Doc == "" || x.Events == 0 || x.New.build == nil {
			return nil, fmt.Errorf("executor %q: id, doc, events and constructor are required", x.ID)
		}
		if r.executors[x.ID] != nil {
			return nil, fmt.Errorf("executor %q: registered twice", x.ID)
		}
		r.executors[x.ID] = x
	}
	return r, nil
}

// Condition returns the descriptor of a condition, or nil.
func (r *Registry) Condition(id string) *ConditionInfo { return r.conditions[id] }

// Executor returns the descriptor of an executor, or nil.
func (r *Registry) Executor(id string) *ExecutorInfo { return r.executors[id] }

// ConditionIDs returns the ids of all conditions, sorted.
func (r *Registry) ConditionIDs() []string { return slices.Sorted(maps.Keys(r.conditions)) }

// ExecutorIDs returns the ids of all executors, sorted.
func (r *Registry) ExecutorIDs() []string { return slices.Sorted(maps.Keys(r.executors)) }
