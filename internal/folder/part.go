package folder

import (
	"slices"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/document"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/proto"
)

// What a file may hold besides a single item: a set, with Keycloak's lists of
// built-in items, which are empty unless they were asked for.
var setMembers = []string{"settings", "profiles", "policies", "globalProfiles", "globalPolicies"}

// add tells by its members what a document is, and takes it.
func (p *part) add(n *document.Node, whole bool) {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return n.Get(name) != nil })
	}
	switch {
	case n.Kind == document.Object && !has("name") && (whole || has(setMembers...)):
		p.set(n, whole)
	case whole:
		p.fail(n, "expected a realm (with settings, profiles and policies); put a single profile or policy into a directory with the name of the realm")
	case has("conditions", "enabled", "mode", "enforcement", "events", "profiles"):
		p.policy(n)
	case has("executors"):
		p.profile(n)
	default:
		p.fail(n, "expected a set (with profiles and policies), a profile (with name and executors) or a policy (with name and conditions)")
	}
}

// set takes settings, profiles and policies.
func (p *part) set(n *document.Node, whole bool) {
	if len(n.Members) == 0 && whole {
		p.fail(n, "expected a realm (with settings, profiles and policies); write `policies: []` for one without policies")
	}
	for _, m := range n.Members {
		switch {
		case !slices.Contains(setMembers, m.Name):
			p.at(p.rel, m.Line, m.Column, "unknown member %q%s", m.Name, pdp.Suggest(m.Name, setMembers[:3]))
		case m.Value.Kind == document.Null:
		case m.Name == "settings":
			p.takeSettings(m.Value)
		case m.Value.Kind != document.List:
			p.fail(m.Value, "expected a list, got %s", m.Value.Kind)
		case m.Name == "profiles":
			for _, item := range m.Value.Items {
				p.profile(item)
			}
		case m.Name == "policies":
			for _, item := range m.Value.Items {
				p.policy(item)
			}
		case len(m.Value.Items) > 0:
			p.fail(m.Value, "built-in items cannot be changed; leave out %s", m.Name)
		}
	}
}

func (p *part) takeSettings(n *document.Node) {
	if first := p.settings; first.node != nil {
		p.fail(n, "the realm has settings at %s:%d:%d already; write them in one place", p.path(first.rel), first.node.Line, first.node.Column)
		return
	}
	p.settings = placed{p.rel, n}
	p.decode(n, p.Settings)
}

func (p *part) profile(n *document.Node) {
	m := &pb.Profile{}
	if !p.item(n, m) {
		return
	}
	if list := n.Get("executors"); list != nil && list.Kind == document.List && len(list.Items) == 0 {
		m.EmptyMembers = []string{"executors"}
	}
	if p.once("profile", m.GetName(), n) {
		p.Set.Profiles, p.profiles = append(p.Set.Profiles, m), append(p.profiles, placed{p.rel, n})
	}
}

func (p *part) policy(n *document.Node) {
	m := &pb.Policy{}
	if p.item(n, m) && p.once("policy", m.GetName(), n) {
		p.Set.Policies, p.policies = append(p.Set.Policies, m), append(p.policies, placed{p.rel, n})
	}
}

// item reads a profile or policy. How its wire form tells an empty list is no
// member of the document.
func (p *part) item(n *document.Node, m interface {
	GetName() string
	proto.Message
}) bool {
	i := slices.IndexFunc(n.Members, func(m document.Member) bool { return m.Name == "emptyMembers" })
	if i >= 0 {
		p.at(p.rel, n.Members[i].Line, n.Members[i].Column, "unknown member %q; write an empty list as []", "emptyMembers")
		return false
	}
	if !p.decode(n, m) {
		return false
	}
	if m.GetName() == "" {
		p.fail(n, "the name is missing")
		return false
	}
	return true
}

// once refuses a second item of a name.
func (p *part) once(kind, name string, n *document.Node) bool {
	key := kind + " " + name
	if first, twice := p.names[key]; twice {
		p.fail(n.Get("name"), "%s %q is given twice; the other is at %s:%d:%d", kind, name, p.path(first.rel), first.node.Line, first.node.Column)
		return false
	}
	p.names[key] = placed{p.rel, n}
	return true
}
