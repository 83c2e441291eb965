package pdptest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// refused members exist in a message and may not stand in a vector file.
var refused = map[protoreflect.FullName]map[string]string{
	"clientpolicy.v1.Profile": outputOnly("emptyMembers", "global", "etag", "updateTime",
		"author", "revision", "warnings", "available"),
	"clientpolicy.v1.Policy": outputOnly("global", "etag", "updateTime", "author", "revision", "warnings"),
	"clientpolicy.v1.EvaluateRequest": {
		"realm": "is chosen by the runner: leave it out",
	},
	"clientpolicy.v1.PolicyError": {
		"description": "is never compared: leave it out",
	},
}

func outputOnly(names ...string) map[string]string {
	m := make(map[string]string, len(names))
	for _, n := range names {
		m[n] = "is output only: leave it out"
	}
	return m
}

// shape checks a JSON value against a message, by member names and kinds, and
// fills in times. protojson alone would take other spellings of a name, numbers
// for enums, and could not say where a problem lies.
type shape struct {
	*reader
	times bool
}

// decode checks v, fills in times and reads it into m; it reports whether it could.
func (s shape) decode(v *value, m proto.Message, place string) bool {
	before := len(s.problems)
	s.message(v, m.ProtoReflect().Descriptor(), place)
	if len(s.problems) > before {
		return false
	}
	if err := protojson.Unmarshal(v.json(), m); err != nil {
		s.fail(place, "does not read as %s: %s", m.ProtoReflect().Descriptor().Name(), plain(err))
		return false
	}
	return true
}

var jsonPosition = regexp.MustCompile(`^proto:\s*|\(line \d+:\d+\):\s*`)

// plain strips protojson's text of its random spaces and of positions in a text
// that nobody sees.
func plain(err error) string {
	words := strings.Join(strings.Fields(err.Error()), " ")
	return jsonPosition.ReplaceAllString(words, "")
}

func (s shape) message(v *value, md protoreflect.MessageDescriptor, place string) {
	switch md.FullName() {
	case "google.protobuf.Value":
		s.free(v, place)
	case "google.protobuf.Struct":
		if s.is(v, place, object) {
			s.free(v, place)
		}
	case "google.protobuf.Timestamp":
		if t, ok := s.instant(v, place); ok {
			*v = value{kind: text, text: t.Format(time.RFC3339)}
		}
		s.is(v, place, text)
	default:
		s.members(v, md, place)
	}
}

func (s shape) members(v *value, md protoreflect.MessageDescriptor, place string) {
	if !s.is(v, place, object) {
		return
	}
	for _, m := range v.members {
		at := below(place, m.name)
		fd := md.Fields().ByJSONName(m.name)
		if fd == nil {
			s.fail(at, "unknown member of %s: expected one of %s", md.Name(), jsonNames(md))
			continue
		}
		if why, ok := refused[md.FullName()][m.name]; ok {
			s.fail(at, "%q %s", m.name, why)
			continue
		}
		if m.value.kind != null {
			s.field(m.value, fd, at)
		}
	}
}

func jsonNames(md protoreflect.MessageDescriptor) string {
	var names []string
	for i := range md.Fields().Len() {
		name := md.Fields().Get(i).JSONName()
		if _, no := refused[md.FullName()][name]; !no {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func (s shape) field(v *value, fd protoreflect.FieldDescriptor, place string) {
	switch {
	case fd.IsMap():
		if s.is(v, place, object) {
			for _, m := range v.members {
				s.single(m.value, fd.MapValue(), below(place, m.name))
			}
		}
	case fd.IsList():
		if s.is(v, place, list) {
			for i, item := range v.items {
				s.single(item, fd, fmt.Sprintf("%s/%d", place, i))
			}
		}
	default:
		s.single(v, fd, place)
	}
}

func (s shape) single(v *value, fd protoreflect.FieldDescriptor, place string) {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		s.message(v, fd.Message(), place)
	case protoreflect.EnumKind:
		s.enum(v, fd.Enum(), place)
	case protoreflect.BoolKind:
		s.is(v, place, boolean)
	case protoreflect.StringKind:
		if t, ok := s.instant(v, place); ok {
			v.text = strconv.FormatInt(t.Unix(), 10)
		}
		s.is(v, place, text)
	default: // numbers
		if t, ok := s.instant(v, place); ok {
			*v = seconds(t)
		}
		s.is(v, place, number, text)
	}
}

// enum demands a name: protojson would also take numbers, and such as no value has.
func (s shape) enum(v *value, ed protoreflect.EnumDescriptor, place string) {
	if !s.is(v, place, text) {
		return
	}
	if found := ed.Values().ByName(protoreflect.Name(v.text)); found == nil {
		s.fail(place, "unknown value %q: expected one of %s", v.text, enumNames(ed))
	}
}

func enumNames(ed protoreflect.EnumDescriptor) string {
	var names []string
	for i := 1; i < ed.Values().Len(); i++ {
		names = append(names, string(ed.Values().Get(i).Name()))
	}
	return strings.Join(names, ", ")
}

// free fills in times where a document has no fixed members.
func (s shape) free(v *value, place string) {
	for i, item := range v.items {
		s.free(item, fmt.Sprintf("%s/%d", place, i))
	}
	for _, m := range v.members {
		s.free(m.value, below(place, m.name))
	}
	if t, ok := s.instant(v, place); ok {
		*v = seconds(t)
	}
}

func seconds(t time.Time) value {
	return value{kind: number, text: strconv.FormatInt(t.Unix(), 10)}
}

var (
	relative = regexp.MustCompile(`^@now([+-][0-9]{1,9})?$`)
	nearly   = regexp.MustCompile(`^@now($|[^A-Za-z])`)
)

// instant returns the time that a relative value stands for.
func (s shape) instant(v *value, place string) (time.Time, bool) {
	if !s.times || v.kind != text || !nearly.MatchString(v.text) {
		return time.Time{}, false
	}
	match := relative.FindStringSubmatch(v.text)
	if match == nil {
		s.fail(place, "unreadable time %q: write \"@now\", \"@now+300\" or \"@now-60\", in seconds", v.text)
		return time.Time{}, false
	}
	offset, _ := strconv.ParseInt(match[1], 10, 64) // empty or at most nine digits
	return s.now.Add(time.Duration(offset) * time.Second), true
}

// is demands one of the kinds.
func (r *reader) is(v *value, place string, kinds ...kind) bool {
	if slices.Contains(kinds, v.kind) {
		return true
	}
	r.fail(place, "is %s: expected %s", v.kind, kinds[0])
	return false
}
