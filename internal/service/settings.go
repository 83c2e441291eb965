package service

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
)

// patchSettings returns the settings of a realm with the members changed that the
// mask names, or, without one, those that are sent (contract of administration,
// section 2, "PATCH"). A member that is named and not sent is cleared; a message
// that is sent and empty changes nothing.
func patchSettings(now *snapshot, doc *pb.Realm, mask *fieldmaskpb.FieldMask) (*pb.RealmSettings, error) {
	if doc == nil {
		return nil, invalidAt("", "a document is required")
	}
	paths := mask.GetPaths()
	if len(paths) == 0 {
		paths = populated(doc.ProtoReflect(), "")
	}
	to := proto.CloneOf(now.settings)
	if to == nil {
		to = &pb.RealmSettings{}
	}
	from := proto.CloneOf(doc.Settings)
	for _, path := range paths {
		parts := strings.Split(path, ".")
		switch field := fieldOf(doc.ProtoReflect().Descriptor(), parts[0]); {
		case field == nil:
			return nil, unknownPath(path)
		case field.Name() == "settings":
			if !patch(to.ProtoReflect(), from.ProtoReflect(), parts[1:]) {
				return nil, unknownPath(path)
			}
		case field.Name() == "name" && doc.GetName() != now.realm && (doc.GetName() != "" || mask != nil):
			return nil, invalidAt("/name", "a realm cannot be renamed; leave the name out, or send %q", now.realm)
		}
		// All other members are output only, and ignored when they are sent back.
	}
	return to, nil
}

func unknownPath(path string) *refusal {
	var known []string
	fields := (*pb.RealmSettings)(nil).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		known = append(known, "settings."+string(fields.Get(i).Name()))
	}
	return invalidAt("/updateMask", "unknown member %q%s", shorten(path), pdp.Suggest(path, known))
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
