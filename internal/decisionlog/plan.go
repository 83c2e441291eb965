package decisionlog

import (
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// plan is the class of each field of a message, by index.
type plan []class

// plans are those of all messages that are copied, jsonNames the names of all their
// members.
var (
	plans     = map[protoreflect.FullName]plan{}
	jsonNames = map[string]bool{}
)

func init() {
	for _, m := range []protoreflect.ProtoMessage{(*pb.EvaluateRequest)(nil), (*pb.LoggedDecision)(nil)} {
		addPlan(m.ProtoReflect().Descriptor())
	}
}

const protoPackage = "clientpolicy.v1."

func addPlan(d protoreflect.MessageDescriptor) {
	if _, done := plans[d.FullName()]; done || !ours(d) {
		return
	}
	p := make(plan, d.Fields().Len())
	plans[d.FullName()] = p
	for i := range p {
		f := d.Fields().Get(i)
		jsonNames[f.JSONName()] = true
		p[i] = fields[protoreflect.FullName(strings.TrimPrefix(string(f.FullName()), protoPackage))]
		if p[i] == 0 && textless(f) {
			p[i] = plain
		}
		if f.IsMap() {
			f = f.MapValue()
		}
		if f.Message() != nil {
			addPlan(f.Message())
		}
	}
}

func ours(d protoreflect.MessageDescriptor) bool {
	return strings.HasPrefix(string(d.FullName()), protoPackage)
}

// textless reports whether a field can hold no text.
func textless(f protoreflect.FieldDescriptor) bool {
	switch f.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind, protoreflect.GroupKind:
		return false
	}
	return true
}

// memberClass is that of a member of the client, by its JSON pointer.
func memberClass(pointer string) class {
	member, key, below := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	f := (*pb.Client)(nil).ProtoReflect().Descriptor().Fields().ByJSONName(member)
	switch {
	case f == nil:
		return removed
	case f.Name() == "attributes" && below:
		return attributeMutation(unescape(key))
	}
	return plans[f.ContainingMessage().FullName()][f.Index()]
}

// attributeMutation is the class of an attribute whose value is not known yet.
func attributeMutation(key string) class {
	if c := attributeClasses[key]; c != 0 {
		return c
	}
	return flag
}

// attributeClass is that of a client attribute. Switches are harmless, whatever
// they are for.
func attributeClass(key, value string) class {
	if c := attributeClasses[key]; c != 0 {
		return c
	}
	if isFlag(value) {
		return flag
	}
	return removed
}
