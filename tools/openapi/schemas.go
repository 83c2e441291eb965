package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

const schemaPrefix = "#/components/schemas/"

// always names the members of answers besides lists that are always there.
var always = map[string][]string{
	"DiffRevisionsResponse":  {"revision", "other", "changes"},
	"ReplayDecisionResponse": {"revision", "differs", "caveats"},
	"EraseDecisionsResponse": {"erased"},
	"Provider":               {"events", "specifications"},
	"EventDescription":       {"executors", "conditions", "requiredFacts", "specifications"},
}

// finishSchemas makes the schemas say what holds on REST.
func finishSchemas(doc *openapi3.T) {
	for name, ref := range doc.Components.Schemas {
		s := ref.Value
		// REST shows an empty list instead.
		delete(s.Properties, "emptyMembers")
		// The comment at an enum's first value says what it means; that it is the
		// default holds in protos alone, where nothing can be absent.
		s.Default = nil
		for _, member := range s.Properties {
			finishMember(member)
		}
		// Contract of administration, section 2, "Shape on REST": all members of a
		// list are always there.
		if strings.HasPrefix(name, "List") && strings.HasSuffix(name, "Response") {
			s.Required = slices.Sorted(maps.Keys(s.Properties))
		}
		if len(always[name]) > 0 {
			s.Required = always[name]
		}
		if name == "PolicyPlace" {
			// A oneof, of which the generator tells nothing.
			s.MinProps, s.MaxProps = 1, openapi3.Ptr(uint64(1))
		}
	}
	reachable, sent := reach(doc)
	for name, ref := range doc.Components.Schemas {
		switch {
		case !reachable[ref.Value]:
			delete(doc.Components.Schemas, name)
		case sent[ref.Value] && ref.Value.Type.Is("object"):
			// Contract of administration, section 2, "Errors": unknown members are
			// refused. Answers may gain some in a later version.
			ref.Value.AdditionalProperties.Has = openapi3.Ptr(false)
		}
	}
}

func finishMember(member *openapi3.SchemaRef) {
	if member.Ref != "" {
		return
	}
	s := member.Value
	s.ReadOnly = strings.HasPrefix(s.Description, "Output only")
	if s.Type == nil && len(s.AllOf) == 0 {
		s.Nullable = true // any value
	}
}

// reach returns the schemas that operations lead to, and those that requests do.
func reach(doc *openapi3.T) (all, sent map[*openapi3.Schema]bool) {
	all, sent = map[*openapi3.Schema]bool{}, map[*openapi3.Schema]bool{}
	for _, ref := range doc.Components.Responses {
		reachContent(ref.Value.Content, all)
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, ref := range op.Responses.Map() {
				reachContent(ref.Value.Content, all)
			}
			if op.RequestBody != nil {
				reachContent(op.RequestBody.Value.Content, sent)
			}
		}
	}
	maps.Copy(all, sent)
	return all, sent
}

func reachContent(content openapi3.Content, into map[*openapi3.Schema]bool) {
	for _, media := range content {
		// The callback never fails, and so the walk does not.
		_ = media.Schema.WalkSubtree(func(_ string, ref *openapi3.SchemaRef) error {
			into[ref.Value] = true
			return nil
		})
	}
}
