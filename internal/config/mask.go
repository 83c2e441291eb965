package config

import (
	"fmt"
	"slices"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxPointer is the greatest length of a JSON pointer.
const maxPointer = 1024

// everyMember stands for all members of a map or elements of a list.
const everyMember = "*"

// unmaskable are the members without which a decision says nothing.
var unmaskable = []string{"realm", "event", "omitted", "options"}

// checkMask refuses a pointer that would mask nothing: a secret that is thought
// to be masked must not be kept because of a misspelling.
func checkMask(pointer string) error {
	// RFC 6901 section 3: a pointer begins with a slash, ~ stands only before 0 or 1.
	rest, ok := strings.CutPrefix(pointer, "/")
	if !ok || len(pointer) > maxPointer || strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(pointer), "~") {
		return fmt.Errorf("expected a JSON pointer into the request, such as /request/parameters/login_hint, got %q", clip(pointer))
	}
	path := strings.Split(rest, "/")
	if slices.Contains(unmaskable, path[0]) {
		return fmt.Errorf("%q: without %s a decision says nothing", clip(pointer), path[0])
	}
	if problem := checkPath(path, (&pb.EvaluateRequest{}).ProtoReflect().Descriptor()); problem != "" {
		return fmt.Errorf("%q: %s", clip(pointer), problem)
	}
	return nil
}

// checkPath follows a path through messages as far as their members are fixed.
func checkPath(path []string, md protoreflect.MessageDescriptor) string {
	fd := md.Fields().ByJSONName(path[0])
	if fd == nil {
		return fmt.Sprintf("no member %q of a request%s", clip(path[0]), pdp.Suggest(path[0], jsonNames(md)))
	}
	name, path := path[0], path[1:]
	if len(path) > 0 && (fd.IsList() || fd.IsMap()) {
		if fd.IsList() && path[0] != everyMember {
			return fmt.Sprintf("expected %s for all elements of %s, got %q", everyMember, name, clip(path[0]))
		}
		if fd.IsMap() {
			fd = fd.MapValue()
		}
		name, path = path[0], path[1:]
	}
	switch below := fd.Message(); {
	case len(path) == 0:
		return ""
	case below == nil:
		return fmt.Sprintf("expected nothing below %q", clip(name))
	case below.FullName().Parent() == "google.protobuf": // any members
		return ""
	default:
		return checkPath(path, below)
	}
}

func jsonNames(md protoreflect.MessageDescriptor) []string {
	names := make([]string, md.Fields().Len())
	for i := range names {
		names[i] = md.Fields().Get(i).JSONName()
	}
	slices.Sort(names)
	return names
}
