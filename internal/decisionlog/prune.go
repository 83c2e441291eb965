package decisionlog

import (
	"fmt"
	"slices"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
)

// maxMaskPaths is how many pointers may be configured.
const maxMaskPaths = 256

// maskPath is a configured JSON pointer, in segments; [every] stands for all
// members or elements.
type maskPath []string

const every = "*"

// unmaskable are members without which a record says nothing.
var unmaskable = []string{"realm", "event", "omitted", "options"}

// parseMask reads configured pointers, and reports all problems with them.
func parseMask(pointers []string) (paths []maskPath, problems []string) {
	if len(pointers) > maxMaskPaths {
		return nil, []string{fmt.Sprintf("mask: there are %d pointers, at most %d are allowed", len(pointers), maxMaskPaths)}
	}
	for i, p := range pointers {
		path, problem := parseMaskPath(p)
		if problem != "" {
			problems = append(problems, fmt.Sprintf("mask[%d]: %q %s", i, shortened(p, 256), problem))
			continue
		}
		paths = append(paths, path)
	}
	return paths, problems
}

func parseMaskPath(pointer string) (path maskPath, problem string) {
	if !strings.HasPrefix(pointer, "/") || len(pointer) > maxNameBytes {
		return nil, "is no JSON pointer into a request, such as /actor/groups"
	}
	for _, segment := range strings.Split(pointer[1:], "/") {
		path = append(path, unescape(segment))
	}
	if slices.Contains(unmaskable, path[0]) {
		return nil, fmt.Sprintf("cannot be masked: without %q a record says nothing", path[0])
	}
	return path, checkMaskPath((*pb.EvaluateRequest)(nil).ProtoReflect().Descriptor(), path)
}

// checkMaskPath returns what is wrong with a path below a message, or "".
func checkMaskPath(d protoreflect.MessageDescriptor, path maskPath) string {
	f := d.Fields().ByJSONName(path[0])
	if f == nil {
		return fmt.Sprintf("names no member: unknown %q%s", path[0], pdp.Suggest(path[0], memberNames(d)))
	}
	path = path[1:]
	if f.IsMap() || f.IsList() {
		if len(path) == 0 {
			return ""
		}
		if f.IsList() && path[0] != every {
			return fmt.Sprintf("names element %q of the list %q; write * for all of them", path[0], f.JSONName())
		}
		path = path[1:]
		if f.IsMap() {
			f = f.MapValue()
		}
	}
	switch {
	case len(path) == 0, f.Message() != nil && !ours(f.Message()):
		return ""
	case f.Message() == nil:
		return fmt.Sprintf("points into %q, which has no members", f.JSONName())
	}
	return checkMaskPath(f.Message(), path)
}

func memberNames(d protoreflect.MessageDescriptor) []string {
	names := make([]string, d.Fields().Len())
	for i := range names {
		names[i] = d.Fields().Get(i).JSONName()
	}
	return names
}

// prune leaves out what a configured path leads to. The message is the masker's
// own copy.
func (m *masker) prune(msg protoreflect.Message, path maskPath) {
	f := msg.Descriptor().Fields().ByJSONName(path[0])
	if f == nil || !msg.Has(f) {
		return
	}
	m.at(path[0], func() {
		v := msg.Get(f)
		switch rest := path[1:]; {
		case len(rest) == 0, f.IsList() && len(rest) == 1:
			m.remove(removed, v)
			msg.Clear(f)
		case f.IsList():
			for i := range v.List().Len() {
				m.pruneBelow(v.List().Get(i).Message(), rest[1:])
			}
		case f.IsMap():
			m.pruneMap(v.Map(), rest)
		default:
			m.pruneBelow(v.Message(), rest)
		}
	})
}

func (m *masker) pruneBelow(msg protoreflect.Message, path maskPath) {
	if of, free := msg.Interface().(*structpb.Struct); free {
		m.pruneJSON(of.GetFields(), path)
		return
	}
	m.prune(msg, path)
}

func (m *masker) pruneMap(of protoreflect.Map, path maskPath) {
	wire := m.path[len(m.path)-1] == "parameters"
	of.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		if path[0] != every && path[0] != k.String() {
			return true
		}
		m.at(k.String(), func() {
			if len(path) > 1 {
				m.pruneBelow(v.Message(), path[1:])
				return
			}
			c := removed
			if wire { // its name stays
				c = never
			}
			m.remove(c, v)
			of.Clear(k)
		})
		return true
	})
}

func (m *masker) pruneJSON(fields map[string]*structpb.Value, path maskPath) {
	for _, key := range sortedKeys(fields) {
		if path[0] != every && path[0] != key {
			continue
		}
		m.at(key, func() {
			v := fields[key]
			if len(path) == 1 {
				m.walker().json(v)
				m.omit()
				delete(fields, key)
				return
			}
			// Of lists and texts there is nothing below that could stay.
			if of := v.GetStructValue(); of != nil {
				m.pruneJSON(of.GetFields(), path[1:])
			}
		})
	}
}
