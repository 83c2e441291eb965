package catalog_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
	"github.com/sidegate/sidegate/pdp/profiles"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
)

// TestHiddenFactsNeverAllow takes from the request of each vector each of its facts
// in turn and names it in `omitted`, as a provider does that does not look it up.
// Either nobody reads it and the answer is the same, or somebody cannot decide or
// refuses (contract 2.1): nothing is ever concluded from its absence that allows.
func TestHiddenFactsNeverAllow(t *testing.T) {
	compiler, err := catalog.Compiler(profiles.None)
	if err != nil {
		t.Fatal(err)
	}
	refused, same := 0, 0
	for _, v := range allVectors(t) {
		realm, errs := compiler.Compile(v.Set, &pb.RealmSettings{Compatibility: &v.Compatibility})
		if len(errs) > 0 {
			continue
		}
		whole, err := explained(realm, v.RequestFor("vectors"))
		if err != nil {
			continue
		}
		for _, fact := range factsOf(v.Request) {
			req := v.RequestFor("vectors")
			hide(req.ProtoReflect(), strings.Split(fact[1:], "/"))
			req.Omitted = append(req.Omitted, fact)
			hidden, err := explained(realm, req)
			switch {
			case err != nil || refuses(hidden):
				refused++
			case proto.Equal(told(whole), told(hidden)):
				same++
			default:
				t.Errorf("%s: without %s (-whole +hidden):\n%s", v.name, fact, difference(told(whole), told(hidden)))
			}
		}
	}
	if refused < 5000 || same < 5000 {
		t.Errorf("%d facts led to a refusal and %d to no difference: too few to prove anything", refused, same)
	}
}

// refuses reports whether a policy refuses or cannot decide, be it one that only warns.
func refuses(resp *pb.EvaluateResponse) bool {
	if resp.Decision == pb.EvaluateResponse_DECISION_REJECT || len(resp.Findings) > 0 {
		return true
	}
	return slices.ContainsFunc(resp.Trace.Policies, func(p *pb.PolicyTrace) bool {
		return slices.ContainsFunc(p.Conditions, func(c *pb.ConditionTrace) bool { return c.Vote == pb.ConditionTrace_VOTE_FAULT }) ||
			slices.ContainsFunc(p.Executors, func(x *pb.ExecutorTrace) bool { return len(x.Findings) > 0 })
	})
}

// told is what the policies say, without the client that came with the request and
// without what the engine does where no policy speaks.
func told(resp *pb.EvaluateResponse) *pb.EvaluateResponse {
	resp = proto.CloneOf(resp)
	resp.Client, resp.Trace = nil, nil
	resp.Mutations = slices.DeleteFunc(resp.Mutations, func(m *pb.Mutation) bool { return m.Policy == "" })
	resp.Obligations = slices.DeleteFunc(resp.Obligations, func(o *pb.Obligation) bool { return o.Policy == "" })
	return resp
}

// factsOf returns the pointers of all facts of a request: members, entries of maps
// and members of claims.
func factsOf(req *pb.EvaluateRequest) []string {
	var facts []string
	req.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch f.JSONName() {
		case "realm", "event", "options", "omitted", "proposedMask":
		default:
			facts = append(facts, below("/"+f.JSONName(), f, v)...)
		}
		return true
	})
	slices.Sort(facts)
	return slices.DeleteFunc(facts, func(fact string) bool { return needless(req, fact) })
}

// needless reports whether a fact may be hidden without being missed.
func needless(req *pb.EvaluateRequest, fact string) bool {
	switch {
	// A fetched document is whole; its status and size the provider itself must judge.
	case strings.HasPrefix(fact, "/clientMetadataDocument/content/"),
		fact == "/clientMetadataDocument/httpStatus", fact == "/clientMetadataDocument/sizeBytes":
		return true
	// Assigned scopes stand in either place.
	case fact == "/client/defaultClientScopes", fact == "/client/optionalClientScopes":
		return req.ClientScopes != nil
	// It says again what the claims say.
	case fact == "/request/requestObject/compact":
		return req.Request.RequestObject.Claims != nil
	// Without any, what was sent is merged here.
	case strings.HasPrefix(fact, "/request/effectiveParameters/"):
		return len(req.Request.EffectiveParameters) == 1
	}
	return false
}

func below(pointer string, f protoreflect.FieldDescriptor, v protoreflect.Value) []string {
	facts := []string{pointer}
	switch {
	case f.IsMap():
		v.Map().Range(func(key protoreflect.MapKey, _ protoreflect.Value) bool {
			facts = append(facts, pointer+"/"+pdp.EscapePointer(key.String()))
			return true
		})
	case f.IsList() || f.Message() == nil:
	case f.Message().FullName() == "google.protobuf.Struct":
		for name := range v.Message().Interface().(*structpb.Struct).Fields {
			facts = append(facts, pointer+"/"+pdp.EscapePointer(name))
		}
	default:
		v.Message().Range(func(member protoreflect.FieldDescriptor, value protoreflect.Value) bool {
			facts = append(facts, below(pointer+"/"+member.JSONName(), member, value)...)
			return true
		})
	}
	return facts
}

func hide(m protoreflect.Message, path []string) {
	f := m.Descriptor().Fields().ByJSONName(path[0])
	if q, ok := m.Interface().(*pb.OAuthRequest); ok && path[0] == "requestObject" && len(path) == 1 {
		nameObject(q)
	}
	switch {
	case len(path) == 1:
		m.Clear(f)
	case f.IsMap():
		key := unescape(path[1])
		m.Mutable(f).Map().Clear(protoreflect.ValueOfString(key).MapKey())
		if q, ok := m.Interface().(*pb.OAuthRequest); ok && path[0] == "parameters" {
			q.ParameterNames = slices.DeleteFunc(q.ParameterNames, func(name string) bool { return name == key })
		}
	case f.Message().FullName() == "google.protobuf.Struct":
		delete(m.Mutable(f).Message().Interface().(*structpb.Struct).Fields, unescape(path[1]))
	default:
		hide(m.Mutable(f).Message(), path[1:])
	}
}

// nameObject leaves the parameter by which a request object came among the names,
// as a provider does that does not read the object.
func nameObject(q *pb.OAuthRequest) {
	name := oauth.ParamRequestURI
	if q.RequestObject.Source <= pb.RequestObject_SOURCE_REQUEST {
		name = oauth.ParamRequest
	}
	if len(q.ParameterNames) == 0 {
		q.ParameterNames = slices.Sorted(maps.Keys(q.Parameters))
	}
	q.ParameterNames = append(q.ParameterNames, name)
}

func unescape(part string) string { return strings.NewReplacer("~1", "/", "~0", "~").Replace(part) }
