package service

import (
	"strings"

	"google.golang.org/protobuf/proto"
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
	to := proto.CloneOf(now.settings)
	if to == nil {
		to = &pb.RealmSettings{}
	}
	from := proto.CloneOf(doc.Settings)
	for _, path := range pathsOf(doc.ProtoReflect(), mask) {
		parts := strings.Split(path, ".")
		switch field := fieldOf(doc.ProtoReflect().Descriptor(), parts[0]); {
		case field == nil, field.Name() != "settings" && len(parts) > 1:
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
