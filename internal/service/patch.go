package service

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/sidegate/sidegate/pdp"
)

// pathsOf lists what a PATCH changes: what its mask names or, without one, what is
// sent (contract of administration, section 2, "PATCH"). A mask without any path
// is none: that is what a gateway fills in for the body {}.
func pathsOf(doc protoreflect.Message, mask *fieldmaskpb.FieldMask) []string {
	if paths := mask.GetPaths(); len(paths) > 0 {
		return paths
	}
	return populated(doc, "")
}

// patchItem returns a document with the members changed that a PATCH names, whole
// ones only. One that is named and not sent is cleared. Output-only members are
// taken as they are sent, and left out when the document is stored, as in every
// write. The old document stays as it is.
func patchItem[D document](old, doc D, mask *fieldmaskpb.FieldMask) (D, error) {
	out := proto.CloneOf(old)
	to, from := out.ProtoReflect(), doc.ProtoReflect()
	for _, path := range pathsOf(from, mask) {
		f := fieldOf(to.Descriptor(), path)
		switch {
		case f == nil, f.Name() == emptyMembers && len(mask.GetPaths()) > 0:
			return out, unknownMember(path, to.Descriptor())
		case f.Name() == "name" && doc.GetName() == "":
			return out, invalidAt("/name", "a name is required; leave it out of the mask to keep the one there is")
		}
		patch(to, from, []string{string(f.Name())})
		if e := to.Descriptor().Fields().ByName(emptyMembers); e != nil && (f == e || f.Name() == "executors") {
			patch(to, from, []string{"executors"})
			patch(to, from, []string{emptyMembers})
		}
	}
	to.SetUnknown(from.GetUnknown()) // the checker refuses them
	return out, nil
}

// emptyMembers is the member that tells whether the list `executors` is empty or
// absent. The two are one member, which a mask calls by the name of the list.
const emptyMembers = "empty_members"

func unknownMember(path string, d protoreflect.MessageDescriptor) *refusal {
	var known []string
	for i := range d.Fields().Len() {
		if f := d.Fields().Get(i); f.Name() != emptyMembers {
			known = append(known, f.JSONName())
		}
	}
	return invalidAt("/updateMask", "unknown member %q; members are named whole%s", shorten(path), pdp.Suggest(path, known))
}

// populated lists the paths of what is set in a message, down to the members that
// have no members of this contract themselves.
func populated(m protoreflect.Message, prefix string) []string {
	var paths []string
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		path := prefix + string(f.Name())
		if composite(f) {
			paths = append(paths, populated(v.Message(), path+".")...)
		} else {
			paths = append(paths, path)
		}
		return true
	})
	return paths
}

// composite reports whether a member has members that a mask may name: messages
// of this contract, in no list, have.
func composite(f protoreflect.FieldDescriptor) bool {
	return f.Message() != nil && !f.IsList() && !f.IsMap() && f.Message().ParentFile().Package() == f.ParentFile().Package()
}

// fieldOf finds a member by its name in the proto file or in JSON.
func fieldOf(d protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if f := d.Fields().ByName(protoreflect.Name(name)); f != nil {
		return f
	}
	return d.Fields().ByJSONName(name)
}

// patch carries what a path names over, and reports whether there is such a
// member. From may be invalid: then what is named is cleared.
func patch(to, from protoreflect.Message, path []string) bool {
	if len(path) == 0 {
		replace(to, from)
		return true
	}
	f := fieldOf(to.Descriptor(), path[0])
	switch {
	case f == nil:
		return false
	case composite(f):
		return patchMessage(to, from, f, path[1:])
	case len(path) > 1:
		return false
	case from.Has(f):
		to.Set(f, from.Get(f))
	default:
		to.Clear(f)
	}
	return true
}

// replace makes a message that is sent, and not empty, the whole of the other; one
// that is not sent clears it.
func replace(to, from protoreflect.Message) {
	if from.IsValid() && len(populated(from, "")) == 0 {
		return
	}
	to.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		to.Clear(f)
		return true
	})
	from.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		to.Set(f, v)
		return true
	})
}

func patchMessage(to, from protoreflect.Message, f protoreflect.FieldDescriptor, rest []string) bool {
	sent := from.Has(f)
	switch {
	case !sent && len(rest) == 0:
		to.Clear(f)
		return true
	case !sent && !to.Has(f), sent && len(populated(from.Get(f).Message(), "")) == 0 && !to.Has(f):
		// There is nothing to change; only the path is looked at.
		return patch(to.NewField(f).Message(), from.NewField(f).Message(), rest)
	}
	return patch(to.Mutable(f).Message(), from.Get(f).Message(), rest)
}
