package service

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
)

// place is where the document that was sent stands in the policy set.
type place struct {
	// set tells that it is the set itself.
	set bool
	// old tells that the set was not sent: problems name the items that they are in.
	old bool
	// item is the pointer of the item that it is, such as /policies/3.
	item string
}

// violation says what the compiler found, by a pointer into the document that was
// sent. A problem elsewhere keeps its whole pointer and names the item.
func (at place) violation(p *pdp.ConfigError, set *pb.PolicySet) (v violation, inside bool) {
	if at.set && at.old {
		return namedItem(p, set), true
	}
	if at.set {
		return violation{p.Path, problemOf(p)}, true
	}
	if rest, inside := strings.CutPrefix(p.Path, at.item+"/"); inside && at.item != "" {
		return violation{"/" + rest, problemOf(p)}, true
	}
	return namedItem(p, set), false
}

// namedItem says what the compiler found, with the name of the item that it is in.
func namedItem(p *pdp.ConfigError, set *pb.PolicySet) violation {
	if noun, name := itemAt(p.Path, set); name != "" {
		return violation{p.Path, fmt.Sprintf("in %s %q: %s", noun, name, problemOf(p))}
	}
	return violation{p.Path, problemOf(p)}
}

func problemOf(p *pdp.ConfigError) string {
	if p.Provider == "" {
		return p.Problem
	}
	return p.Provider + ": " + p.Problem
}

// itemAt names the item of a set that a pointer points into.
func itemAt(pointer string, set *pb.PolicySet) (noun, name string) {
	parts := strings.Split(pointer, "/")
	if len(parts) < 3 {
		return "", ""
	}
	i, err := strconv.Atoi(parts[2])
	switch {
	case err != nil || i < 0:
	case parts[1] == "profiles" && i < len(set.GetProfiles()):
		return "profile", set.GetProfiles()[i].GetName()
	case parts[1] == "policies" && i < len(set.GetPolicies()):
		return "policy", set.GetPolicies()[i].GetName()
	}
	return "", ""
}

// provider is one condition or executor of a document.
type provider struct {
	id            string
	configuration *structpb.Struct
}

func providersOf(set *pb.PolicySet, list string, i int) []provider {
	var found []provider
	if list == "profiles" {
		for _, x := range set.GetProfiles()[i].GetExecutors() {
			found = append(found, provider{x.GetExecutor(), x.GetConfiguration()})
		}
		return found
	}
	for _, x := range set.GetPolicies()[i].GetConditions() {
		found = append(found, provider{x.GetCondition(), x.GetConfiguration()})
	}
	return found
}

// carriedOn reports whether an unknown configuration key stood in the same item
// before, under the same provider and with the same value. The pointer is that of
// the compiler: /profiles/3/executors/0/configuration/KEY.
func carriedOn(pointer string, set, before *pb.PolicySet, formerName func(list, name string) string) bool {
	parts := strings.Split(pointer, "/")
	if len(parts) != 7 {
		return false
	}
	list, key := parts[1], strings.NewReplacer("~1", "/", "~0", "~").Replace(parts[6])
	i, errItem := strconv.Atoi(parts[2])
	n, errProvider := strconv.Atoi(parts[4])
	if errItem != nil || errProvider != nil {
		return false
	}
	_, name := itemAt(pointer, set)
	old := indexOf(before, list, formerName(list, name))
	if old < 0 {
		return false
	}
	now := providersOf(set, list, i)[n]
	return slices.ContainsFunc(providersOf(before, list, old), func(p provider) bool {
		value, there := p.configuration.GetFields()[key]
		return there && p.id == now.id && proto.Equal(value, now.configuration.GetFields()[key])
	})
}

func indexOf(set *pb.PolicySet, list, name string) int {
	if list == "profiles" {
		return slices.IndexFunc(set.GetProfiles(), func(p *pb.Profile) bool { return p.GetName() == name })
	}
	return slices.IndexFunc(set.GetPolicies(), func(p *pb.Policy) bool { return p.GetName() == name })
}

func profileWarnings(p *pb.Profile, at string) []*pb.Warning {
	if len(p.GetExecutors()) > 0 {
		return nil
	}
	return []*pb.Warning{{Path: at + "/executors", Message: "the profile has no executors, so that it demands nothing"}}
}

func policyWarnings(p *pb.Policy, at string) []*pb.Warning {
	var list []*pb.Warning
	if len(p.GetConditions()) == 0 {
		list = append(list, &pb.Warning{
			Path:    at + "/conditions",
			Message: "the policy has no conditions, so that it never applies; add one, such as any-client",
		})
	}
	if p.GetEnabled() && len(p.GetProfiles()) == 0 {
		list = append(list, &pb.Warning{
			Path:    at + "/profiles",
			Message: "the policy is enabled and names no profiles, so that it demands nothing",
		})
	}
	return list
}
